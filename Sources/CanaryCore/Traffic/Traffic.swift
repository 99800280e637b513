/// What came in each minute of some days.
package struct Traffic: Sendable {
  package struct Minute: Hashable, Sendable {
    package var requests = 0.0
    /// Answers with a status from 500 on.
    package var errors = 0.0
  }

  package private(set) var minutes: [Int: Minute] = [:]
  /// Durations by the hour since 1970, where the log has them.
  package private(set) var durations: [Int: Histogram] = [:]
  package private(set) var lines = 0
  package var unreadable = 0
  private var last = 0
  private var pending = Minute()

  package init() {}

  package mutating func add(_ line: TrafficParser.Line) {
    lines += 1
    if line.minute != last { flush(line.minute) }
    pending.requests += 1
    if line.status >= 500 { pending.errors += 1 }
    if let milliseconds = line.milliseconds {
      durations[line.minute / 60, default: Histogram()].record(milliseconds: Int64(milliseconds))
    }
  }

  /// Counts that somebody else has made, such as a rate of Prometheus over one minute.
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

  /// All of them, rounded: a rate of Prometheus need not give whole ones.
  package var requests: Int { Int(minutes.values.reduce(0) { $0 + $1.requests }.rounded()) }

  /// Ends the reading; nothing is counted that was not flushed.
  package mutating func close() { flush(last) }

  /// Forgets what is older than so many days before the newest minute.
  package mutating func keep(days: Int) {
    guard let newest = minutes.keys.max() else { return }
    let oldest = newest - days * 1440
    minutes = minutes.filter { $0.key > oldest }
    durations = durations.filter { $0.key * 60 > oldest }
  }
}
