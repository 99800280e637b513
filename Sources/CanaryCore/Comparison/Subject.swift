/// What makes a request bad for one comparison.
package enum ComparisonKind: Hashable, Sendable, Codable {
  /// The request failed.
  case failures
  /// The request was slower than this quantile of stable; the canary's may be slower by a tenth.
  case slow(quantile: Double)
  /// The request was answered with 4xx.
  case rejections
  /// The request was answered with 3xx, but not with 304.
  case redirects
  /// The answer ended before its end.
  case cutOffs
  /// The answer's body was empty, or far smaller than stable's.
  case tiny
  /// The client gave up before the first byte; watched beside every comparison of failures.
  case abandoned

  /// The kind of comparison for a metric; nil: the metric is not compared.
  package init?(_ metric: Metric) {
    switch metric {
    case .errorRate: self = .failures
    case .rejectedRate: self = .rejections
    case .redirectRate: self = .redirects
    case .cutOffRate: self = .cutOffs
    case .tinyRate: self = .tiny
    case .latencyP50, .latencyP95, .latencyP99: self = .slow(quantile: metric.quantile ?? 0.5)
    case .requests, .requestRate: return nil
    }
  }

  /// The odds ratios that are bet on (ψ in docs/judge.md).
  var grid: [Double] {
    switch self {
    case .failures, .rejections, .redirects, .cutOffs, .tiny, .abandoned: [2, 4, 10, 40, 1000]
    case .slow(let quantile):
      quantile >= 0.99 ? [1.5, 3, 8, 30] : quantile >= 0.9 ? [1.3, 2, 4, 12] : [1.15, 1.4, 2, 4]
    }
  }

  /// The part of a rollout's one capital that a gating comparison is given.
  ///
  /// The failures get all that the others leave, by `ComparisonJudge`.
  var capital: Double {
    switch self {
    case .failures: 0.45
    case .slow(let quantile): quantile >= 0.9 ? 0.08 : 0.06
    case .rejections, .cutOffs, .abandoned: 0.03
    case .redirects, .tiny: 0.02
    }
  }

  /// How long a canary may take to become as fast as it will be: the default of `warmup`.
  package var warmup: WarmUp {
    if case .slow = self { WarmUp(span: .seconds(30), requests: 100) } else { WarmUp() }
  }

  /// The default of `worse_by`: how much worse the canary may be, as a share of its requests.
  func margin(stableRate: Double?) -> Double {
    switch self {
    case .failures: max(0.01, 0.25 * (stableRate ?? 0))
    case .rejections, .redirects, .tiny, .abandoned: 0.05
    case .cutOffs: 0.02
    case .slow(let quantile): quantile >= 0.99 ? 0.01 : quantile >= 0.9 ? 0.03 : 0.08
    }
  }
}

/// One comparison of a plan.
package struct ComparisonSpec: Hashable, Sendable, Codable {
  package var name: CheckName
  package var compare: ComparisonKind
  package var advisory: Bool
  /// The share of its requests by which the canary may be worse; nil: by nothing that can be told.
  package var worseBy: Double?
  /// How much longer than stable's quantile a request of the canary may take, in milliseconds.
  package var longerBy: Int64?
  /// Of each stage, what comes before both of these is not compared.
  package var warmup: WarmUp

  package init(
    name: CheckName, compare: ComparisonKind, advisory: Bool, worseBy: Double? = nil,
    longerBy: Int64? = nil, warmup: WarmUp? = nil
  ) {
    self.name = name
    self.compare = compare
    self.advisory = advisory
    self.worseBy = worseBy
    self.longerBy = longerBy
    self.warmup = warmup ?? compare.warmup
  }
}

/// The latencies above which a request is slow.
struct SlowLimits: Hashable, Sendable, Codable {
  /// The upper edge of the bucket that stable's quantile lies in, in milliseconds.
  let edge: Double
  /// Above this many milliseconds a request of stable is slow.
  let stable: Int64
  /// Above this many milliseconds a request of the canary is slow.
  let canary: Int64
  /// The share of stable's requests that exceed the edge.
  let share: Double

  /// The limits from stable's latencies; nil when there are fewer than `least`.
  ///
  /// The quantile is lowered until at least ten of the latencies exceed it.
  init?(_ latency: Histogram, quantile: Double, longerBy: Int64? = nil) {
    guard latency.count >= Self.least else { return nil }
    let reachable = min(quantile, 1 - 10 / Double(latency.count))
    guard let seconds = latency.quantile(reachable) else { return nil }
    edge = LogBucket.upperEdge(LogBucket.index(milliseconds: seconds * 1000))
    stable = Int64(edge.rounded(.down))
    canary = Int64(max(1.1 * edge, edge + Double(longerBy ?? 1)).rounded(.down))
    share = Double(latency.count(above: stable)) / Double(latency.count)
  }

  /// Fewer latencies say nothing about a quantile.
  static let least = 200
}

/// One comparison during a rollout: its strata, its bets, and the excess that it cannot rule out.
struct Subject: Hashable, Sendable, Codable {
  let check: ComparisonSpec
  let capital: Double
  let grid: [Double]
  /// Above this odds ratio the canary is worse than it may be; nil: it may be any.
  private(set) var tolerated: Double? = 1
  private var burst: Burst?
  var limits: SlowLimits? {
    didSet { if let limits { tolerate(worseThan: limits.share) } }
  }
  var wealth: Wealth
  /// The open stratum of the newest generation.
  var open = Stratum()
  /// The open stratum of requests that an older generation served.
  var late = Stratum()
  /// This stage's bound of the excess.
  var excess = Excess()
  /// This stage's counts.
  var stable = BadCount()
  var canary = BadCount()
  /// Bad canary requests since the rollout began.
  var canaryBad = 0
  /// How many of this stage's bad canary requests were cut off; nil: none.
  private(set) var cuts: Int?
  /// What a tiny body is; nil unless bodies are compared.
  var bodies: Bodies?
  /// What the canary may be worse by before anything is bet on it; nil: nothing.
  var tolerance: Tolerance?

  init(_ check: ComparisonSpec, capital: Double, stages: Int) {
    self.check = check
    self.capital = capital
    grid = check.compare.grid
    wealth = Wealth(effects: grid.count, stages: stages)
    bodies = check.compare == .tiny ? Bodies() : nil
    tolerance = check.compare.tolerated.map { Tolerance($0, seed: UInt64(stages)) }
    if isSlow { burst = Burst(effects: grid.count) }
  }

  /// Sets what `worse_by` tolerates beside a stable of which this share is bad (ψ₀ of formula 1).
  mutating func tolerate(worseThan share: Double) {
    guard let worseBy = check.worseBy else { return }
    let most = share + worseBy
    tolerated = share > 0 && most < 1 ? most / (1 - most) * (1 - share) / share : nil
  }

  var isSlow: Bool { if case .slow = check.compare { true } else { false } }

  /// Whether an answer is bad by what it is, and not by its time or its failure.
  @inline(__always)
  func isBad(_ answer: Answer) -> Bool {
    switch check.compare {
    case .failures, .slow: false
    case .rejections: answer.signs.contains(.rejected)
    case .redirects: answer.signs.contains(.redirected)
    case .cutOffs: answer.signs.contains(.cutOff)
    case .abandoned: answer.signs.contains(.abandoned)
    case .tiny: answer.size >= 0 && answer.size <= bodies?.most ?? 0
    }
  }

  /// Adds a request of the newest generation.
  ///
  /// True when it closed a stratum with a bad canary request.
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
      if tolerance != nil { tolerance?.add(isBad) }
    }
    guard open.isComplete(at: time) else { return false }
    return closeOpen(at: time)
  }

  /// Adds a request that an older generation served: it counts for alarms, not for this stage.
  ///
  /// True when it closed a stratum with a bad canary request.
  mutating func addLate(isCanary: Bool, isBad: Bool, at time: Int64) -> Bool {
    if late.isEmpty { late.began = time }
    if isCanary {
      late.canary.add(isBad)
      if isBad { canaryBad += 1 }
    } else {
      late.stable.add(isBad)
    }
    guard late.isComplete(at: time) else { return false }
    return closeLate(at: time)
  }

  @inline(__always)
  private mutating func closeOpen(at time: Int64) -> Bool {
    let pardoned = tolerance?.take() ?? 0
    if open.canary.bad &+ open.stable.bad &+ pardoned > 0 {
      var stratum = open
      stratum.stable.bad = min(stratum.stable.requests, stratum.stable.bad &+ pardoned)
      bet(stratum, at: time)
    }
    excess.add(open)
    let mayAlarm = open.canary.bad > 0
    open = Stratum()
    return mayAlarm
  }

  @inline(__always)
  private mutating func bet(_ stratum: Stratum, at time: Int64) {
    // Without a baseline, `worse_by` begins to tolerate something once stable is known.
    if tolerated == nil, !isSlow, stable.requests >= SlowLimits.least {
      tolerate(worseThan: max(stable.rate, 0.5 / Double(stable.requests)))
    }
    guard let tolerated else { return }
    wealth.bet(stratum, grid, psi0: tolerated, within: &burst, at: time)
  }

  private mutating func closeLate(at time: Int64) -> Bool {
    bet(late, at: time)
    let mayAlarm = late.canary.bad > 0
    late = Stratum()
    return mayAlarm
  }

  mutating func noteCut() { cuts = (cuts ?? 0) &+ 1 }

  /// Whether most of what failed was cut off.
  var isCut: Bool { (cuts ?? 0) > canary.bad / 2 }

  /// Closes both strata, whatever they hold: something else than chance drew what follows.
  mutating func closeAll(at time: Int64) {
    _ = closeLate(at: time)
    bet(open, at: time)
    open = Stratum()
  }

  /// Closes both strata, whatever they hold, and resets this stage's counts: the weight changes.
  mutating func turn(at time: Int64) {
    closeAll(at: time)
    excess = Excess()
    cuts = nil
    stable = BadCount()
    canary = BadCount()
  }
}
