internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// `canary check`: says everything that would go wrong, before anything is touched.
enum CheckCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "check", service: .optional,
      summary: "validate everything: config, what would be generated (nginx -t), sources, health")
  ) { arguments, output throws(Failure) in
    let world = try World(arguments, output: output)
    let services = arguments.service == nil ? world.config.services : [try world.service(arguments)]
    var list = Findings()
    list.good("config \(world.config.file)")
    await checkHost(world, services, &list)
    for service in services { await check(service, world, &list) }
    for line in list.lines { output.out(line) }
    if list.faults > 0 {
      output.err(
        "canary check: \(list.faults) \(list.faults == 1 ? "thing" : "things") would go wrong; nothing was touched"
      )
      return .outside
    }
    output.out("ready: nothing was touched")
    return .done
  }

  private static func checkHost(_ world: World, _ services: [Service], _ list: inout Findings) async
  {
    let config = world.config
    for (key, path) in [
      ("nginx.include", config.nginx.include), ("state", config.state), ("run", config.run),
    ] {
      if let fault = Files.unwritable(path) {
        list.bad("\(key): \(fault)")
      } else {
        list.good("\(key) \(path) is writable")
      }
    }
    if let closed = Files.closedFolder(config.run) {
      list.bad(
        "run: \(closed) is closed to other users, so Nginx's workers may not see the brake: chmod o+x \(closed)"
      )
    }
    if !Files.isFolder(config.nginx.logs) {
      list.bad("nginx.logs: \(config.nginx.logs) is not a folder; Nginx writes its logs there")
    }
    await list.take("nginx -t of what is installed now") { NginxTrial.installed(config) }
    if let main = MainConfig(config.nginx.config) {
      for suffix in Set(services.map { config.mainSuffix(of: $0.name) }).sorted() {
        let pattern = "\(config.nginx.include)/*.\(suffix)"
        if main.includes(config.nginx.include, suffix) {
          list.good("\(config.nginx.config) includes \(pattern)")
        } else {
          list.bad(
            "\(config.nginx.config) has no `include \(pattern);` inside \(MainConfig.block(of: suffix)) {}: add that line"
          )
        }
      }
      if main.workerShutdownTimeout == nil {
        list.note(
          "worker_shutdown_timeout is not set: after each stage, former workers stay until their last client leaves"
        )
      }
    } else {
      list.note(
        "\(config.nginx.config) cannot be read here, as with Nginx in a container: its includes were not looked at"
      )
    }
    await list.take("nginx -t of what would be generated") {
      NginxTrial.generated(world.router, services.map { ($0.name, world.first($0).resting) })
    }
    // Who is chosen differs from stage to stage, and so does what is generated.
    let stages = services.map(\.plan.stages.count).max() ?? 0
    await list.take("nginx -t of every stage") {
      for index in 0..<stages {
        let routings = services.map {
          ($0.name, stage(min(index, $0.plan.stages.count - 1), of: $0, world))
        }
        let outcome = NginxTrial.generated(world.router, routings)
        guard case .good = outcome else { return outcome }
      }
      return .good
    }
  }

  private static func stage(_ index: Int, of service: Service, _ world: World) -> Routing {
    let state = world.first(service)
    return Routing(
      stable: state.stable, canary: state.other, weight: service.plan.stages[index].weight,
      brake: state.stable, fallback: true,
      audience: service.plan.audience(stage: index, salt: "check"))
  }

  private static func check(_ service: Service, _ world: World, _ list: inout Findings) async {
    let state = (try? await world.store.peek(service.name)) ?? nil
    let stable = state?.stable ?? service.stable
    switch world.router.ask(service.name) {
    case .success(let generation):
      list.good("\(service.name): Nginx answers with generation \(generation)")
    case .failure(let silence):
      list.note(
        "\(service.name): \(silence.sentence(socket: world.config.probeSocket(of: service.name), service: service.name)); after the first `canary apply` it must"
      )
    }
    for file in world.router.editedFiles(service.name) {
      list.bad(
        "\(file) was changed by hand; `canary apply \(service.name)` puts canary's own back and keeps a copy"
      )
    }
    for pool in service.pools {
      let fault = await MetricSources(config: world.config, store: world.store, clock: world.clock)
        .look(service.name, pool: pool.name, service.plan.ready)
      switch fault {
      case nil: list.good("\(service.name): pool \(pool.name) answers")
      case let fault?:
        // Only what carries traffic now must be up; the other is brought up before a promote.
        let text = "\(service.name): pool \(pool.name) does not answer: \(fault)"
        pool.name == stable ? list.bad(text) : list.note(text)
      }
    }
    await askBefore(service, world, pool: state?.other, &list)
    await askSources(service, world, pool: stable, &list)
    let log = world.config.log(of: service.name)
    if Files.exists(log), !Files.isReadable(log) {
      list.bad("\(service.name): \(log) cannot be read, so its checks would have no data")
    }
  }

  /// Asks what is asked before a rollout, of the pool that it would go to: whatever does not pass would end it.
  private static func askBefore(
    _ service: Service, _ world: World, pool: Name?, _ list: inout Findings
  ) async {
    let to = pool ?? service.pools.first { $0.name != service.stable }?.name ?? service.stable
    let checks = service.plan.before ?? []
    let sources = MetricSources(config: world.config, store: world.store, clock: world.clock)
    let states = await sources.askOnce(checks, service.name, pool: to)
    for (check, state) in zip(checks, states) {
      let text = "\(service.name): before a rollout: \(CheckWords.told(check, state))"
      if state.verdict == .pass {
        list.good(text)
      } else {
        check.advisory ? list.note(text) : list.bad(text)
      }
    }
  }

  /// Asks every source of the plan and of the guards once, side by side.
  ///
  /// A source that does not answer is a fault; what it answers about a pool at rest is not.
  private static func askSources(
    _ service: Service, _ world: World, pool: Name, _ list: inout Findings
  ) async {
    let sources = MetricSources(config: world.config, store: world.store, clock: world.clock)
    let checks = (service.plan.checks + service.guards.map(\.check)).filter { check in
      if case .probe = check.source { return false }
      return !check.source.isFromLog
    }
    let states = await sources.askOnce(checks, service.name, pool: pool)
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

/// What was found, in the order of finding.
private struct Findings {
  private(set) var lines: [String] = []
  private(set) var faults = 0

  mutating func good(_ text: String) { lines.append("  ✓ \(text)") }
  mutating func note(_ text: String) { lines.append("  ! \(text)") }
  mutating func bad(_ text: String) {
    lines.append("  ✗ \(text)")
    faults += 1
  }

  /// Runs a trial that tells its fault, or why it could not be made.
  mutating func take(_ name: String, _ trial: @escaping @Sendable () -> NginxTrial.Outcome) async {
    switch await Blocking.run(trial) {
    case .good: good(name)
    case .bad(let why): bad("\(name): \(why)")
    case .untried(let why): note("\(name): not tried: \(why)")
    }
  }
}
