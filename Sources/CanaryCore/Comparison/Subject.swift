/// What makes a request bad in the eyes of one comparison.
package enum ComparisonKind: Hashable, Sendable, Codable {
  /// It ended in 5xx.
  case failures
  /// It was slower than this quantile of stable; the canary's may be slower by a tenth.
  case slow(quantile: Double)

  /// The metric's kind of comparison; nil for a metric that has none.
  package init?(_ metric: Metric) {
    switch metric {
    case .errorRate: self = .failures
    case .latencyP50, .latencyP95, .latencyP99: self = .slow(quantile: metric.quantile ?? 0.5)
    case .requests, .requestRate: return nil
    }
  }

  /// The odds ratios that are bet on (docs/judge.md, section 2.3).
  var grid: [Double] {
    switch self {
    case .failures: [2, 4, 10, 40, 1000]
    case .slow(let quantile):
      quantile >= 0.99 ? [1.5, 3, 8, 30] : quantile >= 0.9 ? [1.3, 2, 4, 12] : [1.15, 1.4, 2, 4]
    }
  }

  /// Its share of the one capital that all comparisons of a rollout have together.
  var capital: Double {
    switch self {
    case .failures: 0.45
    case .slow(let quantile): quantile >= 0.9 ? 0.08 : 0.06
    }
  }

  /// How much worse the canary may be, as a share of its requests, when the check does not say.
  func margin(stableRate: Double?) -> Double {
    switch self {
    case .failures: max(0.01, 0.25 * (stableRate ?? 0))
    case .slow(let quantile): quantile >= 0.99 ? 0.01 : quantile >= 0.9 ? 0.03 : 0.08
    }
  }
}

/// One comparison of a plan, as the judge is told of it.
package struct ComparisonSpec: Hashable, Sendable, Codable {
  package var name: CheckName
  package var compare: ComparisonKind
  package var advisory: Bool

  package init(name: CheckName, compare: ComparisonKind, advisory: Bool) {
    self.name = name
    self.compare = compare
    self.advisory = advisory
  }
}

/// Above how many milliseconds a request is slow.
struct SlowLimits: Hashable, Sendable, Codable {
  /// The edge of stable's own bucket, in milliseconds.
  let edge: Double
  let stable: Int64
  let canary: Int64

  /// From stable's latencies: the quantile, or the highest one below it that ten of them exceed.
  init?(_ latency: Histogram, quantile: Double) {
    guard latency.count >= Self.least else { return nil }
    let reachable = min(quantile, 1 - 10 / Double(latency.count))
    guard let seconds = latency.quantile(reachable) else { return nil }
    edge = LogBucket.upperEdge(LogBucket.index(milliseconds: seconds * 1000))
    stable = Int64(edge.rounded(.down))
    canary = Int64(max(1.1 * edge, edge + 1).rounded(.down))
  }

  /// Fewer latencies than this say nothing about a quantile.
  static let least = 200
}

/// One metric of one rollout: its strata, its bets, and how far a regression is excluded.
struct Subject: Hashable, Sendable, Codable {
  let check: ComparisonSpec
  let capital: Double
  let grid: [Double]
  var limits: SlowLimits?
  var wealth: Wealth
  /// The stratum of the newest generation, and that of requests which began under an older one.
  var open = Stratum()
  var late = Stratum()
  /// This stage's own: what it has excluded, and its counts.
  var excess = Excess()
  var stable = BadCount()
  var canary = BadCount()
  /// Bad canary requests since the rollout began.
  var canaryBad = 0

  init(_ check: ComparisonSpec, capital: Double, stages: Int) {
    self.check = check
    self.capital = capital
    grid = check.compare.grid
    wealth = Wealth(effects: grid.count, stages: stages)
  }

  var isSlow: Bool { if case .slow = check.compare { true } else { false } }

  /// Adds one request of the newest generation; true when a stratum was closed that held a bad canary request.
  @inline(__always)
  mutating func add(isCanary: Bool, isBad: Bool, at time: Int64) -> Bool {
    if open.isEmpty { open.began = time }
    if isCanary {
      open.canary.add(isBad)
      canary.add(isBad)
      if isBad { canaryBad += 1 }
    } else {
      open.stable.add(isBad)
      stable.add(isBad)
    }
    guard open.isComplete(at: time) else { return false }
    return closeOpen()
  }

  /// Adds one request that an older generation served: it counts for detection, not for this stage.
  mutating func addLate(isCanary: Bool, isBad: Bool, at time: Int64) -> Bool {
    if late.isEmpty { late.began = time }
    if isCanary {
      late.canary.add(isBad)
      if isBad { canaryBad += 1 }
    } else {
      late.stable.add(isBad)
    }
    guard late.isComplete(at: time) else { return false }
    return closeLate()
  }

  @inline(__always)
  private mutating func closeOpen() -> Bool {
    if open.canary.bad &+ open.stable.bad > 0 { wealth.bet(open, grid) }
    excess.add(open)
    let isTelling = open.canary.bad > 0
    open = Stratum()
    return isTelling
  }

  private mutating func closeLate() -> Bool {
    wealth.bet(late, grid)
    let isTelling = late.canary.bad > 0
    late = Stratum()
    return isTelling
  }

  /// A change of weight: what is open is closed, whatever it holds, and the stage's own counts begin anew.
  mutating func turn() {
    _ = closeLate()
    wealth.bet(open, grid)
    open = Stratum()
    excess = Excess()
    stable = BadCount()
    canary = BadCount()
  }
}
