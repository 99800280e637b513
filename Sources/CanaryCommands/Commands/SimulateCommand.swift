internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary simulate`: what a plan would do, without Nginx.
enum SimulateCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "simulate", service: .optional,
      summary: "try a plan against invented traffic, or against a recorded access log",
      details: """
        With --rps, --stable and --canary: many whole rollouts by the real policy, side by side with other tools' rules.
        With --log: a log in canary's own format is read once more, and each of its stages judged by the plan.
        Without SERVICE and --plan: the default plan.
        """,
      options: [
        Option("--rps", "N", "requests a second, of both pools together"),
        Option("--stable", "SHARE", "how many requests fail on stable, such as 0.2%"),
        Option("--canary", "SHARE", "how many fail on the canary; else as on stable"),
        Option("--slower", "FACTOR", "how many times as long the canary takes; else 1"),
        Option("--onset", "DURATION", "how long the canary is as good as stable before; else 0s"),
        Option("--runs", "N", "how many rollouts; else 200"),
        Option("--seed", "N", "another hand of chance; else 1"),
        Option("--plan", "NAME", "a plan of the config instead of the service's own"),
        Option("--log", "FILE", "replay this log of SERVICE"),
        Option("--to", "POOL", "which pool is the canary in the log; else what the log says"),
        .json,
      ])
  ) { call throws(Failure) in
    if let path = call["--log"] { return try replay(path, call) }
    let scenario = try scenario(call)
    let plan = try plan(call)
    let runs = try number(call, "--runs", 1...100_000) ?? 200
    let seed = try number(call, "--seed", 0...1_000_000_000) ?? 1
    if call.output.outIsTerminal {
      call.output.err("\(runs) rollouts, and as many of a good canary …")
    }
    let simulation = await Simulation.run(scenario, plan: plan, runs: runs, seed: seed)
    call.output.out(call.has("--json") ? simulation.json.pretty : simulation.text)
    return .done
  }

  private static func scenario(_ call: Invocation) throws(Failure) -> Scenario {
    guard let text = call["--rps"], let rate = Double(text), rate > 0, rate <= 100_000 else {
      throw Failure(
        .wrong,
        "--rps must be a number of requests a second up to 100000, as in: canary simulate --rps 80 --stable 0.2% --canary 3%"
      )
    }
    let stable = try share(call, "--stable") ?? 0.001
    var scenario = Scenario(
      rate: rate, stableErrors: stable, canaryErrors: try share(call, "--canary") ?? stable)
    if let text = call["--slower"] {
      guard let factor = Double(text), factor > 0, factor <= 1000 else {
        throw Failure(
          .wrong, "--slower must be a number such as 3 (found '\(Text.sanitized(text))')")
      }
      scenario.slowdown = factor
    }
    if let text = call["--onset"] {
      guard let span = Span(parsing: text) else {
        throw Failure(
          .wrong, "--onset must be a duration such as 75m (found '\(Text.sanitized(text))')")
      }
      scenario.onset = span
    }
    return scenario
  }

  private static func share(_ call: Invocation, _ option: String) throws(Failure) -> Double? {
    guard let text = call[option] else { return nil }
    let node = Double(text).map(Node.number) ?? .text(text)
    guard let share = CheckReader.share(node) else {
      throw Failure(
        .wrong, "\(option) must be a share such as 3% or 0.03 (found '\(Text.sanitized(text))')")
    }
    return share
  }

  private static func number(
    _ call: Invocation, _ option: String, _ range: ClosedRange<Int>
  ) throws(Failure) -> Int? {
    guard let text = call[option] else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw Failure(
        .wrong,
        "\(option) must be a whole number from \(range.lowerBound) to \(range.upperBound) (found '\(Text.sanitized(text))')"
      )
    }
    return number
  }

  /// The plan to try, without stages of weight 0, which no request reaches by chance.
  private static func plan(_ call: Invocation) throws(Failure) -> Plan {
    var plan = try named(call)
    let count = plan.stages.count
    plan.stages.removeAll { $0.weight == .none }
    if plan.stages.count < count {
      call.output.err(
        "canary: stages without a weight are left out: they draw nobody to be compared")
    }
    return plan
  }

  /// The named plan, otherwise the service's, otherwise the default, which needs no config.
  private static func named(_ call: Invocation) throws(Failure) -> Plan {
    if call.arguments.service == nil, call["--plan"] == nil, call["--config"] == nil {
      return PlanReader.standard
    }
    let world = try call.world()
    if let name = call["--plan"] {
      if let plan = world.config.plans[name] { return plan }
      if name == "standard" { return PlanReader.standard }
      let known = world.config.plans.keys.sorted().joined(separator: ", ")
      throw Failure(.wrong, "there is no plan '\(Text.sanitized(name))' (plans: \(known))")
    }
    return call.arguments.service == nil ? PlanReader.standard : try call.service(world).plan
  }

  // MARK: a recorded log

  private static func replay(_ path: String, _ call: Invocation)
    throws(Failure) -> ExitCode
  {
    let world = try call.world()
    guard call.arguments.service != nil else {
      throw Failure(.wrong, "whose log is it? usage: canary simulate SERVICE --log FILE")
    }
    let service = try call.service(world)
    let plan = try plan(call)
    let table = PoolAddresses.table(
      of: service, relay: world.config.run.relay(service.name))
    let parser = LogParser(table, service.latency)
    var census = LogTally(pools: table.pools)
    census.census = [:]
    guard LogFile.lines(path, { parser.parse($0, into: &census) }) else {
      throw Failure(.outside, "\(Text.sanitized(path)) cannot be read")
    }
    let found = census.census ?? [:]
    guard census.lines > 0, census.unreadable < census.lines else {
      throw Failure(
        .wrong,
        "\(Text.sanitized(path)) has no line in canary's format; see `canary-\(service.name).log` in nginx.logs"
      )
    }
    let (stable, canary) = try roles(found, service, table.pools, call)
    let first = found.values.filter { $0.pools[table.pools.firstIndex(of: canary) ?? 0] > 0 }
      .map(\.first).min()
    let began = Instant(milliseconds: first ?? 0)
    let baseline = LogTail.counts(
      path, parser, pool: stable, pools: table.pools, from: began - LogReading.baselineSpan,
      to: began)
    var replay = LogReplay(
      found, pools: table.pools, plan: plan, stable: stable, canary: canary, baseline: baseline)
    guard !replay.steps.isEmpty else {
      throw Failure(
        .wrong,
        "no request of \(Text.sanitized(path)) reached \(canary): there is no stage to judge; name the pool with --to"
      )
    }
    LogFile.lines(path) { replay.read($0, parser) }
    replay.finish()
    let report = ReplayReport(replay.steps, plan: plan, stable: stable, canary: canary)
    call.output.out(call.has("--json") ? report.json.pretty : report.text)
    return .done
  }

  /// Which pool was stable and which the canary.
  ///
  /// Stable had the larger share in the first generation that served both.
  private static func roles(
    _ census: [Int: Census], _ service: Service, _ pools: [PoolName], _ call: Invocation
  ) throws(Failure) -> (stable: PoolName, canary: PoolName) {
    let others = { (canary: PoolName) in pools.first { $0 != canary } ?? service.stable }
    if let text = call["--to"] {
      guard let name = PoolName(text), service.pool(name) != nil else {
        let known = service.pools.map(\.name.text).joined(separator: ", ")
        throw Failure(.wrong, "there is no pool '\(Text.sanitized(text))' (pools: \(known))")
      }
      return (others(name), name)
    }
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
