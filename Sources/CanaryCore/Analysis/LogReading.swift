/// The readings of one stage's checks from the access log: from counts, and from the comparison.
package struct LogReading {
  private let context: StageContext
  private let now: Instant
  private let judge: ComparisonJudge?

  package init(_ context: StageContext, at now: Instant, _ judge: ComparisonJudge?) {
    self.context = context
    self.now = now
    self.judge = judge
  }

  /// The comparison with which a rollout begins; nil when its plan compares nothing.
  ///
  /// `baseline` is what stable did in the minutes before the rollout (`baselineSpan`).
  package static func judge(_ context: StageContext, baseline: PoolCounts) -> ComparisonJudge? {
    let plan = context.plan
    guard !plan.comparisons.isEmpty else { return nil }
    return ComparisonJudge(
      rollout: context.rollout, checks: plan.comparisons, limits: plan.limits,
      stages: plan.stages.count,
      alpha: plan.alpha ?? Plan.usualAlpha, baseline: baseline, most: plan.strictestErrorBound)
  }

  /// How far the baseline reaches back before the rollout.
  package static let baselineSpan = Span.minutes(10)

  /// The measurement of a check whose source is the log.
  package func measure(_ check: Check, _ tally: inout LogTally) -> Measurement {
    Measurement(check: check.name, at: now, reading: reading(check, &tally))
  }

  private func reading(_ check: Check, _ tally: inout LogTally) -> Measurement.Reading {
    guard let metric = check.source.logMetric else { return .failed("not from the log") }
    if check.source.isShadow { return plain(metric, check, PoolTable.shadowName, &tally) }
    if check.condition.versus != nil {
      guard
        var compared = judge?.report(
          check.name, margin: check.condition.versus?.worseBy, at: now)
      else { return .nothing("nothing was compared yet") }
      // An alarm must revert the rollout even in a stage that leaves out the check which raised it:
      // the first comparison of the stage reports it.
      if let accused = judge?.accused {
        let asked = context.plan.checks(stage: context.stage).filter {
          $0.compared != nil && !$0.advisory
        }.map(\.name)
        if !asked.contains(accused), asked.first == check.name { compared.isWorse = true }
      }
      if check.condition.hasBound,
        case .value(let value, let requests) = plain(
          metric, check, context.canary, beside: context.stable, &tally)
      {
        compared.windowed = value
        compared.windowedRequests = requests
        compared.keys = keys(check)
      }
      return .compared(compared)
    }
    let canary = plain(metric, check, context.canary, beside: context.stable, &tally)
    guard check.weighsStable, case .value(let value, let requests?) = canary else {
      return canary
    }
    guard case .value(let stable, let stables?) = stables(metric, check, &tally) else {
      return .beside(
        value, requests: requests, stable: nil, stableRequests: 0, keys: keys(check))
    }
    return .beside(
      value, requests: requests, stable: stable, stableRequests: stables, keys: keys(check))
  }

  private func keys(_ check: Check) -> LimitKeys? {
    judge?.keys(check, isCompared: context.weight > .none && context.weight < .all)
  }

  /// Stable's metric over the check's window or, where it has too few requests in that, over the
  /// last minutes: what little stable still answers excuses the canary as much.
  private func stables(_ metric: Metric, _ check: Check, _ tally: inout LogTally)
    -> Measurement.Reading
  {
    let now = plain(metric, check, context.stable, &tally)
    if case .value(_, let requests?) = now, requests >= check.minRequests { return now }
    guard context.weight < .all else { return now }
    let counts = tally.total(
      pool: context.stable, from: (self.now - Self.baselineSpan).second, through: self.now.second)
    return reading(metric, counts, check, window: Self.baselineSpan)
  }

  /// The metric of one pool over the check's window, which never reaches back before the stage.
  private func plain(
    _ metric: Metric, _ check: Check, _ pool: PoolName, beside other: PoolName? = nil,
    _ tally: inout LogTally
  ) -> Measurement.Reading {
    let from = min(now, max(context.since + check.warmup, now - check.window))
    // The second in which the stage began does not count: its first part had another weight.
    let first = from.milliseconds % 1000 == 0 ? from.second : from.second + 1
    let window = (min(first, now.second), now.second)
    var counts = tally.total(pool: pool, from: window.0, through: window.1)
    let stable = other.map { tally.total(pool: $0, from: window.0, through: window.1) }
    counts.blame(
      beside: metric == .errorRate ? stable : nil,
      laterThan: metric.quantile == nil ? nil : check.condition.max)
    let reading = reading(metric, counts, check, window: now - from)
    guard case .nothing(let why) = reading, counts.requests == 0, let stable else { return reading }
    return .nothing(
      stable.requests == 0 ? "\(why)\(Self.silence)" : "\(why), \(stable.requests) on stable")
  }

  /// What a reading says where neither pool has any request: the fault is on the way to both.
  package static let silence = ", none on stable either"

  private func reading(_ metric: Metric, _ counts: PoolCounts, _ check: Check, window: Span)
    -> Measurement.Reading
  {
    // Not every request has a latency of the server's own.
    let requests = metric.quantile == nil ? counts.requests : counts.latency.count
    return Judge.reading(
      metric, requests: requests, failures: counts.bad(metric), window: window,
      whose: check.source.isShadow ? "shadow" : "canary",
      quantile: { counts.latency.quantile($0) })
  }
}
