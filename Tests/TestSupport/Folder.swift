internal import CanaryAdapters
internal import CanaryCore
internal import Glibc

/// A temporary folder that goes with its value.
package final class Folder {
  package let path: String

  package init() throws {
    var template = Array("/tmp/canary-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SandboxError("no temporary folder") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { _ = try? Spawn.run(["rm", "-rf", path], limit: .seconds(20)) }
}
