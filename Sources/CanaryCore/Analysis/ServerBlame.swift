/// What each server of the canary did in a stage, so that one bad server is told from a bad release.
package struct ServerBlame: Hashable, Sendable {
  /// The canary's index among the pools of a tally.
  package let pool: Int
  package let generation: Int
  private let names: [UInt64: String]
  private var counts: [UInt64: PoolCounts] = [:]

  /// Nil where the pool has one server only, or an address of it is another pool's as well.
  package init?(_ table: PoolTable, _ context: StageContext) {
    guard !table.isAmbiguous, let pool = table.pools.firstIndex(of: context.canary) else {
      return nil
    }
    names = table.names(of: pool)
    guard names.count > 1 else { return nil }
    self.pool = pool
    generation = context.generation.number
  }

  /// Counts one try of the canary's.
  @inline(__always)
  mutating func count(hash: UInt64, failed: Bool, milliseconds: Int64?) {
    counts[hash, default: PoolCounts()].count(failed: failed, milliseconds: milliseconds)
  }

  /// The server that is to blame for what a check has seen, in words; nil: none is by itself.
  package func words(_ reading: Measurement.Reading, _ check: Check) -> String? {
    guard let longest = Self.longest(reading, check) else { return nil }
    let all = counts.mapValues { Self.count($0, longest: longest) }
    guard let worst = all.max(by: { $0.value.rate < $1.value.rate }), worst.value.bad >= 3,
      let name = names[worst.key]
    else { return nil }
    let others = all.filter { $0.key != worst.key }.values.reduce(BadCount()) {
      BadCount($0.requests + $1.requests, bad: $0.bad + $1.bad)
    }
    // The same bet as against stable: the others are what this one is compared with.
    guard others.requests > 0, Stratum(stable: others, canary: worst.value).lean >= 100 else {
      return nil
    }
    let what = longest == nil ? "failed" : "were slow"
    let count = { (one: BadCount) in
      "\(ComparisonReport.grouped(one.bad)) of \(ComparisonReport.grouped(one.requests))"
    }
    let rest = names.count == 2 ? "the other server" : "the other \(names.count - 1) servers"
    return "\(name) stands out: \(count(worst.value)) \(what) there, \(count(others)) on \(rest)"
  }

  private static func count(_ counts: PoolCounts, longest: Int64?) -> BadCount {
    guard let longest else { return BadCount(counts.requests, bad: counts.failures) }
    return BadCount(counts.latency.count, bad: counts.latency.count(above: longest))
  }

  /// The latency above which a request is slow to a check that is not content, or none: it counts
  /// failures.
  ///
  /// Nil: the check is content, or counts something else.
  private static func longest(_ reading: Measurement.Reading, _ check: Check) -> Int64?? {
    guard let metric = check.source.logMetric else { return nil }
    let isLatency = metric.quantile != nil
    guard isLatency || metric == .errorRate else { return nil }
    switch reading {
    case .compared(let report):
      guard report.isWorse || report.evidence >= Judge.suspicion && report.leads else { return nil }
      guard isLatency else { return .some(nil) }
      return report.edge.map { Int64($0 * 1100) }
    case .beside(let value, _, _, _, _), .value(let value, _):
      guard let max = check.condition.max, value > max else { return nil }
      return .some(isLatency ? Int64(max * 1000) : nil)
    case .noted, .answer, .nothing, .failed: return nil
    }
  }
}
