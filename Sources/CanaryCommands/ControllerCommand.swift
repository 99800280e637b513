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
      name: "controller", service: .none, summary: "drive all rollouts until stopped",
      details: """
        SIGHUP reads the config anew; a bad one is refused with its faults, and the old one stays. SIGTERM and SIGINT let
        what is under way come to its end and leave rollouts where they are, for the next start to resume; until then
        the brake sends everybody to stable.
        """)
  ) { arguments, output throws(Failure) in
    let world = try World(arguments, output: output)
    let signals = await Signals.stream([SIGTERM, SIGINT])
    let reloads = await Signals.stream([SIGHUP])
    let stop = Task { for await _ in signals { return } }
    guard let lock = try await take(world, stop) else { return .done }
    output.err("canary controller: driving \(world.config.services.count) services")
    world.hooks.tidy()
    let steward = Steward(world)
    let controller = Controller(
      clock: world.clock, owed: { await steward.owed() }, begin: { await steward.begin($0) },
      tell: { steward.tell($0, $1) })
    let loop = Task(executorPreference: Driver.executor) { await controller.run() }
    let ringing = Task(executorPreference: Driver.executor) { await steward.bell.run() }
    let telling = Task(executorPreference: Driver.executor) { await Noticing.watch(world) }
    let publishing = Task { await Publishing.watch(world) }
    let reloading = Task {
      var guarding = Task { await Guarding.watch(world) }
      for await _ in reloads {
        guard let fresh = reload(arguments, world, output) else { continue }
        steward.world = fresh
        guarding.cancel()
        guarding = Task { await Guarding.watch(fresh) }
      }
    }
    Memory.trim()
    ServiceManager.tell("READY=1")
    await stop.value
    ServiceManager.tell("STOPPING=1")
    output.err(
      "canary controller: stopping; rollouts stay where they are, with the brake on until somebody drives them"
    )
    reloading.cancel()
    await drain(controller, loop, world)
    telling.cancel()
    publishing.cancel()
    ringing.cancel()
    withExtendedLifetime(lock) {}
    return .done
  }

  /// What Nginx is being asked for may come to its end, as long as systemd waits without asking why.
  private static func drain(_ controller: Controller, _ loop: Task<Void, Never>, _ world: World)
    async
  {
    await controller.drain()
    let limit = Task {
      await world.clock.sleep(until: world.clock.now() + .seconds(20))
      loop.cancel()
    }
    await loop.value
    limit.cancel()
  }

  /// The world by the config as it is now; nil when it cannot be used, and the old one stays.
  private static func reload(_ arguments: Arguments, _ world: World, _ output: Output) -> World? {
    ServiceManager.tell("RELOADING=1", "MONOTONIC_USEC=\(ServiceManager.monotonic)")
    defer { ServiceManager.tell("READY=1") }
    do throws(Failure) {
      let fresh = try World(arguments, output: output, live: world.live)
      // Locks, store and flags are where they were when this process began.
      guard fresh.config.state == world.config.state, fresh.config.run == world.config.run else {
        world.live.config = world.config
        throw Failure(
          .wrong, "`state` and `run` cannot be changed while the controller runs; restart it")
      }
      output.err(
        "canary controller: \(fresh.config.file) is read anew: \(fresh.config.services.count) services; running rollouts keep the pools and the plan that they began with"
      )
      return fresh
    } catch {
      output.err("canary controller: the former config stays: \(error.text)")
      return nil
    }
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
        // To systemd a controller in waiting is ready: it takes over by itself.
        ServiceManager.tell("READY=1", "STATUS=waiting for another controller\(pid) to end")
        told = true
      }
      ServiceManager.tell("WATCHDOG=1")
      await world.clock.sleep(until: world.clock.now() + .seconds(0.25))
    }
    return nil
  }

  /// Drives one service to its end; started by a `promote` or a `revert` that does not stay.
  static func driveOne(_ words: [String], output: Output) async -> Int32 {
    let spec = CommandSpec(name: "__drive", service: .required, summary: "")
    guard let arguments = try? Arguments(words, for: spec),
      let world = try? World(arguments, output: output),
      let service = try? world.service(arguments),
      let lock = (try? Driving.lock(world, service, patience: .seconds(10))) ?? nil,
      let state = try? await world.load(service),
      state.running != nil || state.job(at: world.clock.now()) != nil
    else { return ExitCode.outside.rawValue }
    let telling = Task { await Noticing.watch(world) }
    let publishing = Task { await Publishing.watch(world) }
    await Steward.drive(world.driver(service), world, service, state, lock)
    telling.cancel()
    publishing.cancel()
    await publishing.value
    Noticing.leave(arguments, output)
    Publishing.leave(arguments, output)
    return ExitCode.done.rawValue
  }
}
