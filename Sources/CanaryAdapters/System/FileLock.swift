package import CanaryCore
package import CanaryDriver
internal import CSystem
internal import Glibc

/// A lock that the kernel drops when its process dies; the file holds the pid of who has it, for people.
package final class FileLock: Lease {
  private let file: CInt

  private init(file: CInt) { self.file = file }
  deinit { close(file) }

  /// The lock, or nil when another process has it at the end of `patience`, which is never shorter
  /// than the moment for which `holder` touches it.
  ///
  /// With `marked`, the file names this process as the last one that had it. With `perHolder`, patience begins anew
  /// with each marked one that gets it before us: a long line is not somebody who is stuck.
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
    guard marked else { return FileLock(file: file) }
    ftruncate(file, 0)
    let text = Array("\(getpid())\n".utf8)
    _ = pwrite(file, text, text.count, 0)
    return FileLock(file: file)
  }

  /// Who holds the lock now: the pid as written by the holder; nil when nobody does.
  package static func holder(_ path: String) -> Int32? {
    let file = canary_open(path, O_RDONLY, 0)
    guard file >= 0 else { return nil }
    defer { close(file) }
    // A shared lock that is taken for an instant: refused exactly when somebody holds the exclusive one.
    if flock(file, LOCK_SH | LOCK_NB) == 0 {
      flock(file, LOCK_UN)
      return nil
    }
    return lastHolder(path) ?? 0
  }

  /// The pid that was written last, whether it still lives or not.
  package static func lastHolder(_ path: String) -> Int32? {
    guard let text = try? Files.read(path, limit: 64) else { return nil }
    return Int32(text.prefix { $0.isNumber })
  }
}

/// The rights of a host as locks on files in `run`.
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
