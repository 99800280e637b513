internal import CanaryCore
internal import CanaryDriver

/// The access log of one service: follows it, counts requests, compares the pools, and saves the
/// result.
///
/// So the next driver continues where this one stopped.
actor AccessLogSource {
  /// The drivers' thread: waking another one would cost more than reading the few new lines.
  private nonisolated let executor: ThreadExecutor
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  private let service: Service
  private let nginx: NginxSettings
  private let log: String
  private let run: RunFolder
  /// The generated file, which says what names stood for when Nginx read it.
  private let file: String
  private let store: any LogStore
  private var follower: LogFollower?
  /// What Nginx's error logs say of answers that were cut off.
  private var cutOffs: CutOffLog?
  private var table = PoolTable([])
  /// The generated file as it was when the table was made.
  private var seen: Files.Signature?
  private var counted = LogTally(pools: [])
  /// Counts that are not saved yet.
  private var unsaved = LogTally(pools: [])
  private var savedAt: Instant?
  /// When something was last measured.
  private var measuredAt: Instant?
  private var judge: ComparisonJudge?
  /// Whether stages change without a reload, so that the generation in a line names no stage.
  private let routesBySeats: Bool
  /// The stages of the rollout by time; nil: the generation in each line tells them apart.
  private var stages: (rollout: Int, times: SwitchTimes)?
  /// Seats against pools in the present stage, and since when any contradicts.
  private var seats: (check: SeatCheck, trusted: Instant, since: Instant?)?
  /// The canary's servers in the present stage, each by itself.
  private var servers: ServerBlame?

  init(
    service: Service, nginx: NginxSettings, log: String, run: RunFolder, file: String,
    store: any LogStore, executor: ThreadExecutor, routesBySeats: Bool
  ) {
    self.service = service
    self.nginx = nginx
    self.log = log
    self.run = run
    self.file = file
    self.store = store
    self.executor = executor
    self.routesBySeats = routesBySeats
  }

  /// The pool that copies are sent to; nil: no stage was measured yet.
  private var copied: PoolName?

  private var parser: LogParser {
    LogParser(table, service.latency, stages?.times, copied: copied)
  }

  /// For how many seconds counts are kept.
  ///
  /// A check with a longer window sees no more than this.
  private static let kept: Int64 = 3600

  /// Starts at the end of the log: what was logged before the rollout is no evidence.
  func begin() async {
    guard follower == nil else { return }
    _ = await open(from: .end)
  }

  /// One measurement for each check, after reading all that has been logged so far.
  func measure(_ checks: [Check], _ context: StageContext, at now: Instant)
    async throws(SourceError) -> [Measurement]
  {
    if follower == nil { await resume(context) }
    // The clock was set back: the seconds of before come again, with other requests in them.
    if let last = measuredAt, now < last { counted = LogTally(pools: table.pools) }
    measuredAt = now
    if copied != context.canary {
      copied = context.canary
      follower?.parser = parser
    }
    if routesBySeats { await note(context) }
    await prepare(context)
    // Names stand for what they did when Nginx read the file.
    if follower != nil, Files.signature(of: file) != seen { await resolveAgain() }
    guard let follower else { throw SourceError(description: "not opened") }
    var delta = LogTally(pools: table.pools)
    if let judge {
      delta.comparison = TallyComparison(
        judge, pools: table.pools, canary: context.canary, stable: context.stable)
    }
    delta.seats = seatCheck(context)
    if servers?.generation != context.generation.number { servers = ServerBlame(table, context) }
    delta.servers = servers
    servers = nil
    // Nginx writes a fault before the line of its request.
    cutOffs?.poll()
    delta.cutConnections = cutOffs?.connections ?? [:]
    let read: Result<Void, FileError>
    do throws(FileError) {
      // The judge has one owner at a time: a shared one would be copied at each request.
      judge = nil
      try follower.poll(into: &delta)
      read = .success(())
    } catch {
      read = .failure(error)
    }
    cutOffs?.connections = delta.cutConnections
    judge = delta.comparison?.judge
    delta.comparison = nil
    servers = delta.servers
    delta.servers = nil
    let remark = noteSeats(&delta, at: now)
    if case .failure(let error) = read { throw SourceError(description: error.description) }
    if !delta.isEmpty {
      counted.merge(delta)
      counted.drop(before: now.second - Self.kept)
      unsaved.merge(delta)
      // A name may stand for other addresses than it did when this reader started.
      if delta.unattributed > 0 { await resolveAgain() }
    }
    judge?.watch(&counted, context, at: now)
    let reading = LogReading(context, at: now, judge)
    let measurements = checks.map { check in
      var measurement = reading.measure(check, &counted)
      let remarks = [servers?.words(measurement.reading, check), remark].compactMap(\.self)
      measurement.remark = remarks.isEmpty ? nil : remarks.joined(separator: "; ")
      return measurement
    }
    // At most once a second: after a crash, the log is read again from the last save.
    if Instant.isPast(.seconds(1), since: savedAt, at: now), !unsaved.isEmpty {
      savedAt = now
      await save(follower.positions)
    }
    return measurements
  }

  /// Counts and saves the latest requests when no more checks will be measured.
  func settle() async {
    guard let follower else { return }
    var delta = LogTally(pools: table.pools)
    // A fault was already reported by the last measurement.
    try? follower.poll(into: &delta)
    counted.merge(delta)
    unsaved.merge(delta)
    if !unsaved.isEmpty { await save(follower.positions) }
  }

  /// Notes when the stage began, before the first of its requests is read.
  ///
  /// A driver that resumes the rollout knows no stage but this one: whatever was drawn before
  /// belongs to a former one.
  private func note(_ context: StageContext) async {
    let stage = StageSwitch(context)
    if stages?.rollout != context.rollout {
      let resolution = await Blocking.run { [nginx] in
        NginxMainFile(nginx.config, generated: nginx.include)?.timerResolution
      }
      guard let times = SwitchTimes([stage], timerResolution: resolution ?? .zero) else { return }
      stages = (context.rollout, times)
    } else if stages?.times.add(stage) != true {
      return
    }
    follower?.parser = parser
  }

  /// The check of seats against pools, begun anew with each stage.
  private func seatCheck(_ context: StageContext) -> SeatCheck? {
    guard routesBySeats, let new = SeatCheck(table, context) else { return nil }
    if seats?.trusted != context.trusted { seats = (new, context.trusted, nil) }
    return seats?.check
  }

  /// Keeps what was counted of seats; what to say of it, once it has lasted for a while.
  ///
  /// After a brake, the driver takes a moment to end the stage.
  private func noteSeats(_ delta: inout LogTally, at now: Instant) -> String? {
    guard let check = delta.seats else { return nil }
    delta.seats = nil
    seats?.check = check
    guard let words = check.words else { return nil }
    let since = seats?.since ?? now
    seats?.since = since
    return now - since >= .seconds(1) ? words : nil
  }

  /// Makes sure that the judge compares this rollout, and tells it the stage.
  private func prepare(_ context: StageContext) async {
    if judge?.rollout != context.rollout {
      // This may read minutes of a busy log: not on the drivers' thread.
      let baseline = await Blocking.run { [log, table, latency = service.latency] in
        LogTail.counts(
          log, LogParser(table, latency), pool: context.stable, pools: table.pools,
          from: context.started - LogReading.baselineSpan, to: context.started)
      }
      // Another call may have made it meanwhile.
      if judge?.rollout != context.rollout {
        judge = LogReading.judge(context, baseline: baseline)
      }
    }
    // Where clients are drawn by a key, their share of requests can differ from the weight. With 0
    // the judge draws no conclusion from missing canary requests.
    let isDrawnByKey = service.sticky != nil && context.weight < .all
    let weight = isDrawnByKey ? 0 : context.weight.percent / 100
    judge?.begin(
      stage: context.stage, generation: context.generation.number, weight: weight,
      trusted: context.trusted, at: context.since)
  }

  /// Saves counts and comparison; if the store cannot be written, they stay for the next save.
  ///
  /// The counts are taken out during the save, because another measurement may add to them
  /// meanwhile.
  private func save(_ positions: [LogPosition]) async {
    let batch = unsaved
    unsaved = LogTally(pools: table.pools)
    if (try? await store.saveSlices(service.name, batch, positions, judge)) == nil {
      unsaved.merge(batch)
    }
  }

  /// The pools' addresses; resolved off the drivers' thread, which a slow name server must not
  /// block.
  private func resolve() async -> PoolTable {
    seen = Files.signature(of: file)
    return await Blocking.run { [service, nginx, run, file] in
      let loaded = Files.ownContents(file, isLinked: true).map(Peers.init(inFile:)) ?? Peers()
      return PoolAddresses.table(
        of: PoolsOfYours.filled(service, nginx), loaded: loaded, run: run)
    }
  }

  private func resolveAgain() async {
    table = await resolve()
    follower?.parser = parser
  }

  /// Starts reading; false when another call has done so while this one resolved the names.
  private func open(from start: LogFollower.Start) async -> Bool {
    let resolved = await resolve()
    let errorLogs = await Blocking.run { [nginx] in
      NginxMainFile(nginx.config, generated: nginx.include)?.errorLogs
    }
    guard follower == nil else { return false }
    cutOffs = CutOffLog(errorLogs ?? [])
    table = resolved
    counted = LogTally(pools: table.pools)
    unsaved = LogTally(pools: table.pools)
    follower = LogFollower(path: log, parser: parser, from: start)
    return true
  }

  /// Continues where the last driver stopped; at the end of the log if none has saved a position.
  private func resume(_ context: StageContext) async {
    let saved = try? await store.slices(service.name, since: SystemClock.now.second - Self.kept)
    let compared = try? await store.comparison(service.name, rollout: context.rollout)
    let positions = saved?.positions ?? []
    guard await open(from: positions.isEmpty ? .end : .positions(positions)) else { return }
    judge = compared
    for slice in saved?.slices ?? [] {
      guard let index = table.pools.firstIndex(of: slice.pool) else { continue }
      counted.add(second: slice.second, pool: index) { $0.merge(slice.counts) }
    }
  }
}
