internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
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
      options: [.reason])
  ) { arguments, output throws(Failure) in
    let config = try config(arguments)
    guard let name = Name(arguments.service ?? ""), config.service(name) != nil else {
      // The usual way of saying it, with the nearest right name.
      _ = try World(arguments, output: output).service(arguments)
      return .wrong
    }
    let reason = arguments["--reason"].map { Text.shown($0, limit: 500) }
    let brake = EmergencyBrake(
      config: config, service: name, actor: Who.actor(environment: Who.environment))
    let braked = await brake.pull(reason: reason)
    for line in braked.warnings { output.err("canary: warning: \(line)") }
    // A store that is locked or full must not make a person wait: a second, then the brake alone has to do.
    let world: World
    do throws(Failure) {
      world = try World(arguments, output: output, storePatience: .seconds(1))
    } catch {
      throw Failure(.outside, "\(braked.sentence(stable: name)) It stays on, because \(error.text)")
    }
    return try await tidy(world, try world.service(arguments), braked, reason: reason)
  }

  /// The config; when it is broken, the person still learns the one thing to do by hand.
  private static func config(_ arguments: Arguments) throws(Failure) -> Config {
    do throws(Problems) {
      return try ConfigFile.read(
        try ConfigFile.find(named: arguments["--config"], environment: Who.environment))
    } catch {
      let faults = error.list.map(\.description).joined(separator: "\n  ")
      throw Failure(
        .wrong,
        "the config cannot be used:\n  \(faults)\nTo send all traffic to stable by hand: touch RUN/\(Text.shown(arguments.service ?? "SERVICE")).brake, where RUN is `run` of the config (by default /run/canary)"
      )
    }
  }

  /// Saves the revert, has it carried out by whoever drives or by this process, and reports what is true at the end.
  private static func tidy(
    _ world: World, _ service: Service, _ braked: EmergencyBrake.Pulled, reason: String?
  ) async throws(Failure) -> ExitCode {
    let decision: Decision
    do throws(StoreError) {
      decision = try await world.desk.take(
        .revert(world.actor, reason), for: service.name, first: { world.first(service) }
      ).decision
    } catch {
      return unsaved(world, service, braked, why: world.failure(error).text)
    }
    // Hooks are somebody else's: a revert waits for none of them.
    let driver = world.driver(service, runsHooks: false)
    defer { leaveHooks(world, service) }
    if case .nothing(let text)? = decision.refusal {
      guard braked.filesSendToCanary else {
        try? world.router.release(service.name)
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
        "\(braked.sentence(stable: state.stable)) But Nginx did not take the clean configuration: \(fault). The brake stays on (\(world.config.brake(of: service.name))). Repair that, then: canary revert \(service.name)"
      )
    }
    // A rollout that had not begun to move traffic needs no reload, so nobody has lifted the brake yet.
    if state.running == nil { try? world.router.release(service.name) }
    let generation = state.serving.map { ", generation \($0.generation)" } ?? ""
    world.output.out("reverted: all traffic is on \(state.stable)\(generation)")
    return .done
  }

  /// Hands the hooks after a revert to a process of its own, unless somebody drives.
  private static func leaveHooks(_ world: World, _ service: Service) {
    let isDriven =
      FileLock.holder(world.driveLock(service.name)) != nil
      || FileLock.holder(world.controllerLock) != nil
    if !service.hooks.isEmpty, !isDriven {
      try? Background.drive(service.name, config: world.config.file)
    }
  }

  /// How long a driver that lives may take to carry the revert out before this process does it itself.
  private static func driverPatience(_ world: World, _ service: Service) -> Span {
    FileLock.holder(world.driveLock(service.name)) == nil ? .zero : .seconds(2)
  }

  private static func isDone(_ world: World, _ service: Service, within patience: Span) async
    -> Bool
  {
    let start = world.clock.now()
    while true {
      if let state = try? await world.store.load(service.name)?.value, state.running == nil {
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
    let stable = braked.pool.map(\.text) ?? service.stable.text
    guard braked.isOn else {
      return .outside.told(
        world, "traffic could NOT be moved: \(braked.warnings.joined(separator: "; ")), and \(why)")
    }
    world.output.err("canary: warning: \(why)")
    world.output.out(
      "\(braked.sentence(stable: Name(stable) ?? service.stable)) It could not be recorded, so the brake stays on; the next canary command that can write records it and tidies up."
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
