internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost
internal import Glibc

/// A `promote` after its rollout was saved: drives the rollout, or follows the process that does.
struct PromoteSession {
  let world: World
  let service: Service
  let number: Int
  let manner: Follower.Manner
  /// What to say before the first stage, in the order of importance.
  var warnings: [String] = []

  /// Starts a process that drives the rollout, unless a controller does.
  func detach(_ lease: (any Lease)?) async throws(Failure) -> ExitCode {
    // Without lease and controller, an earlier driver is about to end: the new process waits for
    // its lease.
    if lease != nil || world.leases.holder(.controller) == nil {
      try DriveSession.handOver(service, of: world)
    }
    withExtendedLifetime(lease) {}
    return begun()
  }

  /// Says that the rollout goes on by itself.
  func begun() -> ExitCode {
    var follower = follower
    warn(&follower)
    world.output.out(
      """
      rollout \(number) of \(service.name) has begun
      watch: canary status \(service.name) --watch   stop: canary revert \(service.name)
      """)
    return .done
  }

  private var follower: Follower {
    Follower(world: world, service: service, number: number, manner: manner)
  }

  /// Prints the first warning, and how to see all of them.
  private func warn(_ follower: inout Follower) {
    if manner != .log {
      for warning in warnings { world.output.err("canary: warning: \(warning)") }
    }
    guard manner == .log, let first = warnings.first else { return }
    let more = warnings.count > 1 ? " (and \(warnings.count - 1) more)" : ""
    follower.warn(first + more, "; see: canary promote \(service.name) --dry-run")
  }

  /// Drives or follows until the rollout is over, you quit, or the timeout.
  ///
  /// A signal reverts the rollout; a second one ends this process at once. On a terminal, Ctrl-C
  /// asks first, and a terminal that is gone leaves the rollout running.
  mutating func follow(_ lease: (any Lease)?, timeout: Span?) async throws(Failure) -> ExitCode {
    let signals = await Signals.stream([SIGINT, SIGTERM, SIGHUP])
    let stops = SignalCount()
    let terminal = manner == .json ? nil : Terminal()
    let view = terminal.map { LiveView(world, service, $0, isPromote: true) }
    let driver = world.driver(service)
    var driving = lease.map { drive(driver, .woke, $0) }
    let listening = Task { [world, service, rollout = number] in
      for await number in signals {
        if let view, number == SIGHUP {
          await view.quit()
          continue
        }
        if let view, number == SIGINT, await !view.interrupt() { continue }
        if stops.add() > 1 {
          terminal?.end()
          _exit(ExitCode.outside.rawValue)
        }
        let why = "stopped by \(Signals.name(number)) to promote"
        world.output.err(
          "canary: \(why); sending all traffic back to stable (again: leave at once)")
        _ = try? await world.submit(
          .revertOnly(rollout: rollout, world.actor, Reason(.person, why)), service)
      }
    }
    let noticing = Task { [world] in await NoticeLoop.watch(world) }
    let publishing = Task { [world] in await PublishLoop.watch(world) }
    defer {
      listening.cancel()
      noticing.cancel()
      publishing.cancel()
    }
    await view?.begin()
    var follower = follower
    if view == nil { warn(&follower) }
    let end: End
    do throws(Failure) {
      end = try await follow(driver, &driving, timeout: timeout, view, &follower)
    } catch {
      await view?.end()
      throw error
    }
    await view?.end()
    // The lease is free now for the process that publishes the end.
    publishing.cancel()
    await publishing.value
    // The screen is gone by now: print what happened.
    if view != nil { _ = await follower.look() }
    return await finish(end, &follower)
  }

  /// How following ended.
  enum End {
    case over(RolloutRecord)
    /// The rollout continues without this process.
    case left(String)
    /// Nginx refuses the revert's configuration; the brake is on.
    case revertRefused(Reason, Fault, stable: PoolName)
  }

  /// Looks every 0.15 s; takes over the drive when no process has had it for 2 s.
  private mutating func follow(
    _ driver: Driver, _ driving: inout Task<ServiceState?, Never>?, timeout: Span?,
    _ view: LiveView?, _ follower: inout Follower
  ) async throws(Failure) -> End {
    let start = world.clock.uptime()
    var undrivenSince = start
    var drawn: Span?
    while true {
      let now = world.clock.uptime()
      var hasQuit = false
      if let view {
        if drawn.map({ now - $0 >= .seconds(0.5) }) ?? true {
          drawn = now
          hasQuit = await view.look()
        }
        if let record = try? await ended() {
          _ = await driving?.value
          return .over(record)
        }
      } else if let record = await follower.look() {
        _ = await driving?.value
        return .over(record)
      }
      if hasQuit || timeout.map({ now - start >= $0 }) ?? false {
        if let driving {
          driving.cancel()
          _ = await driving.value
          try DriveSession.handOver(service, of: world)
        }
        return .left(hasQuit ? "stopped watching" : "waited \((timeout ?? .zero).words)")
      }
      if driving == nil {
        // A controller that holds its lease but does not drive (stopped, stuck) must not leave the
        // rollout alone.
        // Who may not write the store cannot drive, either.
        if world.control != nil || world.leases.holder(.drive(service.name)) != nil {
          undrivenSince = now
        }
        if now - undrivenSince > .seconds(2), let lease = try DriveSession.acquire(world, service) {
          world.output.err("canary: no controller took the rollout, so this process drives it")
          driving = drive(driver, .woke, lease)
        }
      } else if let ended = await refusedRevert(driver) {
        return ended
      }
      await world.clock.sleep(until: world.clock.now() + .seconds(0.15))
    }
  }

  /// The rollout once it is over, also when another has begun since; nil: it goes on.
  private func ended() async throws(StoreError) -> RolloutRecord? {
    let record = try await world.history.record(service.name, rollout: number)
    return record?.rollout.phase.isOver == true ? record : nil
  }

  private func drive(_ driver: Driver, _ event: Event, _ lease: any Lease) -> Task<
    ServiceState?, Never
  > {
    Task { [world, service, number] in
      do throws(Failure) {
        return try await DriveSession.run(
          driver, event, world: world, service: service, lease: lease, patience: 2)
      } catch {
        world.output.err("canary: \(error.text)")
        _ = try? await world.submit(
          .revertOnly(rollout: number, .canary, Reason(.outside, error.text)), service)
        return await driver.run(.woke, patience: 1)
      }
    }
  }

  /// The end when Nginx refuses the revert's configuration, until you fix Nginx; nil otherwise.
  private func refusedRevert(_ driver: Driver) async -> End? {
    guard await driver.hasGivenUp, let fault = await driver.fault,
      let state = try? await world.load(service),
      case .reverting(_, let reason)? = state.running?.phase
    else { return nil }
    return .revertRefused(reason, fault, stable: state.stable)
  }
}
