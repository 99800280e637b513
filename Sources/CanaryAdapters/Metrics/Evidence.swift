internal import CanaryCore
internal import CanaryDriver

/// What the access log of one service says: followed, counted and kept, so that the next driver goes on where this one
/// stopped.
actor Evidence {
  private let executor = QueueExecutor("canary.evidence")
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  private let service: Service
  private let log: String
  private let store: SQLiteStore
  private var follower: LogFollower?
  private var table = PoolTable([])
  private var counted = LogTally(pools: [])
  /// Counted, but not saved yet: the store could not be written.
  private var unsaved = LogTally(pools: [])

  init(service: Service, log: String, store: SQLiteStore) {
    self.service = service
    self.log = log
    self.store = store
  }

  /// The longest window of any check, and a little more.
  private static let kept: Int64 = 3600

  /// Begins at the end of the log: what was there before the rollout is no evidence.
  func begin() async {
    guard follower == nil else { return }
    await open(from: .end)
  }

  /// The counts of a pool from one instant to another, after reading all that has been logged so far.
  func counts(pool: Name, from: Instant, to: Instant) async throws(EvidenceError) -> PoolCounts {
    if follower == nil { await resume() }
    guard let follower else { throw EvidenceError(description: "not opened") }
    var delta = LogTally(pools: table.pools)
    do throws(FileError) {
      try follower.poll(into: &delta)
    } catch {
      throw EvidenceError(description: error.description)
    }
    if !delta.isEmpty {
      counted.merge(delta)
      if delta.unattributed > 0 {
        // A name may resolve to other addresses than it did when this reader began.
        table = PoolAddresses.table(of: service)
        follower.parser = LogParser(table, service.latency)
      }
      await save(delta, follower.positions)
      counted.drop(before: to.second - Self.kept)
    }
    // The second in which the stage began is counted from its next one on: its first part had another weight.
    let first = from.milliseconds % 1000 == 0 ? from.second : from.second + 1
    return counted.total(pool: pool, from: min(first, to.second), through: to.second)
  }

  /// Saves what was counted.
  ///
  /// A store that cannot be written now does not stop the judging: the counts are saved with the
  /// next look. They are taken out while they are being saved, because another look may come in between.
  private func save(_ delta: LogTally, _ positions: [LogPosition]) async {
    var batch = unsaved
    batch.merge(delta)
    unsaved = LogTally(pools: table.pools)
    if (try? await store.saveSlices(service.name, batch, positions)) == nil { unsaved.merge(batch) }
  }

  private func open(from start: LogFollower.Start) async {
    table = PoolAddresses.table(of: service)
    counted = LogTally(pools: table.pools)
    unsaved = LogTally(pools: table.pools)
    follower = LogFollower(path: log, parser: LogParser(table, service.latency), from: start)
  }

  private func resume() async {
    let saved = try? await store.slices(service.name, since: SystemClock.now.second - Self.kept)
    // Another call may have opened it while this one waited for the store.
    guard follower == nil else { return }
    let positions = saved?.positions ?? []
    await open(from: positions.isEmpty ? .end : .positions(positions))
    for (second, pool, counts) in saved?.slices ?? [] {
      guard let index = table.pools.firstIndex(of: pool) else { continue }
      counted.add(second: second, pool: index) { $0.merge(counts) }
    }
  }
}

/// Why the evidence cannot be had.
struct EvidenceError: Error, CustomStringConvertible {
  let description: String
}
