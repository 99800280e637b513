internal import CanaryCore
internal import CanaryDriver

/// What the access log of one service says: followed, counted, compared and kept, so that the next driver goes on where
/// this one stopped.
actor AccessLogSource {
  /// What has come since the last look is read where it is judged: a thread of its own would cost more than the reading.
  private nonisolated let executor: ThreadExecutor
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  private let service: Service
  private let log: String
  private let relay: String
  private let store: any LogStore
  private var follower: LogFollower?
  private var table = PoolTable([])
  private var counted = LogTally(pools: [])
  /// Counted, but not saved yet.
  private var unsaved = LogTally(pools: [])
  private var savedAt: Instant?
  private var comparer: ComparisonJudge?

  init(
    service: Service, log: String, relay: String, store: any LogStore, executor: ThreadExecutor
  ) {
    self.service = service
    self.log = log
    self.relay = relay
    self.store = store
    self.executor = executor
  }

  /// The longest window of any check, and a little more.
  private static let kept: Int64 = 3600

  /// Begins at the end of the log: what was there before the rollout is no evidence.
  func begin() async {
    guard follower == nil else { return }
    _ = await open(from: .end)
  }

  /// What the log says of each check, after reading all that has been logged so far.
  func measure(_ checks: [Check], _ occasion: StageContext, at now: Instant)
    async throws(SourceError) -> [Measurement]
  {
    if follower == nil { await resume(occasion) }
    await prepare(occasion)
    guard let follower else { throw SourceError(description: "not opened") }
    var delta = LogTally(pools: table.pools)
    if let comparer {
      delta.duel = TallyComparison(
        comparer, pools: table.pools, canary: occasion.canary, stable: occasion.stable)
    }
    let read: Result<Void, FileError>
    do throws(FileError) {
      // One owner at a time: what is shared would be copied at each request.
      comparer = nil
      try follower.poll(into: &delta)
      read = .success(())
    } catch {
      read = .failure(error)
    }
    comparer = delta.duel?.comparer
    delta.duel = nil
    if case .failure(let error) = read { throw SourceError(description: error.description) }
    if !delta.isEmpty {
      counted.merge(delta)
      counted.drop(before: now.second - Self.kept)
      unsaved.merge(delta)
      if delta.unattributed > 0 {
        // A name may resolve to other addresses than it did when this reader began.
        table = await resolve()
        follower.parser = LogParser(table, service.latency)
      }
    }
    let reading = LogReading(occasion, at: now, comparer)
    let measurements = checks.map { reading.measure($0, &counted) }
    // What is not saved when the process dies is read again.
    if Instant.isPast(.seconds(1), since: savedAt, at: now), !unsaved.isEmpty {
      savedAt = now
      await save(follower.positions)
    }
    return measurements
  }

  /// Counts and saves what has come since the last look, when nothing more will be judged.
  func settle() async {
    guard let follower else { return }
    var delta = LogTally(pools: table.pools)
    // What cannot be read now was said when it was measured.
    try? follower.poll(into: &delta)
    counted.merge(delta)
    unsaved.merge(delta)
    if !unsaved.isEmpty { await save(follower.positions) }
  }

  /// The comparison of this rollout, told which stage it is in.
  private func prepare(_ occasion: StageContext) async {
    if comparer?.rollout != occasion.rollout {
      // Minutes of a busy log: not on the thread of the drivers.
      let baseline = await Blocking.run { [log, table, latency = service.latency] in
        LogTail.counts(
          log, LogParser(table, latency), pool: occasion.stable, pools: table.pools,
          from: occasion.started - LogReading.baselineSpan, to: occasion.started)
      }
      // Another call may have begun it meanwhile.
      if comparer?.rollout != occasion.rollout {
        comparer = LogReading.comparer(occasion, baseline: baseline)
      }
    }
    // A share of the clients need not be that share of their requests: where keys are drawn, silence says nothing.
    let isDrawnByKey = service.sticky != nil && occasion.weight < .all
    let weight = isDrawnByKey ? 0 : occasion.weight.percent / 100
    comparer?.begin(
      stage: occasion.stage, generation: occasion.generation.number, weight: weight,
      trusted: occasion.trusted, at: occasion.since)
  }

  /// Saves what was counted and compared.
  ///
  /// A store that cannot be written now does not stop the judging: the counts are saved with the
  /// next look. They are taken out while they are being saved, because another look may come in between.
  private func save(_ positions: [LogPosition]) async {
    let batch = unsaved
    unsaved = LogTally(pools: table.pools)
    if (try? await store.saveSlices(service.name, batch, positions, comparer)) == nil {
      unsaved.merge(batch)
    }
  }

  /// A slow name server must not hold the thread of the drivers.
  private func resolve() async -> PoolTable {
    await Blocking.run { [service, relay] in PoolAddresses.table(of: service, relay: relay) }
  }

  /// False when another call has opened it while this one waited for the names.
  private func open(from start: LogFollower.Start) async -> Bool {
    let resolved = await resolve()
    guard follower == nil else { return false }
    table = resolved
    counted = LogTally(pools: table.pools)
    unsaved = LogTally(pools: table.pools)
    follower = LogFollower(path: log, parser: LogParser(table, service.latency), from: start)
    return true
  }

  private func resume(_ occasion: StageContext) async {
    let saved = try? await store.slices(service.name, since: SystemClock.now.second - Self.kept)
    let compared = try? await store.comparison(service.name, rollout: occasion.rollout)
    let positions = saved?.positions ?? []
    guard await open(from: positions.isEmpty ? .end : .positions(positions)) else { return }
    comparer = compared
    for slice in saved?.slices ?? [] {
      guard let index = table.pools.firstIndex(of: slice.pool) else { continue }
      counted.add(second: slice.second, pool: index) { $0.merge(slice.counts) }
    }
  }
}
