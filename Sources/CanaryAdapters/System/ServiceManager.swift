internal import CSystem
internal import Glibc

/// Reports to systemd, as `sd_notify(3)` does; does nothing when not started by it.
package enum ServiceManager {
  /// Sends lines such as `READY=1` to the socket that `NOTIFY_SOCKET` names.
  package static func tell(_ lines: String...) {
    guard let path = getenv("NOTIFY_SOCKET").map({ String(cString: $0) }),
      let first = path.utf8.first,
      first == UInt8(ascii: "/") || first == UInt8(ascii: "@")
    else { return }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
    // An address in the abstract name space starts with a zero byte.
    if first == UInt8(ascii: "@") { bytes[0] = 0 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let file = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard file >= 0 else { return }
    defer { close(file) }
    let text = Array(lines.joined(separator: "\n").utf8)
    let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = sendto(file, text, text.count, Int32(MSG_DONTWAIT), $0, length)
      }
    }
  }

  /// The monotonic clock in microseconds, which systemd wants with a reload.
  package static var monotonic: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
  }
}
