internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost
internal import Glibc

/// `canary revert`: puts the brake on, and then removes the canary from Nginx's configuration.
///
/// A step that fails does not stop the next one.
enum RevertCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "revert", service: .oneOrAll,
      summary: "send all traffic to stable, now, whatever else is going on",
      details: """
        First the brake: every new request goes to stable. Then that is verified, recorded, and the brake is lifted. With
        weights: "upstream", Nginx is reloaded to a configuration without the canary; if that cannot be done, the brake stays on.
        Within `retain` of a promotion it goes back to the pool that was stable before; --all leaves promotions as they are.
        """,
      options: [
        .reason, Option("--all", nil, "every service whose rollout is not over"),
      ], isActing: true)
  ) { call throws(Failure) in
    let reason = call["--reason"].map { Text.sanitized($0, limit: 500) }
    if call.has("--all") {
      return try await RevertAll(call).carryOut(reason: reason, call.output)
    }
    let (world, service, complaint) = try scene(call)
    let code = try await carryOut(world, service, reason: reason)
    if code == .done, ThisProcess.shortage == nil { await sayIfDead(world, service) }
    guard let complaint else { return code }
    complain(complaint, world.output)
    return code == .done ? .outside : code
  }

  /// Says what is wrong with a config that a revert did without.
  static func complain(_ complaint: Failure, _ output: Output) {
    output.err(
      "canary revert: the config must be mended before the next rollout: \(complaint.fault.fact)")
  }

  /// Sends all traffic to stable; with a rollout's number, records it as the end of that one alone.
  ///
  /// `since` is when the brake was put on already; nil: it was not.
  static func carryOut(
    _ world: World, _ service: Service, reason: String?, rollout: Int? = nil,
    since: Instant? = nil
  ) async throws(Failure) -> ExitCode {
    let event =
      rollout.map { Event.revertOnly(rollout: $0, world.actor, Reason(.person, reason ?? "")) }
      ?? .revert(world.actor, reason)
    let shortage = ThisProcess.shortage
    if world.control != nil, shortage == nil { return try await ask(world, service, event) }
    let began = since ?? world.clock.now()
    let braked = await EmergencyBrake(world, service.name).pull(reason: reason)
    for line in braked.warnings { world.output.err("canary: warning: \(line)") }
    if let shortage {
      let why = [shortage.fact, shortage.hint].compactMap(\.self).joined(separator: ". ")
      return unsaved(world, service, braked, why: why)
    }
    return try await tidy(world, service, braked, event, since: began)
  }

  /// The world and the service; where the config cannot be used for it, those that are installed,
  /// and what is wrong with the config.
  private static func scene(_ call: Invocation) throws(Failure) -> (World, Service, Failure?) {
    do throws(Failure) {
      let world = try world(call)
      return (world, try call.service(world), nil)
    } catch {
      guard let name = call.arguments.service.flatMap(ServiceName.init),
        let world = World(
          installed: name, configFile: call["--config"], options(call), log: call.output.log),
        let service = world.config.service(name)
      else { throw error }
      return (world, service, error)
    }
  }

  static func options(_ call: Invocation) -> World.Options {
    var options = World.Options()
    // A locked or full store must not make you wait: after a second, the brake alone has to do.
    options.storePatience = .seconds(1)
    // The brake needs no templates; later steps do.
    options.checksTemplates = false
    // Another service's fault must not stand in the way, and 10,000 services take a second to read.
    options.only = call.arguments.service
    return options
  }

  /// Reads the config once; when that is broken, the failure says how to put the brake on by hand.
  private static func world(_ call: Invocation) throws(Failure) -> World {
    do throws(Failure) {
      return try call.world(options(call))
    } catch {
      let name = Text.sanitized(call.arguments.service ?? "SERVICE")
      throw Failure(
        error.code, error.fault.fact,
        hint:
          """
          To send all traffic to stable by hand: rm -r RUN/seats/\(name); for a service with weights: "upstream": \
          touch RUN/\(name).brake; for one with `tcp`: rm RUN/\(name).*.way. RUN is `run` of the config, /run/canary if it says nothing
          """
      )
    }
  }

  /// Saves the revert, lets its driver or this process carry it out, and reports the result.
  private static func tidy(
    _ world: World, _ service: Service, _ braked: EmergencyBrake.PullResult, _ event: Event,
    since began: Instant
  ) async throws(Failure) -> ExitCode {
    let decision: Decision
    do throws(Failure) {
      decision = try await world.submit(event, service)
    } catch {
      return unsaved(world, service, braked, why: error.fault.fact)
    }
    // A revert waits for no hook: another process runs them.
    let driver = world.driver(service, runsHooks: false)
    defer { leaveHooks(world, service) }
    if case .nothing(let text)? = decision.refusal {
      if await hasDriverReverted(world, service, decision.state, since: began) {
        try? await world.router.release(service.name)
        world.output.out("reverted: all traffic is on \(decision.state.stable)")
        return .done
      }
      guard braked.filesSendToCanary else {
        // Only a worker knows where requests go.
        if braked.isOn, !braked.isSeen {
          world.output.out(
            "nothing to revert by what is saved; where requests go, no worker of Nginx says")
        } else {
          world.output.out(text)
        }
        try? await world.router.release(service.name)
        return .done
      }
      // The store has no rollout, but the files send traffic to the canary: the store was moved or
      // lost. Make them clean.
      _ = await driver.run(.apply(world.actor), patience: 1)
    } else if await !isDone(
      world, service, within: driverPatience(world, service, decision.state))
    {
      if othersDrive(world, service) { return unfinished(world, service) }
      _ = await driver.run(.woke, patience: 1)
    }
    let state = try await world.load(service)
    if let fault = await driver.fault, state.running != nil || braked.filesSendToCanary {
      return .outside.told(
        world,
        "\(braked.sentence(stable: state.stable)) But Nginx did not take the clean configuration: \(fault). The brake stays on (\(world.config.run.brake(service.name))). Repair that, then: canary revert \(service.name)"
      )
    }
    // A rollout that had not moved traffic yet needs no reload, so no driver has lifted the brake.
    if state.running == nil { try? await world.router.release(service.name) }
    let generation = state.serving.map { ", generation \($0.generation)" } ?? ""
    world.output.out("reverted: all traffic is on \(state.stable)\(generation)")
    return .done
  }

  /// Says that the pool which has all traffic now does not answer, and what to type to go forward.
  ///
  /// Only afterwards: a revert waits for nothing.
  private static func sayIfDead(_ world: World, _ service: Service) async {
    guard let state = try? await world.load(service), let rollout = state.rollout,
      rollout.from == state.stable,
      let fault = await world.sources.silence(of: service.name, pool: state.stable)
    else { return }
    world.output.err(
      """
      canary: warning: \(state.stable) does not answer: \(fault). Clients get errors. \
      To go forward again: canary promote \(service.name) --to \(rollout.to)
      """)
  }

  /// Whether a driver saw the brake and has finished the revert before it could be asked for.
  private static func hasDriverReverted(
    _ world: World, _ service: Service, _ state: ServiceState, since began: Instant
  ) async -> Bool {
    guard let rollout = state.rollout, case .reverted = rollout.phase, let ended = rollout.ended,
      ended >= began
    else { return false }
    return await world.router.observe(service.name, [.header]).meetsCanary == false
  }

  /// Asks the controller, which puts the brake on before it answers, and waits for the rest.
  private static func ask(
    _ world: World, _ service: Service, _ event: Event
  ) async throws(Failure) -> ExitCode {
    let decision = try await world.submit(event, service)
    if case .nothing(let text)? = decision.refusal {
      world.output.out(text)
      return .done
    }
    guard await isDone(world, service, within: othersPatience) else {
      return unfinished(world, service)
    }
    let state = try await world.load(service)
    world.output.out("reverted: all traffic is on \(state.stable)")
    return .done
  }

  /// Starts a process that runs the hooks after a revert, unless a driver or a controller does.
  private static func leaveHooks(_ world: World, _ service: Service) {
    let isDriven =
      world.leases.holder(.drive(service.name)) != nil
      || world.leases.holder(.controller) != nil
    if !service.hooks.isEmpty, !isDriven {
      try? DriveSession.handOver(service, of: world)
    }
  }

  /// How long a living driver may take for the revert before this process does it itself.
  ///
  /// By seats there is nothing that two could not do at once, and so nothing to wait for.
  private static func driverPatience(
    _ world: World, _ service: Service, _ state: ServiceState
  ) -> Span {
    if othersDrive(world, service) { return othersPatience }
    guard world.leases.holder(.drive(service.name)) != nil else { return .zero }
    // One put together from what is installed has no servers to name, and neither has a config with
    // other pools: the driver knows them.
    let pools = [state.stable, state.rollout?.from, state.rollout?.to].compactMap(\.self)
    guard !service.plan.stages.isEmpty, pools.allSatisfy({ service.pool($0) != nil }) else {
      return othersPatience
    }
    return service.routesBySeats ? .zero : .seconds(2)
  }

  private static let othersPatience = Span.seconds(15)

  /// Whether a process of another user drives the service, so that this one, who is not root, has
  /// no right to test Nginx's files and to reload it.
  private static func othersDrive(_ world: World, _ service: Service) -> Bool {
    guard geteuid() != 0 else { return false }
    let holders = [LeaseRight.drive(service.name), .controller].compactMap(world.leases.holder)
    return holders.contains { ThisProcess.owner(of: $0).map { $0 != geteuid() } ?? false }
  }

  private static func unfinished(_ world: World, _ service: Service) -> ExitCode {
    .outside.told(
      world,
      "The brake is on for \(service.name), and its driver has not made Nginx's files clean yet. See: canary status \(service.name)"
    )
  }

  private static func isDone(_ world: World, _ service: Service, within patience: Span) async
    -> Bool
  {
    let start = world.clock.uptime()
    while true {
      if let state = try? await world.states.load(service.name)?.value, state.running == nil {
        return true
      }
      if world.clock.uptime() - start >= patience { return false }
      await world.clock.sleep(until: world.clock.now() + .seconds(0.05))
    }
  }

  /// The result while the store cannot be written.
  ///
  /// The brake does the revert's work; the next command or driver finds its note and saves the
  /// revert.
  private static func unsaved(
    _ world: World, _ service: Service, _ braked: EmergencyBrake.PullResult, why: String
  ) -> ExitCode {
    let stable = braked.pool ?? service.stable
    guard braked.isOn else {
      if braked.warnings.isEmpty {
        return .outside.told(
          world,
          """
          the revert could not be saved: \(why). The brake was left off, because it leads to \(stable), which is no longer \
          kept for a revert. Try again: canary revert \(service.name)
          """)
      }
      return .outside.told(
        world,
        "traffic could NOT be moved: \(braked.warnings.joined(separator: "; ")), and \(why). Try again with sudo, or by hand: rm -r \(world.config.run.seats(service.name))"
      )
    }
    world.output.err("canary: warning: \(why)")
    world.output.out(
      "\(braked.sentence(stable: stable)) It could not be recorded, so the brake stays on; the next canary command that can write records it and tidies up."
    )
    return braked.isSeen ? .done : .outside
  }
}

extension ExitCode {
  /// Prints the text as an error, and returns itself.
  fileprivate func told(_ world: World, _ text: String) -> ExitCode {
    world.output.err("canary revert: \(text)")
    return self
  }
}
