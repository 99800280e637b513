internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary check`: reports everything that would go wrong, and changes nothing.
enum CheckCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "check", service: .optional,
      summary: "validate everything: config, what would be generated (nginx -t), sources, health")
  ) { call throws(Failure) in
    let world = try call.world(.looking)
    let services = try call.services(world)
    var list = Findings()
    list.good("config \(world.config.file)")
    let applied = services.filter { Files.exists(world.config.mainFile(of: $0.name)) }
    await checkHost(world, services, applied, &list)
    await CheckedHost.look(world.config, services, applied) { list.bad($0) }
    for found in await checkEach(services, world) { list.add(found) }
    for line in list.lines { call.output.out(line) }
    if list.faults > 0 {
      call.output.err(
        "canary check: \(list.faults) \(list.faults == 1 ? "thing" : "things") would go wrong; nothing was touched"
      )
      return .outside
    }
    call.output.out("ready: nothing was touched")
    return .done
  }

  private static func checkHost(
    _ world: World, _ services: [Service], _ applied: [Service], _ list: inout Findings
  ) async {
    let config = world.config
    // Side by side: each test of a large configuration takes seconds.
    async let installed = Blocking.run { NginxDryRun.installed(config) }
    async let trial = tryGenerated(world, services)
    for (key, path) in [
      ("nginx.include", config.nginx.include), ("state", config.state), ("run", config.run.path),
    ] {
      if let fault = Files.unwritable(path) {
        list.bad("\(key): \(fault)")
      } else if let lack = Files.lack(at: path) {
        // A set of seats is empty files, which need no block.
        let text = "\(key): the disk of \(path) \(lack.words)"
        key == "run" && !lack.isOfFiles ? list.note(text) : list.bad(text)
      } else {
        list.good("\(key) \(path) is writable")
      }
    }
    if let closed = Files.closedFolder(config.run.path) {
      list.bad(
        "run: \(closed) is closed to other users, so Nginx's workers may not see the brake: chmod o+x \(closed)"
      )
    }
    if !Files.isFolder(config.nginx.logs) {
      list.bad("nginx.logs: \(config.nginx.logs) is not a folder; Nginx writes its logs there")
    } else if let lack = Files.lack(at: config.nginx.logs), !lack.isOfFiles {
      list.bad("nginx.logs: the disk of \(config.nginx.logs) \(lack.words), so checks have no data")
    }
    let now = await installed
    if case .bad(let why) = now, applied.count < services.count,
      why.contains("\(config.nginx.include)/"), why.contains("No such file")
    {
      list.note("nginx -t fails until the first `canary apply` makes the files that you include")
    } else {
      list.take("nginx -t of what is installed now", now)
    }
    if let main = NginxMainFile(config.nginx.config, generated: config.nginx.include) {
      for suffix in Set(services.map { config.mainSuffix(of: $0.name) }).sorted() {
        if let fault = RunningNginx.missingInclude(config, suffix) {
          list.bad(fault.description)
        } else {
          list.good("\(config.nginx.config) includes \(config.nginx.include)/*.\(suffix)")
        }
      }
      if main.workerShutdownTimeout == nil {
        list.note(
          "worker_shutdown_timeout is not set: after each reload, former workers stay until their last client leaves"
        )
      }
      for log in main.unreadableErrorLogs {
        list.note(
          "`\(log)` is no file, so answers in chunks that are cut off are not counted (cut_off_rate): add a second error_log that is a file"
        )
      }
    } else {
      list.note(
        "\(config.nginx.config) cannot be read here, as with Nginx in a container: its includes were not looked at"
      )
    }
    let (report, found) = await trial
    tell(report, found, &list)
  }

  /// Has Nginx test what would be generated, and looks at the locations that include it.
  private static func tryGenerated(_ world: World, _ services: [Service]) async -> (
    NginxDryRun.Report, [LocationAudit.Finding]?
  ) {
    var trials: [NginxDryRun.Trial] = []
    for service in services {
      let state = await world.first(service)
      // Each stage has its own audience, and so its own files.
      let stages = service.plan.stages.indices.map {
        Routing.stage(
          $0, of: service.plan, stable: state.stable, canary: state.other, salt: "check")
      }
      trials.append(
        NginxDryRun.Trial(
          service: service.name, resting: state.resting(at: world.clock.now()), stages: stages))
    }
    return await Blocking.run { [trials] in
      (
        NginxDryRun.generated(world.config, world.renderer, trials),
        TreeAudit.findings(world.config, world.renderer, trials)
      )
    }
  }

  private static func tell(
    _ report: NginxDryRun.Report, _ found: [LocationAudit.Finding]?, _ list: inout Findings
  ) {
    list.take("nginx -t of what would be generated", report.resting)
    list.take("nginx -t of every stage", report.stages)
    if let why = report.apart {
      list.note("both were tried in a configuration of canary's own, not in yours: \(why)")
    }
    for finding in found ?? [] {
      finding.isFault ? list.bad(finding.text) : list.note(finding.text)
    }
    if let found, !found.contains(where: \.isFault) {
      list.good("locations that include canary's files")
    }
  }

  /// How many services are asked at once.
  ///
  /// A pool that does not answer takes seconds, and a thousand of them must not take an hour.
  private static let width = 64

  /// The findings of each service, asked side by side.
  private static func checkEach(_ services: [Service], _ world: World) async -> [Findings] {
    var found = [Findings](repeating: Findings(), count: services.count)
    await withTaskGroup(of: (Int, Findings).self) { group in
      var next = 0
      func addNext() {
        guard next < services.count else { return }
        group.addTask { [next, service = services[next]] in
          var list = Findings()
          await check(service, world, &list)
          return (next, list)
        }
        next += 1
      }
      for _ in 0..<width { addNext() }
      for await (index, list) in group {
        found[index] = list
        addNext()
      }
    }
    return found
  }

  private static func check(_ service: Service, _ world: World, _ list: inout Findings) async {
    let state = (try? await world.states.peek(service.name)) ?? nil
    let stable = state?.stable ?? service.stable
    let seen = await world.router.observe(service.name, [.answer, .edits, .names])
    switch seen.answer {
    case .success(let answer)?:
      list.good("\(service.name): Nginx answers with generation \(answer.generation)")
    case .failure(let fault)?:
      let isApplied = Files.exists(world.config.mainFile(of: service.name))
      list.note(
        isApplied
          ? "\(service.name): \(fault); after a reload of Nginx it must answer"
          : "\(service.name): not applied yet: canary apply \(service.name)")
    case nil: break
    }
    let run = world.config.run
    if service.routesBySeats, let closed = Files.closedSet(in: run.seats(service.name)),
      closed.hasPrefix("\(run.path)/")
    {
      list.bad(
        "\(service.name): \(closed) is closed to other users, so Nginx's workers may see no canary: chmod o+x \(closed)"
      )
    }
    for file in seen.edits {
      list.bad(
        "\(file) was changed by hand; `canary apply \(service.name)` puts canary's own back and keeps a copy"
      )
    }
    for change in seen.names {
      list.note(
        "\(service.name): \(change); to let it read them again: canary apply \(service.name)")
    }
    let sources = world.sources
    let groups = await Blocking.run { PoolsOfYours.faults(service, world.config.nginx) }
    for fault in groups { list.bad(fault) }
    for pool in service.pools {
      let fault = await sources.checkReadiness(
        service.name, pool: pool.name, service.plan.ready)
      switch fault {
      case nil: list.good("\(service.name): pool \(pool.name) answers")
      case .pool(let fault):
        // Only the pool with traffic must be up; you start the other before a promote.
        let text = "\(service.name): pool \(pool.name) does not answer: \(fault)"
        pool.name == stable ? list.bad(text) : list.note(text)
      case .guarded, .blind:
        if pool.name != stable { list.bad("\(service.name): \(fault?.text ?? "")") }
      }
    }
    await askBefore(service, world, pool: state?.other, &list)
    await askSources(service, world, pool: stable, &list)
    for warning in await OutlookText.read(world.config, service, service.plan).warnings {
      list.note("\(service.name): \(warning)")
    }
    let log = world.config.log(of: service.name)
    if Files.exists(log), !Files.isReadable(log) {
      list.bad("\(service.name): \(log) cannot be read, so its checks would have no data")
    }
  }

  /// Measures the checks before a rollout on the pool that it would go to.
  ///
  /// One that does not pass would end the rollout, so it is a fault unless advisory.
  private static func askBefore(
    _ service: Service, _ world: World, pool: PoolName?, _ list: inout Findings
  ) async {
    let to = pool ?? service.pools.first { $0.name != service.stable }?.name ?? service.stable
    let checks = service.plan.before
    let states = await world.sources.measureOnce(checks, service.name, pool: to)
    for (check, state) in zip(checks, states) {
      let text = "\(service.name): before a rollout: \(CheckWords.told(check, state))"
      if state.verdict == .pass {
        list.good(text)
      } else {
        check.advisory ? list.note(text) : list.bad(text)
      }
    }
  }

  /// Measures every source of the plan and of the guards once, all at the same time.
  ///
  /// A source that does not answer is a fault; its verdict on a pool at rest is not.
  private static func askSources(
    _ service: Service, _ world: World, pool: PoolName, _ list: inout Findings
  ) async {
    let checks = (service.plan.checks + service.guards.map(\.check)).filter { check in
      if case .probe = check.source { return false }
      return !check.source.isFromLog
    }
    let states = await world.sources.measureOnce(checks, service.name, pool: pool)
    for (check, state) in zip(checks, states) {
      let text = "\(service.name): check \(check.name): \(state.detail)"
      switch state.verdict {
      case .pass: list.good(text)
      case .error: list.bad(text)
      case .pending, .inconclusive, .fail: list.note(text)
      }
    }
  }
}

/// The findings, in the order in which they were made.
private struct Findings: Sendable {
  private(set) var lines: [String] = []
  private(set) var faults = 0

  mutating func good(_ text: String) { lines.append("  ✓ \(text)") }
  mutating func note(_ text: String) { lines.append("  ! \(text)") }
  mutating func bad(_ text: String) {
    lines.append("  ✗ \(text)")
    faults += 1
  }

  mutating func add(_ other: Findings) {
    lines += other.lines
    faults += other.faults
  }

  /// Adds the outcome of a test; one that could not be made is a note.
  mutating func take(_ name: String, _ outcome: NginxDryRun.Outcome) {
    switch outcome {
    case .good: good(name)
    case .bad(let why): bad("\(name): \(why)")
    case .untried(let why): note("\(name): not tried: \(why)")
    }
  }
}
