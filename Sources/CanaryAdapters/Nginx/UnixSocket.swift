internal import CSystem
internal import CanaryCore
internal import Glibc

/// Sockets in the file system, on which Nginx listens.
enum UnixSocket {
  enum Outcome {
    case connected(CInt)
    /// Nothing listens, and nothing can listen on this file again.
    case refused
    case failed(CInt)
  }

  static func connect(_ path: String) -> Outcome {
    // Does not wait: a stuck Nginx with a full backlog is an answer too.
    let kind =
      Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let file = Glibc.socket(AF_UNIX, kind, 0)
    guard file >= 0 else { return .failed(errno) }
    guard let (found, length) = address(path) else {
      close(file)
      return .failed(ENAMETOOLONG)
    }
    var address = found
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(file, $0, length) }
    }
    if code == 0 { return .connected(file) }
    let fault = errno
    close(file)
    return fault == ECONNREFUSED ? .refused : .failed(fault)
  }

  /// The path as an address; nil when it is too long for one.
  static func address(_ path: String) -> (sockaddr_un, socklen_t)? {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return (address, socklen_t(MemoryLayout<sockaddr_un>.size))
  }

  /// The first line that the socket sends by itself, about half a kilobyte at most.
  ///
  /// `limit` bounds each wait for bytes.
  static func line(_ path: String, limit: Span) -> Result<String, WorkerProbe.NoAnswer> {
    switch connect(path) {
    case .refused, .failed(ENOENT): return .failure(.nobody)
    case .failed(let code): return .failure(.other(String(cString: strerror(code))))
    case .connected(let file):
      defer { close(file) }
      var bytes: [UInt8] = []
      var chunk = [UInt8](repeating: 0, count: 512)
      while bytes.count < 512, bytes.last != 10 {
        var poller = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
        guard poll(&poller, 1, Int32(limit.milliseconds)) > 0 else {
          return .failure(.other("no answer within \(limit)"))
        }
        let count = read(file, &chunk, chunk.count)
        guard count > 0 else { break }
        bytes += chunk[..<count]
      }
      return .success(String(decoding: bytes, as: UTF8.self))
    }
  }

  /// Removes the socket file of a killed Nginx, which would keep the next one from starting;
  /// whether it did.
  ///
  /// An Nginx that just starts has bound its socket, and listens a moment later: it is asked twice.
  static func removeStale(_ path: String) -> Bool {
    guard isRefused(path), !isBound(path) else { return false }
    usleep(50_000)
    return isRefused(path) && unlink(path) == 0
  }

  private static func isRefused(_ path: String) -> Bool {
    switch connect(path) {
    case .refused: return true
    case .connected(let file): close(file)
    case .failed: break
    }
    return false
  }

  /// Whether a process of this network namespace has the socket, listening or not.
  private static func isBound(_ path: String) -> Bool {
    Files.contents("/proc/net/unix", limit: 64 << 20)?.contains(" \(path)\n") ?? false
  }
}
