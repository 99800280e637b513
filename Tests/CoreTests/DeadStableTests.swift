import CanaryCore
import TestSupport
import Testing

/// A revert that nobody asked for does not lead into a pool that answers nothing.
@Suite(.busy) struct DeadStableTests {
  private var rules = GrowthRules()
  private static let start = Instant(milliseconds: 1_000_000_000)

  private func soaking() -> ServiceState {
    let plan = Plan(
      name: "p", stages: [Stage(weight: Weight(percent: 30) ?? .all, soak: .minutes(1))],
      checks: [
        Check(
          name: "errors", source: .metric(.errorRate), condition: Condition(max: 0.05),
          minRequests: 20)
      ])
    var state = ServiceState(service: "chat", stable: "blue", other: "green")
    let request = PromoteRequest(to: "green", plan: plan, retain: .hours(1), actor: Actor("li"))
    for event: Event in [
      .promote(request), .looked(fault: nil, rollout: 1), .looked(fault: nil, rollout: 1),
      .looked(fault: nil, rollout: 1),
    ] {
      state = decide(state, event, at: Self.start).state
    }
    return decide(state, .applied(state.generation), at: Self.start).state
  }

  private func dead() -> GrowthRules {
    var rules = GrowthRules()
    rules.stableFault = "127.0.0.1:9001 refuses connections"
    return rules
  }

  private var bad: Event {
    .measured(
      [
        Measurement(
          check: "errors", at: Self.start + .seconds(1), reading: .value(0.5, requests: 100))
      ], rollout: 1, stage: 0)
  }

  @Test func `it holds, says so once, and goes back when stable answers`() throws {
    let held = decide(soaking(), bad, at: Self.start + .seconds(1), under: dead())
    #expect(held.state.word == .soaking)
    #expect(held.entries.map(\.event).filter { $0 == .held }.count == 1)
    let entry = try #require(held.entries.first { $0.event == .held })
    #expect(entry.detail?.contains("blue does not answer (127.0.0.1:9001 refuses") == true)
    #expect(entry.hint?.contains("canary revert chat") == true)
    #expect(!held.effects.contains { if case .brake = $0 { true } else { false } })
    #expect(Wording.sentence(held.state).contains("blue does not answer"))
    // Still dead: nothing more is said, and nothing grows.
    let again = decide(held.state, .woke, at: Self.start + .seconds(2), under: dead())
    #expect(again.entries.isEmpty && again.state.word == .soaking)
    #expect(decide(held.state, .advance(Actor("li")), at: Self.start, under: dead()).refusal != nil)
    // It answers: what was decided is done.
    let back = decide(again.state, .woke, at: Self.start + .seconds(3))
    #expect(back.state.word == .reverting && back.state.rollout?.doomed == nil)
    #expect(back.goesBackByItself(from: again.state) == "blue")
  }

  @Test func `a person's revert waits for nothing`() {
    let held = decide(soaking(), bad, at: Self.start + .seconds(1), under: dead())
    for state in [soaking(), held.state] {
      let person = decide(
        state, .revert(Actor("li"), nil), at: Self.start + .seconds(2), under: dead())
      #expect(person.state.word == .reverting)
      #expect(person.goesBackByItself(from: state) == nil)
    }
  }

  @Test func `a guard that reverts a promotion tries again until the former pool answers`() {
    var state = soaking()
    state.rollout?.phase = .promoted(until: Self.start + .hours(1))
    state.stable = "green"
    let check = Check(name: "site", source: .probe(path: "/"))
    var failing = CheckState(check)
    failing.verdict = .fail
    failing.detail = "503"
    let held = decide(state, .guarded(failing, .revert), at: Self.start, under: dead())
    #expect(held.state.word == .promoted && held.entries.map(\.event) == [.held])
    let again = decide(held.state, .guarded(failing, .revert), at: Self.start, under: dead())
    #expect(again.entries.isEmpty)
    let back = decide(again.state, .guarded(failing, .revert), at: Self.start)
    #expect(back.state.word == .reverting)
  }
}
