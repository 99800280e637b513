package import CanaryCore
package import CanaryDriver
internal import CSystem
internal import Glibc

/// A lock on a file, which the kernel drops when its process dies; the file holds the pid of its
/// last holder.
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
    let file = canary_open(path, O_RDWR | O_CREAT, 0o644)
    guard file >= 0 else { throw FileError("cannot open the lock", path) }
    var waited = Span.zero
    var mark = perHolder ? Files.signature(of: path) : nil
    while flock(file, LOCK_EX | LOCK_NB) != 0 {
      guard errno == EWOULDBLOCK || errno == EINTR, waited < patience else {
        close(file)
        return nil
      }
      usleep(10_000)
      waited = waited + Span(milliseconds: 10)
      if perHolder, let found = Files.signature(of: path), found != mark {
        mark = found
        waited = .zero
      }
    }
    guard marked else { return FileLock(file: file, path: path) }
    ftruncate(file, 0)
    let text = Array("\(getpid())\n".utf8)
    _ = pwrite(file, text, text.count, 0)
    return FileLock(file: file, path: path)
  }

  /// Whether the path still names the file that is locked.
  package var isInPlace: Bool {
    var (mine, found) = (stat(), stat())
    return fstat(file, &mine) == 0 && stat(path, &found) == 0 && mine.st_ino == found.st_ino
      && mine.st_dev == found.st_dev
  }

  /// The pid of the process that holds the lock; 0 when the file does not say, nil when none holds
  /// it.
  package static func holder(_ path: String) -> Int32? {
    let file = canary_open(path, O_RDONLY, 0)
    guard file >= 0 else { return nil }
    defer { close(file) }
    // A shared lock for an instant: refused exactly while another process holds the exclusive one.
    if flock(file, LOCK_SH | LOCK_NB) == 0 {
      flock(file, LOCK_UN)
      return nil
    }
    return lastHolder(path) ?? 0
  }

  /// The pid written last, whether that process still lives or not; nil when there is none.
  package static func lastHolder(_ path: String) -> Int32? {
    guard let text = try? Files.read(path, limit: 64) else { return nil }
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
        Fault(error.description, hint: "The folder is set by `run` in the config"))
    }
  }

  package func holder(_ right: LeaseRight) -> Int32? { FileLock.holder(run.lock(right)) }
  package func lastHolder(_ right: LeaseRight) -> Int32? { FileLock.lastHolder(run.lock(right)) }
}
