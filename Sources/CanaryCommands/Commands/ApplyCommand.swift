internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

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
      ], isActing: true)
  ) { call throws(Failure) in
    let world = try call.world()
    let services = try call.services(world)
    var worst = ExitCode.done
    for service in services {
      do throws(Failure) {
        try await apply(world, service, offline: call.has("--offline"))
      } catch {
        call.output.err("canary apply: \(service.name): \(error.text)")
        worst = error.code
      }
    }
    return worst
  }

  private static func apply(_ world: World, _ service: Service, offline: Bool) async throws(Failure)
  {
    try await DriveSession.settle(world, service)
    guard let lease = try DriveSession.acquire(world, service, patience: .seconds(1), marked: false)
    else {
      throw Failure(.busy, "another process drives this service. Nothing was touched.")
    }
    if offline { return try await write(world, service) }
    let state = try await world.load(service)
    if let rollout = state.running {
      throw Failure(
        .busy, "rollout \(rollout.number) is running; apply when it is over. Nothing was touched.")
    }
    for socket in await world.router.removeStaleSockets(service.name) {
      world.output.err("canary: removed \(socket), which a killed Nginx left behind")
    }
    let driver = world.driver(service)
    let rest = await driver.run(.apply(world.actor))
    withExtendedLifetime(lease) {}
    guard let rest, let serving = rest.serving, await driver.fault == nil else {
      let fault = await driver.fault ?? Fault("the state could not be saved")
      throw Failure(
        .outside, fault.fact,
        hint: [fault.hint, "The former files are back in place."].compactMap(\.self)
          .joined(separator: ". "))
    }
    world.output.out(
      "\(service.name): Nginx serves generation \(serving.generation); all traffic is on \(rest.stable)"
    )
    await report(world, service)
  }

  /// For an Nginx that cannot start without the files: writes and tests them, and does not reload.
  private static func write(_ world: World, _ service: Service) async throws(Failure) {
    let state = try await world.load(service)
    if let rollout = state.running { throw Failure(.busy, "rollout \(rollout.number) is running") }
    do throws(RouterError) {
      try await world.router.prepare(
        service.name, state.resting(at: world.clock.now()), state.generation)
    } catch {
      throw Failure(.outside, error.fault)
    }
    world.output.out(
      "\(service.name): files written and tested, Nginx not told. Start it, then: canary apply \(service.name)"
    )
  }

  /// Prints how many workers still serve an older configuration.
  private static func report(_ world: World, _ service: Service) async {
    let workers = await world.router.observe(service.name, .workers).workers
    guard let line = NginxReport.leaving(world, workers) else { return }
    world.output.out("  \(line)")
  }
}
