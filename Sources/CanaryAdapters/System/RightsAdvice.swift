internal import CSystem
internal import CanaryCore
internal import Glibc

/// What a person can do who lacks a right on this host.
enum RightsAdvice {
  /// The fault of one who may not enter the folder or read in it; nil: that is not what is wrong.
  static func unreadable(_ folder: String, _ file: String) -> Fault? {
    guard access(file, R_OK) != 0, errno == EACCES else { return nil }
    let group = group(of: folder)
    let member = group.map { ", or as a member of the group \($0): usermod -aG \($0) \(me)" } ?? ""
    return Fault(
      "you (\(me)) may not read the state in \(folder)",
      hint: "Run the command with sudo\(member)")
  }

  /// The fault of one who may not write there; nil: that is not what is wrong.
  static func unwritable(_ folder: String, _ key: String) -> Fault? {
    if Files.isThere(folder), !Files.isFolder(folder) {
      return Fault(
        "\(folder) is a file, not a folder", hint: "Correct `\(key)` in the config")
    }
    guard access(folder, W_OK | X_OK) != 0 else { return nil }
    switch errno {
    case EACCES:
      return Fault(
        "you (\(me)) may not write in \(folder)",
        hint:
          "Run the command with sudo. While a controller runs (systemctl start canary), members of its group need no sudo"
      )
    case EROFS:
      return Fault(
        "\(folder) is on a file system that is mounted read-only",
        hint: "Mount it with rw, or correct `\(key)` in the config")
    default: return nil
    }
  }

  private static var me: String { ThisProcess.name(of: geteuid()) }

  /// The group that may read in the folder; nil: none may, or it is root's.
  private static func group(of folder: String) -> String? {
    var facts = stat()
    guard stat(folder, &facts) == 0, facts.st_gid != 0, facts.st_mode & S_IRGRP != 0 else {
      return nil
    }
    return getgrgid(facts.st_gid).map { String(cString: $0.pointee.gr_name) }
  }
}
