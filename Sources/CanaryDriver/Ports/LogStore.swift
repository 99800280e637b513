package import CanaryCore

/// What the access log of this host said, by second and pool; always on the host itself.
package protocol LogStore: Sendable {
  /// Adds the counts to what is saved, and notes how far the log was read and what was compared, in one transaction.
  func saveSlices(
    _ service: ServiceName, _ tally: LogTally, _ positions: [LogPosition], _ judge: ComparisonJudge?
  ) async throws(StoreError)
  /// The slices from one second (since 1970) through another, and where the reader of the log stopped.
  func slices(_ service: ServiceName, since second: Int64, through last: Int64)
    async throws(StoreError) -> (slices: [LogSlice], positions: [LogPosition])
  /// The comparison of a rollout as it was saved; nil when there is none that this version can read.
  func comparison(_ service: ServiceName, rollout: Int) async throws(StoreError) -> ComparisonJudge?
  /// Lines of the log that could not be read or belonged to no pool, ever.
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

/// How far a log file was read: a file by its identity, not by its name, which rotation changes.
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
