/// Turns measurements into verdicts, by the rules of one check.
package enum Judge {
  /// The state of a check after one more measurement.
  package static func fold(_ state: CheckState, _ check: Check, _ measurement: Measurement)
    -> CheckState
  {
    var next = state
    next.measuredAt = measurement.at
    next.measurements += 1
    next.value = nil
    switch measurement.reading {
    case .nothing(let why):
      next.verdict = .inconclusive
      next.detail = why
    case .failed(let why):
      next.verdict = .error
      next.detail = why
    case .value(let value, let requests):
      take(&next, check, measurement.at, threshold(check, value, requests, shared: nil))
      if value.isFinite { next.value = value }
    case .noted(let value, let words):
      take(&next, check, measurement.at, threshold(check, value, nil, shared: nil))
      next.detail += words
      if value.isFinite { next.value = value }
    case .beside(let value, let requests, let stable, let stableRequests, let keys):
      let shared = stableRequests > 0 ? stable : nil
      take(
        &next, check, measurement.at, threshold(check, value, requests, shared: shared, keys: keys))
      if value.isFinite { next.value = value }
    case .compared(let compared):
      var outcome = comparison(check, compared)
      if check.condition.hasBound {
        outcome = worst(
          outcome,
          threshold(
            check, compared.windowed ?? .nan, compared.windowedRequests, shared: nil,
            keys: compared.keys))
      }
      next.value = compared.canary.requests > 0 ? compared.canary.rate : nil
      take(&next, check, measurement.at, outcome)
    case .answer(let good, let seen):
      next.value = good ? 1 : 0
      take(&next, check, measurement.at, good ? .good(seen) : .broken(seen))
    }
    if let remark = measurement.remark { next.detail += "; \(remark)" }
    next.totals.count(next.verdict, next.value, changed: next.verdict != state.verdict)
    return next
  }

  /// What one measurement says before `for` and `failures` are applied.
  enum Outcome {
    case good(String)
    /// Undecided, and waiting a moment will not change that: the verdict is `inconclusive`.
    case held(String)
    /// Undecided until more is known: the verdict is `pending`.
    case waiting(String)
    case broken(String)

    var badness: Int {
      switch self {
      case .good: 0
      case .waiting: 1
      case .held: 2
      case .broken: 3
      }
    }

    var text: String {
      switch self {
      case .good(let text), .held(let text), .waiting(let text), .broken(let text): text
      }
    }
  }

  /// The worse of both outcomes; the texts of two good ones are joined.
  private static func worst(_ left: Outcome, _ right: Outcome) -> Outcome {
    if left.badness == right.badness, case .good = left {
      return .good("\(left.text); \(right.text)")
    }
    return left.badness >= right.badness ? left : right
  }

  private static func take(
    _ state: inout CheckState, _ check: Check, _ at: Instant, _ outcome: Outcome
  ) {
    switch outcome {
    case .good(let text): settle(&state, check, at, good: true, detail: text)
    case .broken(let text): settle(&state, check, at, good: false, detail: text)
    case .held(let text):
      state.verdict = .inconclusive
      state.detail = text
    case .waiting(let text):
      state.verdict = .pending
      state.detail = text
    }
  }

  /// Judges a value by the bounds of its check.
  ///
  /// `shared` is stable's value in the same window, which may excuse the canary; nil: none.
  private static func threshold(
    _ check: Check, _ value: Double, _ requests: Int?, shared: Double?, keys: LimitKeys? = nil
  ) -> Outcome {
    guard value.isFinite else { return .held("the value is \(value): not a number to judge by") }
    if let requests, requests < check.minRequests {
      let whose = check.source.isShadow ? "shadow" : "canary"
      return .held(
        "\(requests) \(whose) \(Text.noun(requests, "request")) in \(check.window), \(check.minRequests) needed"
      )
    }
    let broken = brokenBound(check.condition, value)
    let shown = ValueFormat(check.source)
    var detail = shown.text(value)
    switch broken {
    case .above(let bound): detail += " > \(shown.text(bound))"
    case .below(let bound): detail += " < \(shown.text(bound))"
    case .none:
      if let max = check.condition.max { detail += " ≤ \(shown.text(max))" }
      if let min = check.condition.min { detail += " ≥ \(shown.text(min))" }
    }
    if let requests, check.source.logMetric != .requests {
      let noun =
        check.source.isShadow
        ? Text.noun(requests, "copy", "copies") : Text.noun(requests, "request")
      detail += " over \(requests) \(noun)"
    }
    if broken == .none { return .good(detail) }
    if check.weighsStable, let shared, brokenBound(check.condition, shared) != .none {
      return .held(
        "\(detail), but stable has \(shown.text(shared)) itself: a fault of both, the canary is not blamed"
      )
    }
    guard check.weighsStable else { return .broken(detail) }
    if keys.map({ $0.bound < $0.alarm }) ?? mayBeChance(check, value, requests) {
      return .waiting("\(detail), which so few may do by chance")
    }
    if let keys, let beside = keys.beside, beside < keys.alarm {
      let odds = ComparisonReport.odds(beside)
      return .waiting(
        "\(detail), but not clearly more than stable: 1 in \(odds) if they were alike; 1 in \(ComparisonReport.odds(keys.alarm)) reverts"
      )
    }
    return .broken(detail)
  }

  /// Whether chance may explain an error rate above its bound, where no evidence was kept.
  ///
  /// It may while the rate is less than three standard errors of the bound above it.
  private static func mayBeChance(_ check: Check, _ value: Double, _ requests: Int?) -> Bool {
    guard check.source == .metric(.errorRate), let bound = check.condition.max, value > bound,
      bound > 0, bound < 1, let requests
    else { return false }
    let error = (bound * (1 - bound) / Double(max(1, requests))).squareRoot()
    return value - bound < 3 * error
  }

  private enum Broken: Equatable {
    case none
    case above(Double)
    case below(Double)
  }

  /// The bound that the value breaks; the bound itself passes.
  private static func brokenBound(_ condition: Condition, _ value: Double) -> Broken {
    if let max = condition.max, value > max { return .above(max) }
    if let min = condition.min, value < min { return .below(min) }
    return .none
  }

  /// Applies `for` and `failures`: a broken check is pending until it has been broken long and
  /// often enough.
  private static func settle(
    _ state: inout CheckState, _ check: Check, _ at: Instant, good: Bool, detail: String
  ) {
    guard !good else {
      state.verdict = .pass
      state.detail = detail
      state.brokenSince = nil
      state.brokenCount = 0
      return
    }
    let since = state.brokenSince ?? at
    state.brokenSince = since
    state.brokenCount += 1
    let longEnough = at - since >= check.lasting
    let oftenEnough = state.brokenCount >= check.failures
    state.verdict = longEnough && oftenEnough ? .fail : .pending
    state.detail = detail
    if !longEnough { state.detail += " (for \((at - since).whole) of \(check.lasting))" }
    if !oftenEnough { state.detail += " (\(state.brokenCount) of \(check.failures) in a row)" }
  }

  /// The reading of a built-in metric from the counts of its window.
  ///
  /// `whose` names the pool in the text; `quantile` returns a latency in seconds, nil: none.
  package static func reading(
    _ metric: Metric, requests: Int, failures: Int, window: Span, whose: String = "canary",
    quantile: (Double) -> Double?
  ) -> Measurement.Reading {
    switch metric {
    case .requests: return .value(Double(requests), requests: requests)
    case .requestRate:
      guard window > .zero else { return .nothing("the stage has only begun") }
      return .value(Double(requests) / window.seconds, requests: requests)
    case .errorRate, .rejectedRate, .redirectRate, .cutOffRate, .tinyRate:
      if requests == 0 { return .nothing("no \(whose) requests in \(window.inWholeSeconds)") }
      return .value(Double(failures) / Double(requests), requests: requests)
    case .latencyP50, .latencyP95, .latencyP99:
      guard let value = metric.quantile.flatMap(quantile) else {
        return .nothing("no \(whose) requests in \(window.inWholeSeconds)")
      }
      return .value(value, requests: requests)
    }
  }
}
