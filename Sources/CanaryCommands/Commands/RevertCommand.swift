internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost
internal import Glibc

/// `canary revert`: the brake first, then everything that makes it tidy.
///
/// Nothing that fails on the way stops the next step.
enum RevertCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "revert", service: .required,
      summary: "send all traffic to stable, now, whatever else is going on",
      details: """
        First the brake: a flag file that sends every new request to stable. Then Nginx is reloaded to a configuration
        without the canary, that is verified, and the brake is lifted. If the reload cannot be done, the brake stays on.
        Within `retain` of a promotion it goes back to the pool that was stable before.
        """,
      options: [.reason], isActing: true)
  ) { call throws(Failure) in
    let world = try world(call)
    let service = try call.service(world)
    let reason = call["--reason"].map { Text.sanitized($0, limit: 500) }
    let braked = await EmergencyBrake(world, service.name).pull(reason: reason)
    for line in braked.warnings { call.output.err("canary: warning: \(line)") }
    return try await tidy(world, service, braked, reason: reason)
  }

  /// The config is read once; when it is broken, the person still learns the one thing to do by hand.
  private static func world(_ call: Invocation) throws(Failure) -> World {
    var options = World.Options()
    // A store that is locked or full must not make a person wait: a second, then the brake alone has to do.
    options.storePatience = .seconds(1)
    // A brake needs no templates; what they are needed for comes after it.
    options.checksTemplates = false
    do throws(Failure) {
      return try call.world(options)
    } catch {
      let name = Text.sanitized(call.arguments.service ?? "SERVICE")
      throw Failure(
        error.code, error.fault.fact,
        hint:
          """
          To send all traffic to stable by hand: touch RUN/\(name).brake; for a service with `tcp`: \
          mv RUN/\(name).relay.sock RUN/\(name).relay.sock.off. RUN is `run` of the config, /run/canary if it says nothing
          """
      )
    }
  }

  /// Saves the revert, has it carried out by whoever drives or by this process, and reports what is true at the end.
  private static func tidy(
    _ world: World, _ service: Service, _ braked: EmergencyBrake.Pulled, reason: String?
  ) async throws(Failure) -> ExitCode {
    let decision: Decision
    do throws(Failure) {
      decision = try await world.submit(.revert(world.actor, reason), service)
    } catch {
      return unsaved(world, service, braked, why: error.fault.fact)
    }
    // Hooks are somebody else's: a revert waits for none of them.
    let driver = world.driver(service, runsHooks: false)
    defer { leaveHooks(world, service) }
    if case .nothing(let text)? = decision.refusal {
      guard braked.filesSendToCanary else {
        try? await world.router.release(service.name)
        world.output.out(text)
        return .done
      }
      // The store knows of no rollout, but the files do: it was moved or lost. The files are made clean.
      _ = await driver.run(.apply(world.actor), patience: 1)
    } else if await !isDone(world, service, within: driverPatience(world, service)) {
      _ = await driver.run(.woke, patience: 1)
    }
    let state = try await world.load(service)
    if let fault = await driver.fault, state.running != nil || braked.filesSendToCanary {
      return .outside.told(
        world,
        "\(braked.sentence(stable: state.stable)) But Nginx did not take the clean configuration: \(fault). The brake stays on (\(world.config.run.brake(service.name))). Repair that, then: canary revert \(service.name)"
      )
    }
    // A rollout that had not begun to move traffic needs no reload, so nobody has lifted the brake yet.
    if state.running == nil { try? await world.router.release(service.name) }
    let generation = state.serving.map { ", generation \($0.generation)" } ?? ""
    world.output.out("reverted: all traffic is on \(state.stable)\(generation)")
    return .done
  }

  /// Hands the hooks after a revert to a process of its own, unless somebody drives.
  private static func leaveHooks(_ world: World, _ service: Service) {
    let isDriven =
      world.leases.holder(.drive(service.name)) != nil
      || world.leases.holder(.controller) != nil
    if !service.hooks.isEmpty, !isDriven {
      try? DriveSession.handOver(service, of: world)
    }
  }

  /// How long a driver that lives may take to carry the revert out before this process does it itself.
  private static func driverPatience(_ world: World, _ service: Service) -> Span {
    world.leases.holder(.drive(service.name)) == nil ? .zero : .seconds(2)
  }

  private static func isDone(_ world: World, _ service: Service, within patience: Span) async
    -> Bool
  {
    let start = world.clock.now()
    while true {
      if let state = try? await world.states.load(service.name)?.value, state.running == nil {
        return true
      }
      if world.clock.now() - start >= patience { return false }
      await world.clock.sleep(until: world.clock.now() + .seconds(0.05))
    }
  }

  /// The brake is the revert until the store can be written: the next command or driver finds its note and goes on.
  private static func unsaved(
    _ world: World, _ service: Service, _ braked: EmergencyBrake.Pulled, why: String
  ) -> ExitCode {
    let stable = braked.pool ?? service.stable
    guard braked.isOn else {
      return .outside.told(
        world, "traffic could NOT be moved: \(braked.warnings.joined(separator: "; ")), and \(why)")
    }
    world.output.err("canary: warning: \(why)")
    world.output.out(
      "\(braked.sentence(stable: stable)) It could not be recorded, so the brake stays on; the next canary command that can write records it and tidies up."
    )
    return braked.isSeen ? .done : .outside
  }
}

extension ExitCode {
  /// Tells the person and returns itself.
  fileprivate func told(_ world: World, _ text: String) -> ExitCode {
    world.output.err("canary revert: \(text)")
    return self
  }
}
