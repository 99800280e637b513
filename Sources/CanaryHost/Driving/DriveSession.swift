internal import CanaryAdapters
package import CanaryCore
package import CanaryDriver
internal import Glibc

/// Drives one service from this process.
///
/// Holds the lease that keeps other processes from driving it, and starts a dead man's switch that
/// puts the brake on should this process die.
package enum DriveSession {
  /// The lease to drive the service; nil while another process holds it.
  ///
  /// With `marked`, status reports this process as the driver.
  package static func acquire(
    _ world: World, _ service: Service, patience: Span = .zero, marked: Bool = true
  ) throws(Failure) -> (any Lease)? {
    do throws(LeaseError) {
      return try world.leases.acquire(.drive(service.name), patience: patience, marked: marked)
    } catch {
      throw Failure(.outside, error.fault)
    }
  }

  /// Drives until the service is at rest, and returns that state.
  ///
  /// Nil when the task was cancelled or the driver drained: the rollout stays where it is, and the
  /// dead man's switch stays armed. With `patience`, a revert that Nginx refused that many times is
  /// returned unfinished, with the brake on. The lease is held throughout.
  package static func run(
    _ driver: Driver, _ event: Event, world: World, service: Service, lease: any Lease,
    patience: Int?
  ) async throws(Failure) -> ServiceState? {
    InstalledFolders.note(world.config)
    Brake.prepare(world.config.run, service.name)
    let watcher: DeadMansSwitch
    do throws(SpawnError) {
      watcher = try DeadMansSwitch.start(
        DeadMansSwitch.Post(
          run: world.config.run, service: service.name,
          file: world.config.mainFile(of: service.name), state: world.config.state,
          config: world.config.file))
    } catch {
      throw Failure(.outside, "the guard that watches over a rollout cannot be started: \(error)")
    }
    let watching = Task { await watch(lease, driver, world, service) }
    defer { watching.cancel() }
    let rest = await driver.run(
      event, patience: patience, lastResort: { watcher.brake() },
      tell: { rollout, why in
        try? Background.announce(service.name, rollout: rollout, why, config: world.config.file)
      })
    if rest != nil { watcher.dismiss() }
    withExtendedLifetime(lease) {}
    return rest
  }

  /// Tells the driver once when its lock is gone: another process may drive the service now.
  private static func watch(
    _ lease: any Lease, _ driver: Driver, _ world: World, _ service: Service
  ) async {
    while !Task.isCancelled {
      guard lease.isInPlace else {
        return driver.lose("the folder \(world.config.run) was removed while the rollout ran")
      }
      await world.clock.sleep(until: world.clock.now() + .seconds(1))
    }
  }

  /// Finishes what earlier processes left undone: a rollout whose driver died, or a revert that
  /// could not be saved.
  ///
  /// Called before a new rollout starts. Does nothing while another process drives the service.
  package static func settle(_ world: World, _ service: Service) async throws(Failure) {
    let state = try await world.load(service)
    let note = await world.router.brakeNote(service.name)
    let isOrphan =
      state.running != nil && world.leases.holder(.drive(service.name)) == nil
      && world.leases.holder(.controller) == nil
    guard isOrphan || (state.running == nil && note != nil) else { return }
    guard let lease = try acquire(world, service) else { return }
    if isOrphan, let rollout = state.running {
      let pid = world.leases.lastHolder(.drive(service.name)).map { " (pid \($0))" } ?? ""
      let why =
        note?.by == .person
        ? note?.reason ?? "reverted" : "its driver\(pid) died, and nobody took over"
      world.log(
        "canary: rollout \(rollout.number) was left behind: \(why). It is taken back first.")
      let by = note?.by == .person ? Actor(note?.actor ?? "unknown") : Actor.canary
      _ = try await run(
        world.driver(service), .revert(by, why), world: world, service: service, lease: lease,
        patience: 1)
      return
    }
    // At rest with the brake on: a revert that could not be saved when it was asked for, or a guard
    // that could not know that its rollout was over.
    if let note, note.by != .driver {
      let event: Event =
        note.by == .person ? .revert(Actor(note.actor), note.reason) : .apply(.canary)
      let rest = await world.driver(service).run(event, patience: 1)
      if rest?.running != nil { return }
    }
    try? await world.router.release(service.name)
  }

  /// Starts a process that drives the service on.
  ///
  /// That process waits for the lease, which is free once this one has ended.
  package static func handOver(_ service: Service, of world: World) throws(Failure) {
    do throws(SpawnError) {
      try Background.drive(service.name, config: world.config.file)
    } catch {
      throw Failure(.outside, "the rollout cannot be handed over: \(error)")
    }
  }
}
