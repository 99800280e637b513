internal import CSystem
internal import Glibc

/// The system's log, as syslog(3) reaches it; where there is none, nothing is told.
package struct SystemLog: Sendable {
  private let path: String

  package init(_ path: String = "/dev/log") { self.path = path }

  /// Adds a line, of the kind that only administrators read; never waits.
  func tell(_ line: String) {
    // authpriv (10) and notice (5), by RFC 3164.
    Datagram.send("<\(10 << 3 | 5)>canary[\(getpid())]: \(line)", to: path)
  }
}

/// Messages to a Unix socket that takes them one by one.
enum Datagram {
  /// Sends one message, if the socket is there and has room.
  ///
  /// A path that begins with `@` is in the abstract name space.
  static func send(_ message: String, to path: String) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
    // An address in the abstract name space starts with a zero byte.
    if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let file = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard file >= 0 else { return }
    defer { close(file) }
    let text = Array(message.utf8)
    let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = sendto(file, text, text.count, Int32(MSG_DONTWAIT), $0, length)
      }
    }
  }
}
