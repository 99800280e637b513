internal import CSystem
internal import Glibc
internal import Synchronization

/// Shows that the process of many installations lives: a locked file, of which each has a second
/// name.
///
/// A lock for each would need as many open files as there are services. Only this user and root can
/// open it, and so lock it.
final class StagingMark {
  /// For all of these installations: to look for the master takes a look at every process.
  let reader: MasterReader
  private let path: String
  private let file: CInt

  private static let count = Atomic<Int>(0)
  private static let prefix = ".alive."

  /// Makes the file; nil where it cannot be: then each installation has a lock of its own.
  init?(_ include: String, _ reader: MasterReader) {
    let root = Staging.root(include)
    guard (try? Staging.make(root, like: include, mayExist: true)) == true else { return nil }
    let number = Self.count.wrappingAdd(1, ordering: .relaxed).newValue
    let path = "\(root)/\(Self.prefix)\(getpid())-\(number)"
    guard
      let file = try? Files.openOwn(
        path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600, "cannot make")
    else { return nil }
    flock(file, LOCK_EX | LOCK_NB)
    self.path = path
    self.file = file
    self.reader = reader
  }

  deinit {
    unlink(path)
    rmdir(Files.folder(of: path))
    close(file)
  }

  /// Gives the file a second name; false where the file system has none.
  func link(as name: String) -> Bool { Glibc.link(path, name) == 0 }

  /// Whether a process holds the lock of a mark; nil: it cannot be opened.
  private static func isLocked(_ path: String) -> Bool? {
    let file = canary_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0)
    guard file >= 0 else { return nil }
    defer { close(file) }
    return flock(file, LOCK_SH | LOCK_NB) != 0
  }

  /// Removes what killed processes left.
  static func removeDead(_ root: String) {
    for name in Files.names(in: root) where name.hasPrefix(prefix) {
      if isLocked("\(root)/\(name)") == false { unlink("\(root)/\(name)") }
    }
  }
}
