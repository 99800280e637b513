// What counts against a pool beside its answers.
extension PoolCounts {
  /// How many requests are bad by a metric that is a share of them.
  func bad(_ metric: Metric) -> Int {
    switch metric {
    case .rejectedRate: rejected
    case .redirectRate: redirected
    case .cutOffRate: cutOff
    case .errorRate, .tinyRate, .latencyP50, .latencyP95, .latencyP99, .requests, .requestRate:
      failures
    }
  }

  /// Counts those who gave up: as that slow where they waited longer than a bound allows, and as
  /// failures as far as there are more of them than beside this pool.
  ///
  /// Whoever leaves says nothing of a server by that alone: people click away from both pools.
  /// `laterThan` is a bound of a latency in seconds; for any other bound it changes nothing that is
  /// looked at.
  mutating func blame(beside other: PoolCounts?, laterThan bound: Double?) {
    if let bound {
      for (seconds, count) in waits.values where seconds > bound {
        for _ in 0..<count { latency.record(milliseconds: Int64(seconds * 1000)) }
      }
    }
    guard let other, aborted > 0 else { return }
    // Stable's own share at its upper bound, and three standard errors more, may be chance.
    let share = Bound.upperRate(BadCount(other.requests + other.aborted, bad: other.aborted))
    let all = Double(requests + aborted)
    let usual = all * share + 3 * (all * share * (1 - share)).squareRoot()
    let more = aborted - Int(min(usual, all).rounded(.up))
    guard more > 0 else { return }
    requests += more
    failures += more
  }
}
