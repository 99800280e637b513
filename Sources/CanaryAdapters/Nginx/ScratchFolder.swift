internal import CanaryCore
internal import Glibc

/// A folder in /tmp for one test of Nginx's files, and what a killed one has left there.
///
/// A test copies secrets of the tree, such as keys, so nothing of it may stay behind.
enum ScratchFolder {
  private static let prefix = "canary-check-"

  /// A new folder of this process alone; nil: there is no room in /tmp.
  static func make() -> String? {
    sweep()
    var template = Array("/tmp/\(prefix)\(getpid())-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { return nil }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  static func remove(_ folder: String) {
    _ = try? Spawn.run(["rm", "-rf", folder], limit: .minutes(1))
  }

  /// Removes the folders of this user whose process is gone.
  private static func sweep() {
    for name in Files.names(in: "/tmp") where name.hasPrefix(prefix) {
      var facts = stat()
      let path = "/tmp/\(name)"
      guard let pid = Int32(name.dropFirst(prefix.count).prefix { $0 != "-" }),
        kill(pid, 0) != 0, errno == ESRCH, lstat(path, &facts) == 0,
        facts.st_mode & S_IFMT == S_IFDIR, facts.st_uid == geteuid()
      else { continue }
      remove(path)
    }
  }
}
