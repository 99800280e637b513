internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// `canary apply`: makes Nginx serve what the store and the config say now.
enum ApplyCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "apply", service: .optional,
      summary: "generate and install what the store and the config say now",
      details:
        "At the first start, and after a change of the config. Without SERVICE: every service.",
      options: [
        Option(
          "--offline", nil,
          "for an Nginx that does not run yet: write and test the files, reload nothing")
      ])
  ) { arguments, output throws(Failure) in
    let world = try World(arguments, output: output)
    let services = arguments.service == nil ? world.config.services : [try world.service(arguments)]
    var worst = ExitCode.done
    for service in services {
      do throws(Failure) {
        try await apply(world, service, offline: arguments.has("--offline"))
      } catch {
        output.err("canary apply: \(service.name): \(error.text)")
        worst = error.code
      }
    }
    return worst
  }

  private static func apply(_ world: World, _ service: Service, offline: Bool) async throws(Failure)
  {
    try await Driving.settle(world, service)
    guard let lock = try Driving.lock(world, service, patience: .seconds(1), marked: false) else {
      throw Failure(.busy, "another process drives this service. Nothing was touched.")
    }
    if offline { return try await write(world, service) }
    let state = try await world.load(service)
    if let rollout = state.running {
      throw Failure(
        .busy, "rollout \(rollout.number) is running; apply when it is over. Nothing was touched.")
    }
    let sockets = [
      world.config.probeSocket(of: service.name), world.config.relaySocket(of: service.name),
    ]
    for socket in sockets where Probe(socket: socket).removeStaleSocket() {
      world.output.err("canary: removed \(socket), which a killed Nginx left behind")
    }
    let driver = world.driver(service)
    let rest = await driver.run(.apply(world.actor))
    withExtendedLifetime(lock) {}
    guard let rest, let serving = rest.serving, await driver.fault == nil else {
      throw Failure(
        .outside,
        "\(await driver.fault ?? "the state could not be saved"). The former files are back in place."
      )
    }
    world.output.out(
      "\(service.name): Nginx serves generation \(serving.generation); all traffic is on \(rest.stable)"
    )
    report(world, service)
  }

  /// For an Nginx that cannot start without the files: they are put there and tested, and nothing is claimed.
  private static func write(_ world: World, _ service: Service) async throws(Failure) {
    let state = try await world.load(service)
    if let rollout = state.running { throw Failure(.busy, "rollout \(rollout.number) is running") }
    do throws(RouterError) {
      try await world.router.write(service.name, state.resting, state.generation)
    } catch {
      throw Failure(.outside, error.text)
    }
    world.output.out(
      "\(service.name): files written and tested, Nginx not told. Start it, then: canary apply \(service.name)"
    )
  }

  /// Workers that still serve an older configuration, as a person should know after a reload.
  private static func report(_ world: World, _ service: Service) {
    guard let line = NginxReport.leaving(world, service.name) else { return }
    world.output.out("  \(line)")
  }
}

/// What is worth saying about Nginx beside what it serves.
enum NginxReport {
  /// Workers still shutting down, with the oldest one's age and the limit that Nginx has for them; nil when there are none.
  static func leaving(_ world: World, _ service: Name) -> String? {
    guard let workers = Workers.now(world.config.probe(service), service: service) else {
      return nil
    }
    let leaving = workers.filter(\.isShuttingDown)
    guard let oldest = leaving.map(\.age).max() else { return nil }
    let limit = MainConfig(world.config.nginx.config).map {
      $0.workerShutdownTimeout.map { "worker_shutdown_timeout is \($0)" }
        ?? "worker_shutdown_timeout is not set, so they may stay as long as a client does"
    }
    let age = Span(milliseconds: oldest.milliseconds / 1000 * 1000)
    return
      "\(leaving.count) former worker\(leaving.count == 1 ? "" : "s") still finishing requests by an older configuration, the oldest \(age) old"
      + (limit.map { " (\($0))" } ?? "")
  }
}
