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
    Datagram.send(lines.joined(separator: "\n"), to: path)
  }

  /// The monotonic clock in microseconds, which systemd wants with a reload.
  package static var monotonic: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
  }
}
