internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import Glibc
internal import Synchronization

/// `canary controller`: drives all rollouts until stopped.
///
/// One at a time holds the right to.
enum ControllerCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "controller", service: .none, summary: "drive all rollouts until stopped")
  ) { arguments, output throws(Failure) in
    let world = try World(arguments, output: output)
    let signals = await Signals.stream([SIGTERM, SIGINT])
    let stop = Task { for await _ in signals { return } }
    let lock = try await take(world, stop)
    guard let lock else { return .done }
    output.err("canary controller: driving \(world.config.services.count) services")
    let loop = Task { await drive(world) }
    let guarding = Task { await Guarding.watch(world) }
    await stop.value
    output.err(
      "canary controller: stopping; rollouts stay where they are, with the brake on until somebody drives them"
    )
    guarding.cancel()
    loop.cancel()
    await loop.value
    withExtendedLifetime(lock) {}
    return .done
  }

  /// The controller's lock; says once that it waits.
  ///
  /// Nil when stopped before.
  private static func take(_ world: World, _ stop: Task<Void, Never>) async throws(Failure)
    -> FileLock?
  {
    let stopped = Mutex(false)
    let watch = Task {
      await stop.value
      stopped.withLock { $0 = true }
    }
    defer { watch.cancel() }
    var told = false
    while !stopped.withLock({ $0 }) {
      do throws(FileError) {
        try Files.makeFolder(world.config.run)
        if let lock = try FileLock.take(world.controllerLock) { return lock }
      } catch {
        throw Failure(.outside, "\(error)")
      }
      if !told {
        let pid = FileLock.holder(world.controllerLock).map { " (pid \($0))" } ?? ""
        world.output.err(
          "canary controller: another controller\(pid) drives; waiting for it to end")
        told = true
      }
      await world.clock.sleep(until: world.clock.now() + .seconds(0.25))
    }
    return nil
  }

  /// Looks for rollouts that nobody drives, and drives each in a task of its own.
  private static func drive(_ world: World) async {
    await withTaskGroup(of: Name?.self) { group in
      var driven: Set<Name> = []
      var version: Int?
      var since = world.clock.now()
      group.addTask { await pause(world) }
      while let ended = await group.next() {
        if let ended {
          driven.remove(ended)
          version = nil
          continue
        }
        if Task.isCancelled { break }
        group.addTask { await pause(world) }
        // A whole look when somebody saved, and every second: a driver that dies saves nothing.
        let now = (try? await world.store.dataVersion()) ?? 0
        guard now != version || world.clock.now() - since > .seconds(0.5) else { continue }
        version = now
        since = world.clock.now()
        for service in world.config.services where !driven.contains(service.name) {
          guard let state = try? await world.store.load(service.name)?.value,
            let lock = claim(world, service, state)
          else { continue }
          driven.insert(service.name)
          group.addTask {
            await drive(world, service, state, lock)
            return service.name
          }
        }
      }
      group.cancelAll()
    }
  }

  private static func pause(_ world: World) async -> Name? {
    await world.clock.sleep(until: world.clock.now() + .seconds(0.2))
    return nil
  }

  /// The lock of a service that needs driving and has no driver.
  private static func claim(_ world: World, _ service: Service, _ state: ServiceState) -> FileLock?
  {
    let note = world.router.brakeNote(service.name)
    guard state.running != nil || note?.by == .person else { return nil }
    return (try? Driving.lock(world, service)) ?? nil
  }

  private static func drive(
    _ world: World, _ service: Service, _ state: ServiceState, _ lock: FileLock
  ) async {
    let event: Event
    switch state.running?.phase {
    case .starting?: event = .woke
    case nil:
      // A person's brake at rest: a revert that could not be saved when it was asked for.
      let note = world.router.brakeNote(service.name)
      event = .revert(Actor(note?.actor ?? "unknown"), note?.reason)
    case .some: event = .tookOver(Actor("controller"))
    }
    do throws(Failure) {
      let rest = try await Driving.run(
        world.driver(service), event, world: world, service: service, lock: lock, patience: nil)
      if let rest, rest.running == nil {
        if state.running == nil { try? world.router.release(service.name) }
        world.output.err("canary controller: \(service.name): \(Wording.sentence(rest))")
      }
    } catch {
      world.output.err("canary controller: \(service.name): \(error.text)")
    }
  }

  /// Drives one service to its end; started by a `promote` that does not stay.
  static func driveOne(_ words: [String], output: Output) async -> Int32 {
    let spec = CommandSpec(name: "__drive", service: .required, summary: "")
    guard let arguments = try? Arguments(words, for: spec),
      let world = try? World(arguments, output: output),
      let service = try? world.service(arguments),
      let lock = (try? Driving.lock(world, service, patience: .seconds(10))) ?? nil,
      let state = try? await world.load(service), state.running != nil
    else { return ExitCode.outside.rawValue }
    await drive(world, service, state, lock)
    return ExitCode.done.rawValue
  }
}
