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
      fold(&next, check, measurement.at, value: value, requests: requests)
    case .answer(let good, let seen):
      next.value = good ? 1 : 0
      settle(&next, check, measurement.at, good: good, detail: seen)
    }
    return next
  }

  private static func fold(
    _ state: inout CheckState, _ check: Check, _ at: Instant, value: Double, requests: Int?
  ) {
    guard value.isFinite else {
      state.verdict = .inconclusive
      state.detail = "the value is \(value): not a number to judge by"
      return
    }
    if let requests, requests < check.minRequests {
      state.verdict = .inconclusive
      state.detail = "\(requests) canary requests in \(check.window), \(check.minRequests) needed"
      return
    }
    state.value = value
    let broken = brokenBound(check.condition, value)
    let shown = Shown(check.source)
    var detail = shown.text(value)
    switch broken {
    case .above(let bound): detail += " > \(shown.text(bound))"
    case .below(let bound): detail += " < \(shown.text(bound))"
    case .none:
      if let max = check.condition.max { detail += " ≤ \(shown.text(max))" }
      if let min = check.condition.min { detail += " ≥ \(shown.text(min))" }
    }
    if let requests, check.source != .metric(.requests) { detail += " over \(requests) requests" }
    settle(&state, check, at, good: broken == .none, detail: detail)
  }

  private enum Broken: Equatable {
    case none
    case above(Double)
    case below(Double)
  }

  /// The bound itself passes.
  private static func brokenBound(_ condition: Condition, _ value: Double) -> Broken {
    if let max = condition.max, value > max { return .above(max) }
    if let min = condition.min, value < min { return .below(min) }
    return .none
  }

  /// Applies `for` and `failures`: broken once is not yet failed, and never passed.
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
    if !longEnough { state.detail += " (for \(at - since) of \(check.lasting))" }
    if !oftenEnough { state.detail += " (\(state.brokenCount) of \(check.failures) in a row)" }
  }

  /// The reading of a built-in metric: what the window's counts say.
  package static func reading(
    _ metric: Metric, requests: Int, failures: Int, window: Span, quantile: (Double) -> Double?
  ) -> Measurement.Reading {
    switch metric {
    case .requests: return .value(Double(requests), requests: requests)
    case .requestRate:
      guard window > .zero else { return .nothing("the stage has only begun") }
      return .value(Double(requests) / window.seconds, requests: requests)
    case .errorRate:
      if requests == 0 { return .nothing("no canary requests in \(window)") }
      return .value(Double(failures) / Double(requests), requests: requests)
    case .latencyP50, .latencyP95, .latencyP99:
      guard let value = metric.quantile.flatMap(quantile) else {
        return .nothing("no canary requests in \(window)")
      }
      return .value(value, requests: requests)
    }
  }
}

/// How a value of a source is written for a person: shares in percent, latencies in time.
package struct Shown {
  private enum Unit { case share, time, plain }
  private let unit: Unit

  package init(_ source: Source) {
    switch source {
    case .metric(.errorRate): unit = .share
    case .metric(let metric): unit = metric.quantile == nil ? .plain : .time
    case .probe, .command: unit = .plain
    }
  }

  package func text(_ value: Double) -> String {
    switch unit {
    case .share: Self.decimal(value * 100, places: 2) + "%"
    case .time:
      value < 1
        ? Self.decimal(value * 1000, places: 0) + "ms" : Self.decimal(value, places: 2) + "s"
    case .plain: Self.decimal(value, places: 3)
    }
  }

  /// The number with at most so many decimals and none that are zero.
  package static func decimal(_ value: Double, places: Int) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    let scale = [1.0, 10, 100, 1000][min(max(places, 0), 3)]
    let scaled = (value * scale).rounded()
    let whole = Int64(abs(scaled) / scale)
    let rest = Int64(abs(scaled)) - whole * Int64(scale)
    var text = (scaled < 0 ? "-" : "") + "\(whole)"
    if rest > 0 {
      var digits = "\(rest)"
      while digits.utf8.count < places { digits = "0" + digits }
      while digits.hasSuffix("0") { digits.removeLast() }
      text += "." + digits
    }
    return text
  }
}
