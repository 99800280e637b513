internal import CSystem
internal import Glibc

// What the group of a folder may do in it.
extension Files {
  /// 02770 if the folder is shared with its group (setgid and group-writable), otherwise 0750.
  package static func sharedMode(of folder: String) -> UInt32 {
    var facts = stat()
    guard stat(folder, &facts) == 0 else { return 0o750 }
    return facts.st_mode & 0o2020 == 0o2020 ? 0o2770 : 0o750
  }

  /// The first folder on the way to the sets in a folder that other users may not enter; nil: all are
  /// open.
  package static func closedSet(in seats: String) -> String? {
    let pairs = names(in: seats).filter { !$0.hasPrefix("@") }.sorted()
    let sets = pairs.isEmpty ? [seats] : pairs.map { "\(seats)/\($0)/now" }
    return sets.lazy.compactMap(closedFolder).first
  }

  /// What the file system of a folder has no more of; nil: it has room, or cannot be asked.
  package static func lack(at path: String) -> (isOfFiles: Bool, words: String)? {
    var room = statvfs()
    guard statvfs(path, &room) == 0 else { return nil }
    // Some file systems count no inodes.
    if room.f_files > 0, room.f_favail == 0 { return (true, "has no room for another file") }
    return room.f_blocks > 0 && room.f_bavail == 0 ? (false, "is full") : nil
  }

  /// Whether the group of a folder may write in it.
  package static func isSharedWithGroup(_ folder: String) -> Bool {
    var facts = stat()
    return stat(folder, &facts) == 0 && facts.st_mode & S_IWGRP != 0
  }

  /// Lets nobody but its user, or the group as well, use a database file and its companions; files
  /// of other users stay as they are.
  package static func share(_ path: String, withGroup: Bool) {
    var owner = stat()
    let isOthers = geteuid() == 0 && stat(folder(of: path), &owner) == 0 && owner.st_uid != 0
    for name in [path, path + "-wal", path + "-shm"] {
      // By its name: closing a descriptor of the file would drop every lock that SQLite holds on it.
      var facts = stat()
      guard lstat(name, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else { continue }
      if isOthers, facts.st_uid == 0 { lchown(name, owner.st_uid, owner.st_gid) }
      let mode = facts.st_mode & 0o777
      let wanted = withGroup ? mode & 0o770 | 0o660 : mode & 0o750
      if mode != wanted { chmod(name, wanted) }
    }
  }
}
