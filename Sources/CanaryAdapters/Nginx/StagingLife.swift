internal import CSystem
internal import Glibc

/// The sign that the process of an installation lives, running or stopped: locks in its folder.
final class StagingLife {
  /// A file in the folder that only this user and root can open, and so lock; -1: it is the mark's.
  private let own: CInt
  /// The folder itself, which an older canary looks at; -1: the mark stands for it.
  private let folder: CInt

  /// With a mark, the file is that one by a second name, and takes no lock of its own.
  init(_ folder: String, _ mark: StagingMark?) {
    if let mark, mark.link(as: Self.path(folder)) {
      (own, self.folder) = (-1, -1)
      return
    }
    self.folder = canary_open(folder, O_RDONLY | O_DIRECTORY, 0)
    if self.folder >= 0 { flock(self.folder, LOCK_EX | LOCK_NB) }
    let path = Self.path(folder)
    own = (try? Files.openOwn(path, O_RDWR | O_CREAT, mode: 0o600, "cannot make")) ?? -1
    if own >= 0 { flock(own, LOCK_EX | LOCK_NB) }
  }

  deinit {
    for file in [own, folder] where file >= 0 { close(file) }
  }

  private static func path(_ folder: String) -> String { "\(folder)/alive" }

  /// Whether the process that made the folder lives.
  ///
  /// Everybody can open the folder, and so lock it: that counts only where 0.1.0 made it.
  static func lasts(in folder: String) -> Bool {
    let own = canary_open(path(folder), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0)
    if own < 0, errno != ENOENT { return true }
    let file = own >= 0 ? own : canary_open(folder, O_RDONLY | O_DIRECTORY, 0)
    guard file >= 0 else { return true }
    defer { close(file) }
    return flock(file, LOCK_SH | LOCK_NB) != 0
  }
}
