/// Invented traffic: how much of it, and how often each pool fails.
package struct Scenario: Hashable, Sendable {
  /// Requests per second of both pools together.
  package var rate: Double
  /// The share of stable's requests that fail.
  package var stableErrors: Double
  /// The share of the canary's requests that fail once it is bad.
  package var canaryErrors: Double
  /// The factor by which the canary takes longer than stable.
  package var slowdown = 1.0
  /// How long the canary is as good as stable before it turns bad.
  package var onset = Span.zero
  /// How often both pools fail together: 30 % of all requests for 20 seconds, at random moments.
  package var incidents = 0
  /// The share of failed requests after which the client sends two more, which fail in either pool.
  package var storms = 0.0
  package var kind = TrafficKind.steady
  /// What the canary does once it is bad, beside failing and being slow; nil: nothing.
  package var defect: Defect?

  package init(rate: Double, stableErrors: Double, canaryErrors: Double) {
    self.rate = rate
    self.stableErrors = stableErrors
    self.canaryErrors = canaryErrors
  }

  /// The same with traffic of this kind.
  package func with(_ kind: TrafficKind) -> Scenario {
    var scenario = self
    scenario.kind = kind
    if kind == .retries { scenario.storms = max(storms, 0.2) }
    return scenario
  }
}

/// A receiver of the invented requests.
package protocol RequestSink {
  /// Takes one request; `milliseconds` since the traffic began, `latency` in milliseconds.
  mutating func take(milliseconds: Int64, isCanary: Bool, failed: Bool, latency: Int64)
}

/// Makes the requests of a scenario: the same ones for the same seed.
package struct TrafficMaker: Sendable {
  private let scenario: Scenario
  private var dice: Dice
  private var turbulence: Turbulence
  private var stormLeft = 0

  package init(_ scenario: Scenario, seed: UInt64, lasting: Span) {
    self.scenario = scenario
    var dice = Dice(seed: seed)
    let seconds = max(1, Int(lasting.seconds))
    turbulence = Turbulence(scenario, seconds: seconds, dice: &dice)
    self.dice = dice
  }

  /// Latencies at 4096 evenly spaced ranks, in milliseconds: log-normal, median 80, 95 % below 216.
  static let latencies: [Int64] = (0..<4096).map { rank in
    let z = normalQuantile((Double(rank) + 0.5) / 4096)
    return Int64((80 * Mathematics.exp(0.605 * z)).rounded())
  }

  /// Hands the requests of half a second to the sink.
  ///
  /// `start` is in milliseconds since the traffic began, `weight` the canary's share from 0 to 1.
  package mutating func half(
    from start: Int64, weight: Double, canaryIsBad: Bool = true, into sink: inout some RequestSink
  ) {
    turbulence.move(to: start, weight: weight, dice: &dice)
    let load = turbulence.load(at: start)
    let count = dice.poisson(scenario.rate * load / 2) + stormLeft
    var storming = stormLeft
    stormLeft = 0
    let isIncident = turbulence.isIncident(at: start)
    let stableErrors = rate(scenario.stableErrors, load, isIncident)
    let canaryErrors = rate(
      canaryIsBad ? scenario.canaryErrors : scenario.stableErrors, load, isIncident)
    let slowdown = canaryIsBad ? scenario.slowdown : 1
    guard count > 0 else { return }
    for index in 0..<count {
      let now = start + Int64(500 * index / count)
      let isCanary = dice.share() < weight
      let isStorm = storming > 0
      if isStorm { storming -= 1 }
      let failed =
        isStorm || dice.share() < (isCanary ? canaryErrors : stableErrors)
        || turbulence.isTroubled(at: now, dice: &dice)
      if failed, !isStorm, scenario.storms > 0, dice.share() < scenario.storms { stormLeft += 2 }
      var latency = Self.latencies[Int(dice.next() & 4095)]
      latency = turbulence.latency(latency, isCanary: isCanary, at: now, dice: &dice)
      if isCanary, slowdown != 1 { latency = Int64((Double(latency) * slowdown).rounded()) }
      sink.take(milliseconds: now, isCanary: isCanary, failed: failed, latency: latency)
    }
  }

  /// The share that fails under a load, or in an incident of both pools.
  private func rate(_ usual: Double, _ load: Double, _ isIncident: Bool) -> Double {
    max(isIncident ? 0.3 : 0, min(1, usual * load))
  }

  /// What stable did in the ten minutes before the rollout.
  package mutating func baseline() -> PoolCounts {
    var counts = PoolCounts()
    for _ in 0..<dice.poisson(scenario.rate * LogReading.baselineSpan.seconds) {
      let failed = dice.share() < scenario.stableErrors
      let latency = turbulence.latency(
        Self.latencies[Int(dice.next() & 4095)], isCanary: false, at: 0, dice: &dice)
      counts.count(failed: failed, milliseconds: latency)
    }
    return counts
  }

  /// The inverse of the normal distribution, by bisection of a series for it (Abramowitz and
  /// Stegun, 26.2.17).
  ///
  /// It is exact to 1e-7, which is more than an invented latency needs.
  private static func normalQuantile(_ p: Double) -> Double {
    var low = -6.0
    var high = 6.0
    for _ in 0..<40 {
      let middle = (low + high) / 2
      if normal(middle) < p { low = middle } else { high = middle }
    }
    return (low + high) / 2
  }

  private static func normal(_ z: Double) -> Double {
    let t = 1 / (1 + 0.231_641_9 * abs(z))
    let series =
      t
      * (0.319_381_530 + t
        * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))))
    let tail = Mathematics.exp(-z * z / 2) / 2.506_628_274_631_000_5 * series
    return z >= 0 ? 1 - tail : tail
  }
}
