package import CanaryCore

/// Reads the end of a log, for what happened before it was followed.
package enum LogTail {
  /// How many bytes at the end of a log are read.
  private static let longest = 64 << 20

  /// A pool's requests from `from` until before `to`, as far as the end of the log has them; none
  /// if it cannot be read.
  package static func counts(
    _ path: String, _ parser: LogParser, pool: PoolName, pools: [PoolName], from: Instant,
    to: Instant
  ) -> PoolCounts {
    var tally = LogTally(pools: pools)
    LogFile.lines(path, last: longest) { parser.parse($0, into: &tally) }
    return tally.total(pool: pool, from: from.second, through: to.second - 1)
  }
}
