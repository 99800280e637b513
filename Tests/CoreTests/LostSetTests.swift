import CanaryCore
import Testing

/// A driver that finds the set of its stage gone, as after a reboot.
struct LostSetTests {
  private struct World {
    var state = ServiceState(service: "chat", stable: "blue", other: "green")
    var now = Instant(milliseconds: 1_000_000_000)
    var isReady = true
    /// Every routing that Nginx was asked for.
    var applied: [Routing] = []
    var looks = 0

    mutating func take(_ event: Event) {
      let decision = decide(state, event, at: now)
      state = decision.state
      for effect in decision.effects {
        switch effect {
        case .apply(let routing, let generation):
          applied.append(routing)
          take(.applied(generation))
        case .look(_, _, let rollout):
          looks += 1
          take(.looked(fault: isReady ? nil : .pool("refuses connections"), rollout: rollout))
        default: break
        }
      }
    }

    mutating func run(_ span: Span) {
      let end = now + span
      while now < end {
        now = now + .seconds(1)
        take(.woke)
      }
    }
  }

  /// A rollout in the second of its stages, which needed an approval.
  private func soaking() throws -> World {
    var world = World()
    let weights = try [10, 40].map { try #require(Weight(percent: $0)) }
    var stages =
      weights.map { Stage(weight: $0, soak: .seconds(30)) } + [
        Stage(weight: .all, soak: .seconds(30))
      ]
    stages[1].approval = ApprovalRule(by: [], within: .hours(1))
    let plan = Plan(name: "lost", stages: stages, checks: [])
    world.take(
      .promote(PromoteRequest(to: "green", plan: plan, retain: .hours(1), actor: Actor("li"))))
    world.run(.seconds(40))
    world.take(.approve(SimulatedWorld.people[1], nil))
    world.run(.seconds(5))
    #expect(world.state.running?.stage == 1, "\(Wording.sentence(world.state))")
    return world
  }

  @Test func `the stage comes back after looks at its pool, with its whole soak`() throws {
    var world = try soaking()
    world.applied = []
    world.looks = 0
    world.isReady = false
    world.take(.tookOver(.canary, isLost: true))
    world.run(.seconds(10))
    #expect(world.applied.isEmpty && world.looks > 3)
    #expect(world.state.word == .starting)
    #expect(world.state.serving?.routing.isClean == true)
    world.isReady = true
    world.run(.seconds(5))
    #expect(world.applied.map(\.weight.percent) == [40], "approved before: \(world.applied)")
    #expect(world.state.running?.stage == 1)
    #expect(world.state.running?.phase.soak.map { $0.served < .seconds(6) } == true)
    world.run(.minutes(3))
    #expect(world.state.word == .promoted)
  }

  @Test func `a freeze holds it at nothing until the thaw`() throws {
    var world = try soaking()
    world.take(.freeze(Freeze(actor: Actor("li"), reason: "stop", since: world.now, until: nil)))
    world.applied = []
    world.take(.tookOver(.canary, isLost: true))
    world.run(.minutes(5))
    #expect(world.applied.isEmpty)
    world.take(.thaw(Actor("li")))
    world.run(.seconds(5))
    #expect(world.applied.map(\.weight.percent) == [40])
  }

  @Test func `a pool that stays away is reverted, with a text of stable's alone`() throws {
    var world = try soaking()
    world.isReady = false
    world.applied = []
    world.take(.tookOver(.canary, isLost: true))
    world.run(.minutes(2))
    #expect(world.state.word == .reverted)
    #expect(world.applied.count == 1 && world.applied[0].isReverted, "\(world.applied)")
  }

  @Test func `what was paused is reverted, what reverts goes on`() throws {
    var world = try soaking()
    world.take(.pause(Actor("li")))
    world.take(.tookOver(.canary, isLost: true))
    #expect(world.state.word == .reverted)
    #expect(Wording.sentence(world.state).contains("as after a reboot"))
  }
}
