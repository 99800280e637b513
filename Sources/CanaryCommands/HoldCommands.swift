internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// `canary pause`, `resume` and `advance`: one event each.
enum HoldCommands {
  static let pause = command(
    "pause", "hold the stage: weight does not grow, checks go on", Event.pause, "paused")
  static let resume = command("resume", "go on after a pause", Event.resume, "resumed")
  static let advance = command(
    "advance", "leave the stage now: its soak is cut short, checks still gate", Event.advance,
    "advanced")

  private static func command(
    _ name: String, _ summary: String, _ event: @escaping @Sendable (Actor) -> Event, _ done: String
  ) -> Command {
    Command(spec: CommandSpec(name: name, service: .required, summary: summary)) {
      arguments, output throws(Failure) in
      let world = try World(arguments, output: output)
      let service = try world.service(arguments)
      let decision = try await take(event(world.actor), world, service)
      switch decision.refusal {
      case .busy(let why)?: throw Failure(.busy, why)
      case .wrong(let why)?: throw Failure(.wrong, "\(why) for \(service.name)")
      case .nothing(let why)?: output.out(why)
      case nil: output.out("\(done): \(Wording.sentence(decision.state))")
      }
      return .done
    }
  }

  /// A moment in which Nginx is being asked passes by itself: wait it out rather than trouble the person.
  private static func take(
    _ event: Event, _ world: World, _ service: Service
  ) async throws(Failure) -> Decision {
    let start = world.clock.now()
    while true {
      let decision: Decision
      do throws(StoreError) {
        decision = try await world.desk.take(
          event, for: service.name, first: { world.first(service) }
        ).decision
      } catch {
        throw world.failure(error)
      }
      guard case .busy? = decision.refusal, world.clock.now() - start < .seconds(5) else {
        return decision
      }
      await world.clock.sleep(until: world.clock.now() + .seconds(0.1))
    }
  }
}
