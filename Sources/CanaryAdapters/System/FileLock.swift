package import CanaryCore
package import CanaryDriver
internal import CSystem
internal import Glibc

/// A lock on a file, which the kernel drops when its process dies; the file holds the pid of its
/// last holder.
///
/// Nobody else can open the file, so nobody else can hold its lock.
package final class FileLock: Lease {
  private let file: CInt
  private let path: String

  private init(file: CInt, path: String) {
    self.file = file
    self.path = path
  }
  deinit { close(file) }

  /// The lock; nil when another process still holds it after `patience`, at least 0.1 s.
  ///
  /// That minimum outlasts the moment for which `holder` touches the lock. With `marked`, this
  /// process's pid is written into the file. With `perHolder`, `patience` starts again at each new
  /// pid in the file: a long queue does not mean that its holder hangs.
  package static func acquire(
    _ path: String, patience: Span = .zero, marked: Bool = true, perHolder: Bool = false
  ) throws(FileError) -> FileLock? {
    let patience = max(patience, .seconds(0.1))
    var waited = Span.zero
    var mark = perHolder ? Files.signature(of: path) : nil
    while true {
      if let file = try lockedNow(path) {
        if marked { write(file) }
        return FileLock(file: file, path: path)
      }
      guard waited < patience else { return nil }
      usleep(10_000)
      waited = waited + Span(milliseconds: 10)
      if perHolder, let found = Files.signature(of: path), found != mark {
        mark = found
        waited = .zero
      }
    }
  }

  /// Whether the path still names the file that is locked.
  package var isInPlace: Bool { Self.isInPlace(file, path) }

  private static func isInPlace(_ file: CInt, _ path: String) -> Bool {
    var (mine, found) = (stat(), stat())
    return fstat(file, &mine) == 0 && lstat(path, &found) == 0 && mine.st_ino == found.st_ino
      && mine.st_dev == found.st_dev
  }

  /// The file, locked; nil while a process of ours has the lock.
  private static func lockedNow(_ path: String) throws(FileError) -> CInt? {
    let isShared = Files.isSharedWithGroup(Files.folder(of: path))
    let file = try opened(path, mode: isShared ? 0o660 : 0o600)
    // Whoever can open a file can lock it, and a file that 0.1.0 made is open to everybody: it is
    // replaced, unless a canary has locked it. No other one can open the new file.
    if isOpenToOthers(file, isShared: isShared) {
      defer { close(file) }
      if keeper(of: file, isShared: isShared) == nil { unlink(path) }
      return nil
    }
    while flock(file, LOCK_EX | LOCK_NB) != 0 {
      if errno == EINTR { continue }
      close(file)
      return nil
    }
    // It may have been replaced since it was opened.
    guard isInPlace(file, path) else {
      close(file)
      return nil
    }
    return file
  }

  private static func opened(_ path: String, mode: UInt32) throws(FileError) -> CInt {
    do throws(FileError) {
      let file = try Files.openOwn(path, O_RDWR | O_CREAT, mode: mode, "cannot open the lock")
      // A strict umask takes the group its part.
      var facts = stat()
      if fstat(file, &facts) == 0, facts.st_size == 0, facts.st_uid == geteuid() {
        fchmod(file, mode)
      }
      return file
    } catch {
      // Nothing but a lock belongs there: a link, a pipe or another's file must not keep a rollout
      // from its brake.
      guard Trust.fault(of: path) != nil, Files.clearWay(path) else { throw error }
      return try Files.openOwn(path, O_RDWR | O_CREAT, mode: mode, "cannot open the lock")
    }
  }

  private static func write(_ file: CInt) {
    ftruncate(file, 0)
    let text = Array("\(getpid())\n".utf8)
    _ = pwrite(file, text, text.count, 0)
  }

  private static func isOpenToOthers(_ file: CInt, isShared: Bool) -> Bool {
    var facts = stat()
    guard fstat(file, &facts) == 0 else { return false }
    return facts.st_mode & (isShared ? 0o007 : 0o077) != 0
  }

  /// The canary that has locked the file, by what the kernel says of its locks; nil: none.
  ///
  /// A process of root or of the folder's user counts, or of anybody where a group shares it.
  private static func keeper(of file: CInt, isShared: Bool) -> Int32? {
    var facts = stat()
    return fstat(file, &facts) == 0 ? keeper(facts, isShared: isShared) : nil
  }

  private static func keeper(_ facts: stat, isShared: Bool) -> Int32? {
    guard let locks = Files.contents("/proc/locks") else { return nil }
    for line in locks.split(separator: "\n") {
      // 1: FLOCK  ADVISORY  WRITE 4711 00:19:1234 0 EOF
      let words = line.split(separator: " ")
      guard words.count > 5, words[1] == "FLOCK", words[3] == "WRITE", let pid = Int32(words[4]),
        words[5].split(separator: ":").last.flatMap({ UInt64($0) }) == UInt64(facts.st_ino),
        Files.contents("/proc/\(pid)/comm", limit: 64)?.firstLine == "canary"
      else { continue }
      var process = stat()
      guard stat("/proc/\(pid)", &process) == 0 else { continue }
      if isShared || [0, geteuid(), facts.st_uid].contains(process.st_uid) { return pid }
    }
    return nil
  }

  /// The pid of the process that holds the lock; 0 when the file does not say, nil when none holds
  /// it.
  package static func holder(_ path: String) -> Int32? {
    let isShared = Files.isSharedWithGroup(Files.folder(of: path))
    guard let file = try? Files.openOwn(path, O_RDONLY, "cannot read") else {
      // It is closed to this user, but not what the kernel says of it.
      var facts = stat()
      guard lstat(path, &facts) == 0, Trust.fault(of: path) == nil else { return nil }
      return keeper(facts, isShared: isShared)
    }
    defer { close(file) }
    if isOpenToOthers(file, isShared: isShared) { return keeper(of: file, isShared: isShared) }
    // A shared lock for an instant: refused exactly while another process holds the exclusive one.
    if flock(file, LOCK_SH | LOCK_NB) == 0 {
      flock(file, LOCK_UN)
      return nil
    }
    return lastHolder(path) ?? 0
  }

  /// The pid written last, whether that process still lives or not; nil when there is none.
  package static func lastHolder(_ path: String) -> Int32? {
    guard let text = Files.ownContents(path, limit: 64) else { return nil }
    return Int32(text.prefix { $0.isNumber })
  }
}

/// The leases of a host, as locks on files in `run`.
package struct FileLeases: Leases {
  private let run: RunFolder

  package init(_ run: RunFolder) { self.run = run }

  package func acquire(
    _ right: LeaseRight, patience: Span, marked: Bool
  ) throws(LeaseError) -> (any Lease)? {
    do throws(FileError) {
      try Files.makeFolder(run.path)
      return try FileLock.acquire(run.lock(right), patience: patience, marked: marked)
    } catch {
      throw LeaseError(
        RightsAdvice.unwritable(run.path, "run")
          ?? Fault(error.description, hint: "The folder is set by `run` in the config"))
    }
  }

  package func holder(_ right: LeaseRight) -> Int32? { FileLock.holder(run.lock(right)) }
  package func lastHolder(_ right: LeaseRight) -> Int32? { FileLock.lastHolder(run.lock(right)) }
}
