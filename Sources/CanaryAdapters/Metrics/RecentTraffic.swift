package import CanaryCore

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
    guard Files.isPlain(path) else { return nil }
    var parser = TrafficParser(now: now)
    // Whole minutes, without the one that is not over.
    let last = Int(now.second / 60) - 1
    let minutes = (last - Int(span.seconds / 60) + 1)...last
    var recent = Outlook.Recent(span: span)
    var oldest = last + 1
    LogFile.lines(path, last: most) { line in
      let bytes = UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: line))
      guard let found = parser.parse(bytes) else { return }
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
}
