internal import CSystem
internal import Glibc

// What an installation asks of the disk.
extension Staging {
  /// Makes a folder that everybody may rename who may write in `include`; false when another process
  /// got in between.
  static func make(
    _ path: String, like include: String, mayExist: Bool
  ) throws(FileError) -> Bool {
    var facts = stat()
    guard stat(include, &facts) == 0 else { throw FileError("cannot write in", include) }
    if mkdir(path, 0o755) != 0 {
      if errno == EEXIST { return mayExist }
      if errno == ENOENT { return false }
      throw FileError("cannot write in", include)
    }
    chmod(path, facts.st_mode & 0o7777)
    if geteuid() == 0 { chown(path, facts.st_uid, facts.st_gid) }
    return true
  }

  /// Waits for the disk to have all that was staged.
  static func syncAll(_ include: String) {
    let folder = canary_open(include, O_RDONLY | O_DIRECTORY, 0)
    guard folder >= 0 else { return }
    _ = canary_syncfs(folder)
    close(folder)
  }

  /// Waits for the disk to have what was moved.
  static func sync(_ include: String) {
    let folder = canary_open(include, O_RDONLY | O_DIRECTORY, 0)
    guard folder >= 0 else { return }
    fsync(folder)
    close(folder)
  }

  static func removeAll(_ folder: String) {
    for name in Files.names(in: folder) {
      let file = "\(folder)/\(name)"
      if unlink(file) != 0, errno == EISDIR || errno == EPERM { removeAll(file) }
    }
    rmdir(folder)
  }
}
