import CanaryCore
import Testing

/// A stage that has passed and may not be followed yet: what its clocks do meanwhile.
struct HeldTests {
  private static let closed = GrowthRules(
    calendar: Calendar(blackouts: [
      Window(days: nil, dates: nil, from: 0, to: 1440, zone: .utc, text: "always")
    ]))

  private struct World {
    var state = ServiceState(service: "chat", stable: "blue", other: "green")
    var now = Instant(milliseconds: 1_000_000_000)
    var rules = GrowthRules()
    var reading = Measurement.Reading.value(0, requests: 100)

    mutating func take(_ event: Event) {
      let decision = decide(state, event, at: now, under: rules)
      state = decision.state
      for effect in decision.effects {
        switch effect {
        case .apply(_, let generation): take(.applied(generation))
        case .measure(let checks, let context):
          let all = checks.map { Measurement(check: $0.name, at: now, reading: reading) }
          take(.measured(all, rollout: context.rollout, stage: context.stage))
        case .look(_, _, let rollout): take(.looked(fault: nil, rollout: rollout))
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

  private func soaked() throws -> World {
    var world = World()
    let ten = try #require(Weight(percent: 10))
    let plan = Plan(
      name: "held",
      stages: [
        Stage(weight: ten, soak: .seconds(30), deadline: .seconds(90)),
        Stage(weight: .all, soak: .seconds(30)),
      ],
      checks: [
        Check(
          name: "errors", source: .metric(.errorRate), condition: Condition(max: 0.05),
          minRequests: 20)
      ])
    world.take(
      .promote(PromoteRequest(to: "green", plan: plan, retain: .hours(1), actor: Actor("li"))))
    world.run(.seconds(10))
    world.rules = Self.closed
    world.run(.seconds(60))
    let rollout = try #require(world.state.running)
    #expect(rollout.stage == 0 && rollout.held?.kind == .window)
    return world
  }

  @Test func `outside of its window a deadline stands still, whatever the checks say`() throws {
    var world = try soaked()
    world.run(.hours(2))
    world.reading = .nothing("silence of the night")
    world.run(.hours(2))
    #expect(world.state.running?.stage == 0)
    world.reading = .value(0, requests: 100)
    world.rules = GrowthRules()
    world.run(.seconds(10))
    #expect(world.state.running?.stage == 1)
  }

  @Test func `in its window again, silence holds a stage no longer than its deadline`() throws {
    var world = try soaked()
    world.reading = .nothing("silence")
    world.run(.minutes(10))
    world.rules = GrowthRules()
    world.run(.seconds(40))
    #expect(world.state.running?.stage == 0)
    world.run(.seconds(60))
    #expect(world.state.word == .reverted, "\(Wording.sentence(world.state))")
  }

  @Test func `a failing check reverts a stage that is held, by a freeze too`() throws {
    var world = try soaked()
    world.rules = GrowthRules()
    world.take(
      .freeze(Freeze(actor: Actor("li"), reason: "stop", since: world.now, until: nil)))
    world.run(.minutes(1))
    #expect(world.state.running?.stage == 0 && world.state.running?.held?.kind == .freeze)
    world.reading = .value(0.5, requests: 100)
    world.run(.seconds(15))
    #expect(world.state.word == .reverted)
  }

  // MARK: before the first stage

  /// A rollout whose first check before it may take a minute, and the other `within` that long.
  private func begun(other within: Span) -> World {
    var world = World()
    var load = Check(name: "load", source: .command(["true"]))
    load.within = .minutes(1)
    load.every = .seconds(5)
    var disk = Check(name: "disk", source: .command(["true"]))
    disk.within = within
    var plan = Plan(name: "quiet", stages: [Stage(weight: .all, soak: .seconds(30))], checks: [])
    plan.before = [load, disk]
    world.take(
      .promote(PromoteRequest(to: "green", plan: plan, retain: .hours(1), actor: Actor("li"))))
    return world
  }

  private func answer(_ world: inout World, _ load: Verdict, _ disk: Verdict) {
    guard let rollout = world.state.rollout else { return }
    let states = zip(rollout.plan.before, [load, disk]).map { check, verdict in
      var state = CheckState(check)
      (state.verdict, state.detail, state.measuredAt) = (verdict, "said", world.now)
      return state
    }
    world.take(.preflighted(states, rollout: rollout.number))
  }

  @Test func `a rollout waits before its first stage until it is quiet`() throws {
    var world = begun(other: .zero)
    answer(&world, .fail, .pass)
    #expect(world.state.rollout?.held?.kind == .quiet && world.state.word == .starting)
    let held = try #require(world.state.rollout?.held?.text)
    #expect(
      held.hasPrefix("waiting until load passes, until ") && held.hasSuffix("load: fail: said"))
    // It is not asked more often than `every`.
    func asks() -> Bool {
      decide(world.state, .woke, at: world.now, under: world.rules).effects.contains {
        if case .preflight = $0 { true } else { false }
      }
    }
    world.now = world.now + .seconds(4)
    #expect(!asks())
    world.now = world.now + .seconds(1)
    #expect(asks())
    // A clock that was set back keeps nobody waiting until it has caught up.
    let late = world.now
    world.now = world.now - .hours(1)
    #expect(asks())
    world.now = late
    // What cannot be measured is waited for as well.
    answer(&world, .error, .pass)
    #expect(world.state.rollout?.held?.kind == .quiet)
    world.now = world.now + .seconds(5)
    answer(&world, .pass, .pass)
    #expect(world.state.rollout?.held == nil && world.state.rollout?.preflight?.count == 2)
    world.run(.seconds(60))
    #expect(world.state.stable == "green")
  }

  @Test func `what takes too long, or may take no time, ends it`() {
    var late = begun(other: .zero)
    answer(&late, .fail, .pass)
    late.now = late.now + .seconds(59)
    answer(&late, .fail, .pass)
    #expect(late.state.rollout?.held?.kind == .quiet)
    late.now = late.now + .seconds(1)
    answer(&late, .inconclusive, .pass)
    #expect(late.state.rollout?.phase.isOver == true && late.state.stable == "blue")
    var strict = begun(other: .zero)
    answer(&strict, .fail, .error)
    #expect(strict.state.rollout?.phase.isOver == true)
    var both = begun(other: .seconds(30))
    answer(&both, .fail, .fail)
    both.now = both.now + .seconds(30)
    answer(&both, .fail, .fail)
    #expect(both.state.rollout?.phase.isOver == true)
  }
}
