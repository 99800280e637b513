/// What a check says; the worst of several wins, and no data is never good.
package enum Verdict: String, Hashable, Comparable, Sendable, Codable, CaseIterable {
  case pass
  /// Not measured long enough, or broken but not yet for as long or as often as the check demands.
  case pending
  /// No data, not a number, or too few requests.
  case inconclusive
  /// The source does not answer: nothing is known of the release.
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
    /// A number in the unit of the check, with the requests it rests on where that is known.
    case value(Double, requests: Int?)
    /// A number, with words of its source that a person should see.
    case noted(Double, String)
    /// A number of the canary beside the same one of stable, each with the requests that it rests on.
    case beside(Double, requests: Int, stable: Double?, stableRequests: Int)
    /// What a comparison with stable says.
    indirect case compared(ComparisonReport)
    /// A yes or no with what was seen.
    case answer(Bool, String)
    /// Nothing to measure.
    case nothing(String)
    /// The source did not answer.
    case failed(String)
  }

  package var check: CheckName
  package var at: Instant
  package var reading: Reading

  package init(check: CheckName, at: Instant, reading: Reading) {
    self.check = check
    self.at = at
    self.reading = reading
  }
}

/// How often a check said what in one stage, and between which values; exact, however few of its measurements are kept.
package struct Totals: Hashable, Sendable, Codable {
  package var pass = 0
  package var pending = 0
  package var inconclusive = 0
  package var error = 0
  package var fail = 0
  /// Changes of the verdict.
  package var changes = 0
  /// Of the measurements that were numbers.
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

/// What a check has said so far in this stage; folded from its measurements one by one.
package struct CheckState: Hashable, Sendable, Codable {
  package var name: CheckName
  package var verdict = Verdict.pending
  package var value: Double?
  package var detail = "not measured yet"
  package var measuredAt: Instant?
  package var advisory: Bool
  /// Since when, and how many times running, the condition has been broken.
  package var brokenSince: Instant?
  package var brokenCount = 0
  package var measurements = 0
  @Sparse package var totals = Totals()

  package init(_ check: Check) {
    name = check.name
    advisory = check.advisory
  }

  /// What the verdict on the next measurement rests on: the state without its words and totals.
  package var grounds: CheckState {
    var grounds = self
    grounds.value = nil
    grounds.detail = ""
    grounds.totals = Totals()
    return grounds
  }

  /// Whether the check is to be measured now.
  package func isDue(_ check: Check, soak: Span, stageStart: Instant, at now: Instant) -> Bool {
    if now < stageStart + check.warmup { return false }
    return nextDue(check, soak: soak).map { now >= $0 } ?? true
  }

  /// When the check is to be measured again; nil when it was not measured yet.
  ///
  /// Longer intervals end at a whole second, so that the drivers of many rollouts wake together; what an answer takes of a
  /// second does not slow the pace.
  package func nextDue(_ check: Check, soak: Span) -> Instant? {
    guard let measuredAt else { return nil }
    let interval = check.interval(soak: soak)
    let due = measuredAt + interval
    return interval < Self.shortestWhole ? due : due.wholeSecond
  }

  /// From this interval on, up to a second less is no matter.
  private static let shortestWhole = Span.seconds(2)
}
