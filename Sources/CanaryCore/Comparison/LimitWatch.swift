/// A bound of a check on the canary itself, as a share of its requests that are bad.
package struct LimitSpec: Hashable, Sendable, Codable {
  package var name: CheckName
  /// A request that takes longer is bad, in milliseconds; nil: one that fails.
  package var longest: Int64?
  /// The bound holds while no larger share than this is bad.
  package var share: Double
  /// How long after the start of a stage nothing counts.
  package var warmup: Span

  /// The bound of a check that is weighed against stable; nil for any other check.
  package init?(_ check: Check) {
    guard check.weighsStable, let metric = check.source.logMetric, let max = check.condition.max
    else { return nil }
    name = check.name
    warmup = check.warmup
    if let quantile = metric.quantile {
      guard max < 1e9 else { return nil }
      longest = Int64((max * 1000).rounded(.down))
      share = 1 - quantile
    } else {
      guard metric == .errorRate, max > 0, max < 1 else { return nil }
      share = max
    }
  }

  /// The requests of these counts, and how many of them are bad.
  func count(_ counts: PoolCounts) -> BadCount {
    guard let longest else { return BadCount(counts.requests, bad: counts.failures) }
    return BadCount(counts.latency.count, bad: counts.latency.count(above: longest))
  }
}

/// What is needed to blame the canary for a broken bound: it is no chance, and no fault of both.
package struct LimitKeys: Hashable, Sendable, Codable {
  /// A canary that keeps its bound ever shows this much in at most 1 of this many rollouts.
  package var bound: Double
  /// The same of a canary that is like stable; nil: nothing is drawn that could be compared.
  package var beside: Double?
  /// How much of each is needed.
  package var alarm: Double

  package init(bound: Double, beside: Double?, alarm: Double) {
    self.bound = bound
    self.beside = beside
    self.alarm = alarm
  }
}

/// The evidence that the canary breaks a bound, and that stable does not break it alike.
///
/// Two bets on the same question, each with a capital of its own: that more of the canary's
/// requests are bad than the bound allows (formula 3 of docs/judge.md, on every try, as the check
/// counts them), and that its odds of a bad one are worse than stable's (formula 1, on first
/// tries).
struct LimitWatch: Hashable, Sendable, Codable {
  let spec: LimitSpec
  var bound: Wealth
  var beside: Wealth
  private let logs: [[Double]]
  private var boundBurst: Burst?
  private var besideBurst: Burst?
  private var open = Stratum()
  /// What was taken already of the last seconds, whose lines may still come.
  private var taken: [Int64: BadCount] = [:]

  private static let multiples = [1.2, 1.5, 2, 6, 30, 600]
  private static let ratios = [2.0, 4, 10, 40, 1000]
  /// For so many seconds a line may come late.
  static let latest: Int64 = 10

  init(_ spec: LimitSpec, stages: Int) {
    self.spec = spec
    let (good, bad) = Bound.factors(spec.share, Self.multiples)
    logs = [good.map(Mathematics.log), bad.map(Mathematics.log)]
    bound = Wealth(effects: Self.multiples.count, stages: stages)
    beside = Wealth(effects: Self.ratios.count, stages: stages)
    if spec.longest != nil {
      boundBurst = Burst(effects: Self.multiples.count)
      besideBurst = Burst(effects: Self.ratios.count)
    }
  }

  var isSound: Bool {
    logs.count == 2 && logs.allSatisfy { $0.count == bound.placed.count }
      && beside.placed.count == Self.ratios.count
  }

  // MARK: the bound, by what was counted

  /// Takes what a second of the canary holds more than it did before.
  mutating func take(_ counts: PoolCounts, second: Int64) {
    let now = spec.count(counts)
    let before = taken[second] ?? BadCount()
    let bad = now.bad - before.bad
    let good = now.requests - before.requests - bad
    guard bad >= 0, good >= 0, bad + good > 0 else { return }
    taken[second] = now
    let logs = logs
    bound.scale(within: &boundBurst, at: second * 1000) { capital in
      for index in capital.indices {
        capital[index] *= Mathematics.exp(
          min(230, Double(good) * logs[0][index] + Double(bad) * logs[1][index]))
      }
    }
  }

  /// Forgets what no line can add to any more.
  mutating func forget(before second: Int64) { taken = taken.filter { $0.key >= second } }

  // MARK: beside stable, by what chance drew

  @inline(__always)
  mutating func add(isCanary: Bool, failed: Bool?, latency: Int64?, at time: Int64) {
    let isBad: Bool
    if let longest = spec.longest {
      guard let latency else { return }
      isBad = latency > longest
      if failed == nil, !isBad { return }
    } else {
      guard let failed else { return }
      isBad = failed
    }
    if open.isEmpty { open.began = time }
    if isCanary { open.canary.add(isBad) } else { open.stable.add(isBad) }
    if open.isComplete(at: time) { close(at: time) }
  }

  /// Closes the open stratum, whatever it holds.
  mutating func close(at time: Int64) {
    if open.canary.bad &+ open.stable.bad > 0 {
      beside.bet(open, Self.ratios, within: &besideBurst, at: time)
    }
    open = Stratum()
  }
}

extension ComparisonJudge {
  /// Counts what the canary did since this was last called, for the bounds of the plan.
  package mutating func watch(_ tally: inout LogTally, _ context: StageContext, at now: Instant) {
    guard !watches.isEmpty, let pool = tally.pools.firstIndex(of: context.canary) else { return }
    tally.close()
    // The second in which the stage began does not count: its first part had another weight.
    let first = context.since.wholeSecond.second + 1
    let from = max(first, (watchedTo ?? first) - LimitWatch.latest)
    guard from <= now.second else { return }
    for second in max(from, now.second - 3600)...now.second {
      guard let counts = tally.slices[second]?[pool], counts.requests > 0 else { continue }
      for index in watches.indices
      where second * 1000 >= (context.since + watches[index].spec.warmup).milliseconds {
        watches[index].take(counts, second: second)
      }
    }
    watchedTo = now.second
    for index in watches.indices {
      watches[index].forget(before: now.second - 2 * LimitWatch.latest)
    }
  }

  /// The evidence on the bound of a check; nil: it is not watched.
  func keys(_ check: Check, isCompared: Bool) -> LimitKeys? {
    guard let spec = LimitSpec(check), let watch = watches.first(where: { $0.spec == spec })
    else { return nil }
    return LimitKeys(
      bound: watch.bound.total, beside: isCompared ? watch.beside.total : nil, alarm: 1 / alpha)
  }
}

extension Plan {
  /// The bounds of the plan and its stages that are weighed against stable.
  package var limits: [LimitSpec] {
    var found: [LimitSpec] = []
    for check in checks + stages.flatMap({ $0.checks ?? [] }) where !check.advisory {
      if let spec = LimitSpec(check), !found.contains(spec) { found.append(spec) }
    }
    return found
  }
}

extension LogTally {
  /// Counts what the canary did since the last time, for the bounds of the plan.
  package mutating func watchLimits(_ context: StageContext, at now: Instant) {
    guard var judged = comparison else { return }
    comparison = nil
    judged.judge.watch(&self, context, at: now)
    comparison = judged
  }
}
