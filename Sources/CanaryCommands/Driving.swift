internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import Glibc

/// Driving a service from this process: with the lock that keeps others from it, and a guard in case it dies.
enum Driving {
  /// The lock that says who drives; nil when another process does.
  static func lock(
    _ world: World, _ service: Service, patience: Span = .zero, marked: Bool = true
  ) throws(Failure) -> FileLock? {
    do throws(FileError) {
      try Files.makeFolder(world.config.run)
      return try FileLock.take(world.driveLock(service.name), patience: patience, marked: marked)
    } catch {
      throw Failure(.outside, "\(error). The folder is set by `run` in the config")
    }
  }

  /// Drives until the service is at rest.
  ///
  /// The lock is held throughout; the guard is dismissed at the end, unless the task was cancelled:
  /// then the rollout is left as it is, and the guard does what must be done.
  static func run(
    _ driver: Driver, _ event: Event, world: World, service: Service, lock: FileLock, patience: Int?
  ) async throws(Failure) -> ServiceState? {
    let watcher: Guard
    do throws(SpawnError) {
      watcher = try Guard.start(
        lock: world.driveLock(service.name), brake: world.config.brake(of: service.name),
        file: world.config.mainFile(of: service.name))
    } catch {
      throw Failure(.outside, "the guard that watches over a rollout cannot be started: \(error)")
    }
    let rest = await driver.run(event, patience: patience)
    if rest != nil { watcher.dismiss() }
    withExtendedLifetime(lock) {}
    return rest
  }

  /// Ends what a dead driver or an unwritten revert left behind, before something new begins.
  static func settle(_ world: World, _ service: Service) async throws(Failure) {
    let state = try await world.load(service)
    let note = world.router.brakeNote(service.name)
    let isOrphan =
      state.running != nil && FileLock.holder(world.driveLock(service.name)) == nil
      && FileLock.holder(world.controllerLock) == nil
    guard isOrphan || (state.running == nil && note != nil) else { return }
    guard let lock = try lock(world, service) else { return }
    if isOrphan, let rollout = state.running {
      let pid = FileLock.lastHolder(world.driveLock(service.name)).map { " (pid \($0))" } ?? ""
      let why =
        note?.by == .person
        ? note?.reason ?? "reverted" : "its driver\(pid) died, and nobody took over"
      world.output.err(
        "canary: rollout \(rollout.number) was left behind: \(why). It is taken back first.")
      let by = note?.by == .person ? Actor(note?.actor ?? "unknown") : Actor.canary
      _ = try await run(
        world.driver(service), .revert(by, why), world: world, service: service, lock: lock,
        patience: 1)
      return
    }
    // At rest with the brake on: a revert that could not be written down when it was asked for.
    if let note, note.by == .person {
      let event = Event.revert(Actor(note.actor), note.reason)
      let rest = await world.driver(service).run(event, patience: 1)
      if rest?.running != nil { return }
    }
    try? world.router.release(service.name)
  }
}

extension Reason {
  /// What a release script is told of a rollout that went back.
  var exitCode: ExitCode {
    switch kind {
    case .gate: .gateFailed
    case .person: .stopped
    case .outside: .outside
    }
  }
}
