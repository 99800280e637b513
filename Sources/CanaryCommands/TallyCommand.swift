internal import CanaryAdapters
internal import CanaryCore

/// `canary __tally SERVICE --log FILE`: the sums of a whole log, by the reader that judges; for benchmarks and for
/// looking into a log by hand.
enum TallyCommand {
  static func run(_ words: [String], output: Output) -> Int32 {
    let spec = CommandSpec(
      name: "__tally", service: .required, summary: "",
      options: [
        Option("--log", "FILE", "the log to read"),
        Option("--judged", nil, "compare the other pool with stable, by the service's plan"),
      ])
    do {
      let arguments = try Arguments(words, for: spec)
      let world = try World(arguments, output: output)
      let service = try world.service(arguments)
      let table = PoolAddresses.table(
        of: service, relay: world.config.relaySocket(of: service.name))
      let path = arguments["--log"] ?? world.config.log(of: service.name)
      var tally = LogTally(pools: table.pools)
      if arguments.has("--judged") { tally.duel = Self.duel(service, table.pools) }
      let follower = LogFollower(
        path: path, parser: LogParser(table, service.latency), from: .beginning)
      try follower.poll(into: &tally)
      for pool in table.pools {
        let sum = tally.total(pool: pool, from: 0, through: Int64(1) << 40)
        let p99 = sum.latency.quantile(0.99).map { Shown.decimal($0, places: 3) } ?? "-"
        output.out(
          "\(pool) requests \(sum.requests) failures \(sum.failures) aborted \(sum.aborted) p99 \(p99)"
        )
      }
      output.out(
        "lines \(tally.lines) unreadable \(tally.unreadable) unattributed \(tally.unattributed)")
      if let comparer = tally.duel?.comparer {
        output.out("evidence \(Shown.decimal(comparer.evidence, places: 3))")
      }
      return ExitCode.done.rawValue
    } catch {
      output.err(
        "canary: \((error as? Failure)?.text ?? (error as? UsageError)?.text ?? "\(error)")")
      return ExitCode.outside.rawValue
    }
  }

  private static func duel(_ service: Service, _ pools: [Name]) -> Duel? {
    guard let canary = pools.first(where: { $0 != service.stable }) else { return nil }
    let start = Instant(milliseconds: 0)
    let occasion = Occasion(
      rollout: 1, stage: 0, plan: service.plan, stable: service.stable, canary: canary,
      generation: Generation(0), started: start, since: start)
    return LogReading.comparer(occasion, baseline: PoolCounts()).flatMap {
      Duel($0, pools: pools, canary: canary, stable: service.stable)
    }
  }
}
