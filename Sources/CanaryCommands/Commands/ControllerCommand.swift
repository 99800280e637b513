internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost
internal import Glibc
internal import Synchronization

/// `canary controller`: drives all rollouts until stopped.
///
/// One controller of a host drives; others wait for its lease.
enum ControllerCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "controller", service: .none, summary: "drive all rollouts until stopped",
      details: """
        SIGHUP reads the config anew; a bad one is refused with its faults, and the old one stays. SIGTERM and SIGINT let
        what is under way come to its end and leave rollouts where they are, for the next start to resume; until then
        the brake sends everybody to stable.
        """)
  ) { call throws(Failure) in
    var options = World.Options()
    options.asksController = false
    let journal = Journal(call.output)
    let world = try call.world(options, log: journal.log)
    let signals = await Signals.stream([SIGTERM, SIGINT])
    let reloads = await Signals.stream([SIGHUP])
    let stop = Task { for await _ in signals { return } }
    guard let lease = try await acquire(world, stop, journal) else { return .done }
    journal.say(
      .info,
      "canary controller: driving \(Text.count(world.config.services.count, "service"))")
    let telling = Task { await journal.follow(world) }
    world.hooks.tidy()
    await GateChanges.note(world)
    ControllerConfig.publish(world)
    let drivers = DriverPool(world)
    let controller = Controller(
      clock: world.clock, executor: world.executor, pending: { await drivers.pending() },
      makeDrive: { await drivers.drive($0) }, report: { drivers.report($0, $1) })
    let loop = Task(executorPreference: world.executor) { await controller.run() }
    let ringing = Task(executorPreference: world.executor) { await drivers.bell.run() }
    let noticing = Task(executorPreference: world.executor) { await NoticeLoop.watch(world) }
    let publishing = Task { await PublishLoop.watch(world) }
    let watching = Task { await OrphanWatch.watch(world) }
    let answering = Task { await ControlLoop.watch { drivers.world } }
    let reloading = Task {
      var guarding = Task { await StandingGuardLoop.watch(world) }
      for await _ in reloads {
        guard let fresh = reload(call, world, journal) else { continue }
        drivers.world = fresh
        ControllerConfig.publish(fresh)
        await GateChanges.note(fresh)
        guarding.cancel()
        guarding = Task { await StandingGuardLoop.watch(fresh) }
      }
    }
    MallocTuning.trim()
    ServiceManager.tell("READY=1")
    await stop.value
    ServiceManager.tell("STOPPING=1")
    journal.say(
      .info,
      "canary controller: stopping; rollouts stay where they are, with the brake on until a driver takes over"
    )
    reloading.cancel()
    answering.cancel()
    await drain(controller, loop, world)
    // Its socket goes before the lease: the next controller listens under the same name.
    await answering.value
    telling.cancel()
    noticing.cancel()
    publishing.cancel()
    watching.cancel()
    ringing.cancel()
    withExtendedLifetime(lease) {}
    return .done
  }

  /// Lets drives finish what they asked of Nginx, for 20 s: the systemd unit allows 30 s.
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

  /// The world for the config as it is now; nil when that cannot be used, so that the former config
  /// stays.
  private static func reload(_ call: Invocation, _ world: World, _ journal: Journal)
    -> World?
  {
    ServiceManager.tell("RELOADING=1", "MONOTONIC_USEC=\(ServiceManager.monotonic)")
    defer { ServiceManager.tell("READY=1") }
    do throws(Failure) {
      var options = World.Options()
      options.asksController = false
      options.former = world
      let fresh = try World(configFile: call["--config"], options, log: journal.log)
      // This process's lease, store and flags stay where they were when it started.
      guard fresh.config.state == world.config.state, fresh.config.run == world.config.run else {
        world.live.config = world.config
        throw Failure(
          .wrong, "`state` and `run` cannot be changed while the controller runs; restart it")
      }
      journal.say(
        .info,
        "canary controller: \(fresh.config.file) is read anew: \(Text.count(fresh.config.services.count, "service")); running rollouts keep the pools and the plan that they began with"
      )
      return fresh
    } catch {
      journal.say(
        .error,
        "canary controller: the config was not reloaded; the former config stays: \(error.text)")
      return nil
    }
  }

  /// The lease to drive all services; reports once that it waits for it.
  ///
  /// Nil when stopped before.
  private static func acquire(
    _ world: World, _ stop: Task<Void, Never>, _ journal: Journal
  ) async throws(Failure) -> (any Lease)? {
    let stopped = Mutex(false)
    let watch = Task {
      await stop.value
      stopped.withLock { $0 = true }
    }
    defer { watch.cancel() }
    var told = false
    while !stopped.withLock({ $0 }) {
      do throws(LeaseError) {
        if let lease = try world.leases.acquire(.controller) { return lease }
      } catch {
        throw Failure(.outside, error.fault)
      }
      if !told {
        let pid = world.leases.holder(.controller).map { " (pid \($0))" } ?? ""
        journal.say(
          .info, "canary controller: another controller\(pid) drives; waiting for it to end")
        // For systemd, a waiting controller is ready: it takes over by itself.
        ServiceManager.tell("READY=1", "STATUS=waiting for another controller\(pid) to end")
        told = true
      }
      ServiceManager.tell("WATCHDOG=1")
      await world.clock.sleep(until: world.clock.now() + .seconds(0.25))
    }
    return nil
  }
}
