/// What a check says, from best to worst: the worst of several wins, and no data is never good.
package enum Verdict: String, Hashable, Comparable, Sendable, Codable, CaseIterable {
  case pass
  /// Not measured yet, suspect, or not broken as long or as often as the check demands.
  case pending
  /// No data, not a number, too few requests, or a fault of both pools.
  case inconclusive
  /// The source does not answer, so nothing is known of the release.
  case error
  case fail

  private var badness: Int {
    switch self {
    case .pass: 0
    case .pending: 1
    case .inconclusive: 2
    case .error: 3
    case .fail: 4
    }
  }

  package static func < (left: Self, right: Self) -> Bool { left.badness < right.badness }
}

/// One reading of one check.
package struct Measurement: Hashable, Sendable, Codable {
  package enum Reading: Hashable, Sendable, Codable {
    /// A number in the unit of the check, with the requests that it rests on; nil: unknown.
    case value(Double, requests: Int?)
    /// A number, with words of its source that you should see.
    case noted(Double, String)
    /// The canary's number and stable's, each with its requests; stable's is nil when it has none.
    ///
    /// With the evidence that the canary's is no chance, and not stable's as well.
    case beside(
      Double, requests: Int, stable: Double?, stableRequests: Int, keys: LimitKeys? = nil)
    /// A comparison with stable.
    indirect case compared(ComparisonReport)
    /// Yes or no, with what was seen.
    case answer(Bool, String)
    /// Nothing to measure, with the reason.
    case nothing(String)
    /// The source did not answer, with the reason.
    case failed(String)
  }

  package var check: CheckName
  package var at: Instant
  package var reading: Reading
  /// What the source has seen beside the reading, and you must know; nil: nothing.
  package var remark: String?

  package init(check: CheckName, at: Instant, reading: Reading) {
    self.check = check
    self.at = at
    self.reading = reading
  }
}

/// How often a check gave each verdict in one stage, and the range of its values.
///
/// They are exact, even though few of the measurements are kept.
package struct Totals: Hashable, Sendable, Codable {
  package var pass = 0
  package var pending = 0
  package var inconclusive = 0
  package var error = 0
  package var fail = 0
  /// How often the verdict changed.
  package var changes = 0
  /// How many measurements were numbers; `sum`, `least` and `most` are those of these.
  package var values = 0
  package var sum = 0.0
  package var least: Double?
  package var most: Double?

  package init() {}

  package mutating func count(_ verdict: Verdict, _ value: Double?, changed: Bool) {
    switch verdict {
    case .pass: pass += 1
    case .pending: pending += 1
    case .inconclusive: inconclusive += 1
    case .error: error += 1
    case .fail: fail += 1
    }
    if changed { changes += 1 }
    guard let value, value.isFinite else { return }
    values += 1
    sum += value
    least = min(least ?? value, value)
    most = max(most ?? value, value)
  }
}

/// The state of a check in one stage, updated by each measurement.
package struct CheckState: Hashable, Sendable, Codable {
  package var name: CheckName
  package var verdict = Verdict.pending
  package var value: Double?
  package var detail = "not measured yet"
  package var measuredAt: Instant?
  package var advisory: Bool
  /// Since when the condition has been broken; nil: it is not.
  package var brokenSince: Instant?
  /// How many times in a row the condition was broken.
  package var brokenCount = 0
  package var measurements = 0
  @Sparse package var totals = Totals()

  package init(_ check: Check) {
    name = check.name
    advisory = check.advisory
  }

  /// What the verdict on the next measurement rests on: the state without value, words and totals.
  package var grounds: CheckState {
    var grounds = self
    grounds.value = nil
    grounds.detail = ""
    grounds.totals = Totals()
    return grounds
  }

  /// Whether the check should be measured now.
  package func isDue(_ check: Check, soak: Span, stageStart: Instant, at now: Instant) -> Bool {
    if now < stageStart + check.warmup { return false }
    return nextDue(check, soak: soak).map { now >= $0 } ?? true
  }

  /// When the check should be measured next; nil before its first measurement.
  ///
  /// Intervals of two seconds and more end at a whole second, so that the drivers of many rollouts
  /// wake together; rounding down also keeps a slow answer from delaying every later one.
  package func nextDue(_ check: Check, soak: Span) -> Instant? {
    guard let measuredAt else { return nil }
    var interval = check.interval(soak: soak)
    // A source that failed is asked again soon, however seldom it is asked otherwise.
    if verdict == .error { interval = min(interval, Self.retryInterval) }
    let due = measuredAt + interval
    return interval < Self.shortestWhole ? due : due.wholeSecond
  }

  /// The longest pause after a source has not answered.
  private static let retryInterval = Span.seconds(5)

  /// From this interval on, up to a second less does not matter.
  private static let shortestWhole = Span.seconds(2)
}
