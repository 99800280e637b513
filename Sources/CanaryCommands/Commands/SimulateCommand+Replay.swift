internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

// `canary simulate --log`: a recorded log is read once more.

extension SimulateCommand {
  static func replay(_ path: String, _ call: Invocation) async throws(Failure) -> ExitCode {
    let world = try call.world(.looking)
    guard call.arguments.service != nil else {
      throw Failure(.wrong, "whose log is it? usage: canary simulate SERVICE --log FILE")
    }
    let service = try call.service(world)
    let plan = try plan(call)
    let table = PoolAddresses.table(
      of: PoolsOfYours.filled(service, world.config.nginx),
      run: world.config.run)
    var parser = LogParser(table, service.latency)
    var found = try census(path, parser, table, service)
    let wanted = try call["--to"].map { text throws(Failure) in try pool(text, service) }
    let source = await source(of: found, service, to: wanted, world)
    var recorded: Rollout?
    var times: [Int: Instant] = [:]
    if case .history(let rollout, let stages) = source {
      recorded = rollout
      times = stages.began
      parser = LogParser(table, service.latency, stages.times)
      found = try census(path, parser, table, service).filter {
        stages.generations.contains($0.key)
      }
    }
    let (stable, canary) =
      recorded.map { ($0.from, $0.to) }
      ?? roles(found, service, table.pools, to: wanted)
    let first = found.values.filter { $0.pools[table.pools.firstIndex(of: canary) ?? 0] > 0 }
      .map(\.first).min()
    let began = Instant(milliseconds: first ?? 0)
    let baseline = LogTail.counts(
      path, parser, pool: stable, pools: table.pools, from: began - LogReading.baselineSpan,
      to: began)
    var replay = LogReplay(
      found, pools: table.pools, plan: plan, stable: stable, canary: canary, baseline: baseline,
      isOneRollout: recorded != nil, began: times)
    guard !replay.steps.isEmpty else {
      throw Failure(
        .wrong,
        "no request of \(Text.sanitized(path)) reached \(canary): there is no stage to judge; name the pool with --to"
      )
    }
    if case .unknown = source, replay.steps.count == 1, plan.stages.count > 1 {
      warn(replay.steps[0], service, canary, world, call)
    }
    LogFile.lines(path) { replay.read($0, parser) }
    replay.finish()
    let report = ReplayReport(
      replay.steps, plan: plan, stable: stable, canary: canary,
      rollout: recorded?.number)
    call.output.out(call.has("--json") ? report.json.pretty : report.text)
    return .done
  }

  /// The drawn requests of each generation; throws when the file is no log of canary's.
  private static func census(
    _ path: String, _ parser: LogParser, _ table: PoolTable, _ service: Service
  ) throws(Failure) -> [Int: Census] {
    var tally = LogTally(pools: table.pools)
    tally.census = [:]
    guard LogFile.lines(path, { parser.parse($0, into: &tally) }) else {
      throw Failure(.outside, "\(Text.sanitized(path)) cannot be read")
    }
    guard tally.lines > 0, tally.unreadable < tally.lines else {
      throw Failure(
        .wrong,
        "\(Text.sanitized(path)) has no line in canary's format; see `canary-\(service.name).log` in nginx.logs"
      )
    }
    return tally.census ?? [:]
  }

  /// What tells the stages of a log apart.
  private enum StageSource {
    /// Each stage has a generation of its own in the log.
    case lines
    /// They changed without a reload: the times of the newest rollout in the log.
    indirect case history(Rollout, RecordedStages)
    /// The history has no rollout in the time of the log.
    case unknown
  }

  private static func source(
    of census: [Int: Census], _ service: Service, to: PoolName?, _ world: World
  ) async -> StageSource {
    guard let first = census.values.map(\.first).min(),
      let last = census.values.map(\.last).max(), world.history.exists,
      let records = try? await world.history.history(service.name, limit: searched)
    else { return .unknown }
    let span = Instant(milliseconds: first)...Instant(milliseconds: last)
    for record in records where to == nil || record.rollout.to == to {
      guard let stages = RecordedStages(record.entries) else { continue }
      let within = stages.generations(within: span)
      if within.isEmpty { continue }
      return within.isSubset(of: census.keys) ? .lines : .history(record.rollout, stages)
    }
    return .unknown
  }

  /// How many rollouts of the history are looked at: a log is seldom kept for longer.
  private static let searched = 100

  /// Says that one stage may be several: nothing tells them apart.
  private static func warn(
    _ step: LogReplay.Step, _ service: Service, _ canary: PoolName, _ world: World,
    _ call: Invocation
  ) {
    call.output.err(
      """
      canary: all requests of \(canary) in this log have generation \(step.generation), and the history in \
      \(world.history.place) has no stage of \(service.name) within the time of the log: they are judged as one \
      stage. If stages changed without a reload, run this where the history of that rollout is kept.
      """)
  }

  private static func pool(_ text: String, _ service: Service) throws(Failure) -> PoolName {
    guard let name = PoolName(text), service.pool(name) != nil else {
      let known = service.pools.map(\.name.text).joined(separator: ", ")
      throw Failure(.wrong, "there is no pool '\(Text.sanitized(text))' (pools: \(known))")
    }
    return name
  }

  /// Which pool was stable and which the canary.
  ///
  /// Stable had the larger share in the first generation that served both.
  private static func roles(
    _ census: [Int: Census], _ service: Service, _ pools: [PoolName], to: PoolName?
  ) -> (stable: PoolName, canary: PoolName) {
    let others = { (canary: PoolName) in pools.first { $0 != canary } ?? service.stable }
    if let to { return (others(to), to) }
    for (_, found) in census.sorted(by: { $0.key < $1.key })
    where found.pools.count(where: { $0 > 0 }) == 2 {
      let ranked = pools.indices.filter { found.pools[$0] > 0 }.sorted {
        found.pools[$0] > found.pools[$1]
      }
      return (pools[ranked[0]], pools[ranked[1]])
    }
    return (service.stable, others(service.stable))
  }
}
