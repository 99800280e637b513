internal import CSystem
internal import CanaryCore
internal import Glibc

/// Whom a file or folder belongs to, and who may change it.
///
/// In `run`, `state` and `include` others may have put something in the place of a file of ours: a
/// link that leads elsewhere, a pipe that never answers, a file without end. None of that is
/// followed, waited for, emptied or believed.
package enum Trust {
  /// What is wrong with an open file that should be a plain one of ours; nil: nothing.
  static func fault(_ file: CInt, _ path: String, isLinked: Bool) -> String? {
    var facts = stat()
    guard fstat(file, &facts) == 0 else { return String(cString: strerror(errno)) }
    guard facts.st_mode & S_IFMT == S_IFREG else { return "it is \(kind(facts.st_mode))" }
    // Nginx's files have a second name while they are put in place; no other one of ours does.
    guard isLinked || facts.st_nlink <= 1 else { return "it has a second name (a hard link)" }
    return foreign(facts.st_uid, in: Files.folder(of: path))
  }

  /// Why a file of that owner in the folder is not ours; nil: it is.
  ///
  /// It belongs to root, to this user or to the folder's own, or to one of a group that shares the
  /// folder.
  private static func foreign(_ owner: uid_t, in folder: String) -> String? {
    if owner == 0 || owner == geteuid() { return nil }
    var facts = stat()
    guard stat(folder, &facts) == 0 else { return nil }
    if facts.st_uid == owner || facts.st_mode & 0o2020 == 0o2020 { return nil }
    return "it belongs to another user (uid \(owner))"
  }

  private static func kind(_ mode: mode_t) -> String {
    switch mode & S_IFMT {
    case S_IFDIR: "a folder"
    case S_IFIFO: "a pipe (FIFO)"
    case S_IFLNK: "a symbolic link"
    case S_IFSOCK: "a socket"
    case S_IFBLK, S_IFCHR: "a device"
    default: "no plain file"
    }
  }

  /// Why something else than a plain file of ours stands there; nil: it is one, or there is none.
  package static func fault(of path: String) -> String? {
    var facts = stat()
    guard lstat(path, &facts) == 0 else { return nil }
    guard facts.st_mode & S_IFMT == S_IFREG else { return "it is \(kind(facts.st_mode))" }
    guard facts.st_nlink <= 1 else { return "it has a second name (a hard link)" }
    return foreign(facts.st_uid, in: Files.folder(of: path))
  }

  /// Why others than root and this user may decide what stands in the file; nil: nobody else may.
  ///
  /// The file and its folder belong to root or to this user, nobody else may write them, and no
  /// folder above can be exchanged. The way is followed through links.
  package static func stranger(_ path: String) -> (fault: String, cure: String)? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    let path = String(cString: real)
    var step = path
    // What the root folder belongs to is nobody's choice, as in a container.
    while step != "/" {
      var facts = stat()
      guard lstat(step, &facts) == 0 else { return nil }
      let isNear = step == path || step == Files.folder(of: path)
      if facts.st_uid != 0, facts.st_uid != geteuid() {
        return ("\(step) belongs to \(ThisProcess.name(of: facts.st_uid))", "chown root \(step)")
      }
      // Above the file's folder, a sticky folder such as /tmp lets nobody take another's away.
      let isSticky = facts.st_mode & S_ISVTX != 0
      if facts.st_mode & (S_IWGRP | S_IWOTH) != 0, isNear || !isSticky {
        return (
          "\(facts.st_mode & S_IWOTH != 0 ? "everybody" : "its group") may write \(step)",
          "chmod go-w \(step)"
        )
      }
      step = Files.folder(of: step)
    }
    return nil
  }
}

// Files of `run`, `state` and `include`.
extension Files {
  /// Opens a plain file of ours, and nothing that stands in its place.
  ///
  /// Never waits, never follows a link, and empties nothing. `isLinked`: it may have a second name.
  static func openOwn(
    _ path: String, _ flags: CInt, mode: UInt32 = 0, isLinked: Bool = false, _ doing: String
  ) throws(FileError) -> CInt {
    let file = canary_open(path, flags | O_NOFOLLOW | O_NONBLOCK, mode)
    guard file >= 0 else {
      let code = errno
      let fault = Trust.fault(of: path)
      throw fault.map { FileError(doing, path, saying: $0, code: code) }
        ?? FileError(doing, path, code: code)
    }
    if let fault = Trust.fault(file, path, isLinked: isLinked) {
      close(file)
      throw FileError(doing, path, saying: fault, code: EPERM)
    }
    if flags & O_CREAT != 0 { giveToOwner(file, of: path) }
    return file
  }

  /// As root, hands a new file to the user of its folder, who has to go on with it.
  static func giveToOwner(_ file: CInt, of path: String) {
    guard geteuid() == 0 else { return }
    var (folder, facts) = (stat(), stat())
    guard stat(Files.folder(of: path), &folder) == 0, folder.st_uid != 0, fstat(file, &facts) == 0,
      facts.st_uid == 0
    else { return }
    fchown(file, folder.st_uid, folder.st_gid)
  }

  /// Takes what stands at a path of ours out of the way, whatever it is; whether that worked.
  ///
  /// A folder is renamed, because it may hold what somebody still wants.
  @discardableResult
  static func clearWay(_ path: String) -> Bool {
    unlink(path) == 0 || errno == ENOENT
      || rename(path, "\(path).aside-\(getpid())-\(SystemClock.now.milliseconds)") == 0
  }

  /// Whether it is a folder, and no link to one.
  static func isOwnFolder(_ path: String) -> Bool {
    var facts = stat()
    return lstat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR
  }

  /// Whether it is a file, or a link to one.
  static func isPlain(_ path: String) -> Bool {
    var facts = stat()
    return stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFREG
  }

  /// Whether anything stands there, be it a link that leads nowhere.
  static func isThere(_ path: String) -> Bool {
    var facts = stat()
    return lstat(path, &facts) == 0
  }

  /// A plain file of ours as text; nil when it does not exist.
  package static func readOwn(
    _ path: String, limit: Int = 16 << 20, isLinked: Bool = false
  ) throws(FileError) -> String? {
    let file: CInt
    do throws(FileError) {
      file = try openOwn(path, O_RDONLY, isLinked: isLinked, "cannot read")
    } catch {
      if error.code == ENOENT || error.code == ENOTDIR { return nil }
      throw error
    }
    defer { close(file) }
    return try text(file, path, limit: limit)
  }

  /// A plain file of ours as text; nil when it does not exist or cannot be used.
  package static func ownContents(
    _ path: String, limit: Int = 16 << 20, isLinked: Bool = false
  ) -> String? {
    (try? readOwn(path, limit: limit, isLinked: isLinked)) ?? nil
  }
}
