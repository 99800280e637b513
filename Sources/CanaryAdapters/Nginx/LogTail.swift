package import CanaryCore

/// Looks back into a log, for what was before somebody began to follow it.
package enum LogTail {
  /// How much of a log is looked at, from its end.
  private static let longest = 64 << 20

  /// What a pool did between two instants, as far as the end of the log still tells; nothing when it cannot be read.
  package static func counts(
    _ path: String, _ parser: LogParser, pool: PoolName, pools: [PoolName], from: Instant,
    to: Instant
  ) -> PoolCounts {
    var tally = LogTally(pools: pools)
    LogFile.lines(path, last: longest) { parser.parse($0, into: &tally) }
    return tally.total(pool: pool, from: from.second, through: to.second - 1)
  }
}
