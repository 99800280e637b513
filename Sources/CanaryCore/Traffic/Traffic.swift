/// The requests of each minute of some days, counted from access logs or Prometheus.
package struct Traffic: Sendable {
  package struct Minute: Hashable, Sendable {
    package var requests = 0.0
    /// How many answers had a status of 500 or above.
    package var errors = 0.0
  }

  /// Counts by the minute since 1970 (UTC); a log's last minute is missing until `close`.
  package private(set) var minutes: [Int: Minute] = [:]
  /// Durations by the hour since 1970 (UTC), if the log has them.
  package private(set) var durations: [Int: Histogram] = [:]
  package private(set) var lines = 0
  /// Whether what was counted says which requests failed: a log does, a rate of requests does not.
  private var knowsErrors = false
  package var unreadable = 0
  private var last = 0
  private var pending = Minute()

  package init() {}

  package mutating func add(_ line: TrafficParser.Line) {
    lines += 1
    if line.minute != last { flush(line.minute) }
    pending.requests += 1
    knowsErrors = true
    if line.status >= 500 { pending.errors += 1 }
    if let milliseconds = line.milliseconds {
      durations[line.minute / 60, default: Histogram()].record(milliseconds: Int64(milliseconds))
    }
  }

  /// Adds a count that was made elsewhere, such as Prometheus's rate over one minute.
  package mutating func add(minute: Int, requests: Double) {
    minutes[minute, default: Minute()].requests += requests
  }

  private mutating func flush(_ next: Int) {
    if pending.requests > 0 {
      minutes[last, default: Minute()].requests += pending.requests
      minutes[last, default: Minute()].errors += pending.errors
    }
    pending = Minute()
    last = next
  }

  /// The number of all requests, rounded, because a rate of Prometheus need not be a whole number.
  package var requests: Int {
    Int(saturating: minutes.values.reduce(0) { $0 + $1.requests })
  }

  /// The share of failures; nil: there was no request, or nobody counted failures.
  func errorRate(_ errors: Double, of requests: Double) -> Double? {
    knowsErrors && requests > 0 ? errors / requests : nil
  }

  /// Counts the minute that is being read; call it after the last line of each log.
  package mutating func close() { flush(last) }

  /// Drops everything older than `days` days before the newest minute.
  package mutating func keep(days: Int) {
    guard let newest = minutes.keys.max() else { return }
    let oldest = newest - days * 1440
    minutes = minutes.filter { $0.key > oldest }
    durations = durations.filter { $0.key * 60 > oldest }
  }
}
