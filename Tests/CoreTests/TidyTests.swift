import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// What a formatter cannot see of the style of this repository.
@Suite(.busy) struct TidyTests {
  static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }

  private func files(_ folder: String, _ ending: String) throws -> [(path: String, text: String)] {
    let ran = try Spawn.run(
      ["find", "\(Self.root)/\(folder)", "-name", "*.\(ending)"], limit: .seconds(20))
    return try ran.output.split(separator: "\n").map(String.init).sorted().map {
      ($0, try Files.read($0) ?? "")
    }
  }

  @Test func `the tree is tidy`() throws {
    let sources = try files("Sources", "swift")
    #expect(sources.count > 40)
    for (path, text) in sources {
      #expect(text.count { $0 == "\n" } <= 300, "\(path) is more than one room")
      for word in ["try!", "FIXME", "TODO", "fatalError", "import Foundation\n"] {
        #expect(!text.contains(word), "\(path) has \(word)")
      }
      for line in text.split(separator: "\n") {
        #expect(line.count <= 240, "\(path): \(line.prefix(60))")
      }
      // The logarithm is the system's; nothing else of it is the core's business.
      if path.contains("/CanaryCore/"), !path.hasSuffix("/Mathematics.swift") {
        #expect(!text.contains("import "), "\(path): the core imports nothing")
      }
    }
  }

  @Test func `the only Nginx syntax is in the templates`() throws {
    for (path, text) in try files("Sources", "swift") where !path.hasSuffix("NginxTrial.swift") {
      for word in ["proxy_pass ", "proxy_set_header ", "upstream {"] {
        #expect(!text.contains(word), "\(path) has \(word)")
      }
    }
  }
}
