package import CanaryCore
internal import Glibc

/// What stable did in the last minutes, from the end of an access log.
package enum RecentTraffic {
  /// How far back it looks.
  package static let span = Span.minutes(10)
  /// The most that is read of a log's end, in bytes.
  private static let most = 64 << 20

  /// The counts of the first of the service's logs that has any line of that time, and its path;
  /// nil: none has.
  package static func read(_ service: Service, _ config: Config, now: Instant)
    -> (recent: Outlook.Recent, path: String)?
  {
    let named = service.accessLogs.compactMap { $0.split(separator: " ").first.map(String.init) }
    for path in [config.log(of: service.name)] + named {
      if let found = read(path, now: now), found.requests > 0 { return (found, path) }
    }
    return nil
  }

  private static func read(_ path: String, now: Instant) -> Outlook.Recent? {
    guard Files.isPlain(path), let size = Files.size(of: path) else { return nil }
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var parser = TrafficParser(now: now)
    // Whole minutes, without the one that is not over.
    let last = Int(now.second / 60) - 1
    let minutes = (last - Int(span.seconds / 60) + 1)...last
    var recent = Outlook.Recent(span: span)
    var oldest = last + 1
    var first = true
    let start = max(0, size - most)
    guard lseek(file, off_t(start), SEEK_SET) >= 0 else { return nil }
    forEachLine(of: file) { line in
      // The first one may be the rest of a line.
      defer { first = false }
      guard !(first && start > 0), let found = parser.parse(line) else { return }
      oldest = min(oldest, found.minute)
      guard minutes.contains(found.minute) else { return }
      recent.requests += 1
      if found.status >= 500 { recent.failures += 1 }
      if let time = found.milliseconds { recent.latency.record(milliseconds: Int64(time)) }
    }
    // A log that is younger than that, or of which no more was read.
    if oldest > minutes.lowerBound {
      recent.span = .minutes(Int64(max(1, last - oldest + 1)))
    }
    return recent
  }

  private static func forEachLine(of file: CInt, _ take: (UnsafeRawBufferPointer) -> Void) {
    var kept: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = chunk.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
      guard count > 0 else { return }
      kept += chunk[..<count]
      var start = 0
      kept.withUnsafeBytes { bytes in
        while let end = bytes[start...].firstIndex(of: 10) {
          if end > start { take(UnsafeRawBufferPointer(rebasing: bytes[start..<end])) }
          start = end + 1
        }
      }
      kept.removeFirst(start)
      // No line of a log is as long.
      if kept.count > 1 << 20 { kept = [] }
    }
  }
}
