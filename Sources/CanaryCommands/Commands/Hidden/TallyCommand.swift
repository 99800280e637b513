internal import CanaryAdapters
internal import CanaryCore
internal import CanaryHost

/// `canary __tally SERVICE --log FILE`: prints a log's totals, by the parser that checks use.
///
/// For benchmarks, and to look into a log by hand.
enum TallyCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "__tally", service: .required, summary: "sum up an access log",
      options: [
        Option("--log", "FILE", "the log to read"),
        Option("--judged", nil, "compare the other pool with stable, by the service's plan"),
      ], isHidden: true)
  ) { call throws(Failure) in
    let world = try call.world()
    let service = try call.service(world)
    let table = PoolAddresses.table(
      of: PoolsOfYours.filled(service, world.config.nginx),
      run: world.config.run)
    let path = call["--log"] ?? world.config.log(of: service.name)
    var tally = LogTally(pools: table.pools)
    if call.has("--judged") { tally.comparison = Self.comparison(service, table.pools) }
    let follower = LogFollower(
      path: path, parser: LogParser(table, service.latency), from: .beginning)
    do throws(FileError) {
      try follower.poll(into: &tally)
    } catch {
      throw Failure(.outside, error.description)
    }
    for pool in table.pools {
      let sum = tally.total(pool: pool, from: 0, through: Int64(1) << 40)
      let p99 = sum.latency.quantile(0.99).map { ValueFormat.decimal($0, places: 3) } ?? "-"
      call.output.out(
        "\(pool) requests \(sum.requests) failures \(sum.failures) aborted \(sum.aborted) rejected \(sum.rejected) redirected \(sum.redirected) cut_off \(sum.cutOff) p99 \(p99)"
      )
    }
    call.output.out(
      "lines \(tally.lines) unreadable \(tally.unreadable) unattributed \(tally.unattributed)")
    if let judge = tally.comparison?.judge {
      call.output.out("evidence \(ValueFormat.decimal(judge.evidence, places: 3))")
    }
    return .done
  }

  private static func comparison(_ service: Service, _ pools: [PoolName]) -> TallyComparison? {
    guard let canary = pools.first(where: { $0 != service.stable }) else { return nil }
    let start = Instant(milliseconds: 0)
    let context = StageContext(
      rollout: 1, stage: 0, plan: service.plan, stable: service.stable, canary: canary,
      generation: Generation(0), started: start, since: start)
    return LogReading.judge(context, baseline: PoolCounts()).flatMap {
      TallyComparison($0, pools: pools, canary: canary, stable: service.stable)
    }
  }
}
