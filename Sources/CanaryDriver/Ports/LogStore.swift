package import CanaryCore

/// What the access log of this host says, by second and pool; always kept on the host itself.
package protocol LogStore: Sendable {
  /// Adds the counts to the saved ones, and saves positions and comparison, in one transaction.
  ///
  /// Slices that are more than eight days older than the newest are dropped.
  func saveSlices(
    _ service: ServiceName, _ tally: LogTally, _ positions: [LogPosition], _ judge: ComparisonJudge?
  ) async throws(StoreError)
  /// The slices from one second since 1970 through another, and the positions in the log that were
  /// saved with them.
  func slices(_ service: ServiceName, since second: Int64, through last: Int64)
    async throws(StoreError) -> (slices: [LogSlice], positions: [LogPosition])
  /// The saved comparison of a rollout; nil: there is none that this version can read.
  ///
  /// Only the newest comparison of a service is kept.
  func comparison(_ service: ServiceName, rollout: Int) async throws(StoreError) -> ComparisonJudge?
  /// How many lines could not be parsed and tries belonged to no pool, since the start.
  func unreadable(_ service: ServiceName) async throws(StoreError) -> Int
}

extension LogStore {
  package func slices(_ service: ServiceName, since second: Int64)
    async throws(StoreError) -> (slices: [LogSlice], positions: [LogPosition])
  {
    try await slices(service, since: second, through: .max)
  }
}

/// What one pool did in one second.
package struct LogSlice: Hashable, Sendable {
  /// Since 1970.
  package var second: Int64
  package var pool: PoolName
  package var counts: PoolCounts

  package init(second: Int64, pool: PoolName, counts: PoolCounts) {
    self.second = second
    self.pool = pool
    self.counts = counts
  }
}

/// How far a log file was read.
///
/// The file is known by its identity, because rotation changes its name.
package struct LogPosition: Hashable, Sendable, Codable {
  package var device: UInt64
  package var inode: UInt64
  package var offset: Int64

  package init(device: UInt64, inode: UInt64, offset: Int64) {
    self.device = device
    self.inode = inode
    self.offset = offset
  }
}
