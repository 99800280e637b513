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
      if main.includes(config.nginx.include) {
        list.good("\(config.nginx.config) includes \(config.nginx.include)/*.conf")
      } else {
        list.bad(
          "\(config.nginx.config) has no `include \(config.nginx.include)/*.conf;` inside http {}: add that line"
        )
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
  }

  private static func check(_ service: Service, _ world: World, _ list: inout Findings) async {
    let state = (try? await world.store.peek(service.name)) ?? nil
    let stable = state?.stable ?? service.stable
    switch world.router.ask(service.name) {
    case .success(let generation):
      list.good("\(service.name): Nginx answers with generation \(generation)")
    case .failure(let silence):
      list.note(
        "\(service.name): \(silence.sentence(socket: world.config.probeSocket, service: service.name)); after the first `canary apply` it must"
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
    let sources = MetricSources(config: world.config, store: world.store, clock: world.clock)
    for check in service.plan.checks {
      guard case .command(let words) = check.source else { continue }
      // A source that does not answer is a fault; what it answers about a pool at rest is not.
      let now = world.clock.now()
      let measurement = await sources.measure(check, service.name, canary: stable, since: now)
      let name = "\(service.name): check \(check.name): \(words[0])"
      switch measurement.reading {
      case .failed(let why): list.bad("\(name): \(why)")
      case .answer(let good, let seen):
        good ? list.good("\(name): \(seen)") : list.note("\(name): \(seen)")
      case .value(let value, _): list.good("\(name) says \(Shown(check.source).text(value))")
      case .nothing(let why): list.note("\(name): \(why)")
      }
    }
    let log = world.config.log(of: service.name)
    if Files.exists(log), !Files.isReadable(log) {
      list.bad("\(service.name): \(log) cannot be read, so its checks would have no data")
    }
  }
}

/// What a check found, in the order of finding.
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

/// A check of a plan in one line.
enum CheckWords {
  static func text(_ check: Check) -> String {
    var text: String
    let shown = Shown(check.source)
    switch check.source {
    case .metric(let metric): text = "\(metric.rawValue) over \(check.window)"
    case .probe(let path): text = "GET \(path) on every server of the canary"
    case .command(let words): text = words.joined(separator: " ")
    }
    if let max = check.condition.max { text += " ≤ \(shown.text(max))" }
    if let min = check.condition.min { text += " ≥ \(shown.text(min))" }
    if check.lasting > .zero { text += ", broken for \(check.lasting)" }
    if check.failures > 1 { text += ", broken \(check.failures) times in a row" }
    return text + (check.advisory ? " (advisory)" : "")
  }
}
