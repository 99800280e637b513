import CanaryCore
import TestSupport
import Testing

@Suite(.busy) struct SimulationTests {
  @Test func `no history breaks a promise`() throws {
    var ends: [String: Int] = [:]
    let count = try Campaign.current.rounds(1000) { round in
      var world = SimulatedWorld(seed: round.seed)
      try world.run(steps: 300)
      ends.merge(world.ends, uniquingKeysWith: +)
    }
    // Histories in which nothing ever ends would prove nothing.
    #expect(ends["promoted", default: 0] * 4 > count, "\(ends)")
    #expect(ends["reverted", default: 0] * 2 > count, "\(ends)")
    #expect(ends["promoted unattended", default: 0] * 100 > count, "\(ends)")
  }

  /// Each takes one rule out of the policy; the promises must notice.
  static let mutations: [String: Policy] = [
    "stale answers are believed": { state, event, now, rules in
      guard case .applied = event, let awaited = state.running?.phase.awaited else {
        return decide(state, event, at: now, under: rules)
      }
      return decide(state, .applied(awaited), at: now, under: rules)
        .with { decision in
          if case .soaking = decision.state.rollout?.phase {
            decision.state.generation = Generation(1)
          }
        }
    },
    "a failed gate is ignored": { state, event, now, rules in
      guard case .measured(let list, let rollout, let stage) = event else {
        return decide(state, event, at: now, under: rules)
      }
      let kind = list.map {
        Measurement(check: $0.check, at: $0.at, reading: .value(0, requests: 100))
      }
      return decide(state, .measured(kind, rollout: rollout, stage: stage), at: now, under: rules)
    },
    "readiness is not awaited": { state, event, now, rules in
      guard case .looked(_, let rollout) = event else {
        return decide(state, event, at: now, under: rules)
      }
      var eager = state
      eager.rollout?.phase = .starting(since: now, passes: 99)
      return decide(eager, .looked(fault: nil, rollout: rollout), at: now, under: rules)
    },
    "the soak is not served": { state, event, now, rules in
      guard case .soaking(var soak)? = state.running?.phase else {
        return decide(state, event, at: now, under: rules)
      }
      soak.served = .hours(1)
      var hasty = state
      hasty.rollout?.phase = .soaking(soak)
      return decide(hasty, event, at: now, under: rules)
    },
    "the brake is lifted early": { state, event, now, rules in
      decide(state, event, at: now, under: rules).with { decision in
        if case .reverting? = decision.state.running?.phase { decision.effects.append(.release) }
      }
    },
    "the brake is forgotten": { state, event, now, rules in
      decide(state, event, at: now, under: rules).with { decision in
        decision.effects.removeAll { if case .brake = $0 { true } else { false } }
      }
    },
    "a generation is used twice": { state, event, now, rules in
      decide(state, event, at: now, under: rules).with { decision in
        decision.effects = decision.effects.map { effect in
          if case .apply(let routing, _) = effect { return .apply(routing, Generation(7)) }
          return effect
        }
      }
    },
    "an entry is written twice": { state, event, now, rules in
      decide(state, event, at: now, under: rules).with { $0.entries += $0.entries }
    },
    "windows are not looked at": { state, event, now, _ in decide(state, event, at: now) },
    "a freeze is not looked at": { state, event, now, rules in
      var thawed = state
      thawed.freeze = nil
      return decide(thawed, event, at: now, under: rules).with { decision in
        if case .freeze = event { return }
        decision.state.freeze = state.freeze
      }
    },
    "one approval is enough": { state, event, now, rules in
      var eager = state
      if let given = eager.rollout?.approval?.given, given.count == 1 {
        eager.rollout?.approval?.given = given + given
      }
      return decide(eager, event, at: now, under: rules)
    },
    "hooks are not waited for": { state, event, now, rules in
      var hasty = state
      hasty.jobs = []
      return decide(hasty, event, at: now, under: rules)
    },
    "the checks before it are not asked": { state, event, now, rules in
      var hasty = state
      if hasty.rollout?.preflight == nil { hasty.rollout?.preflight = [] }
      return decide(hasty, event, at: now, under: rules)
    },
    "an old measurement is enough": { state, event, now, rules in
      var state = state
      for index in (state.rollout?.checks ?? []).indices
      where state.rollout?.checks[index].measuredAt != nil {
        state.rollout?.checks[index].measuredAt = now
      }
      var decision = decide(state, event, at: now, under: rules)
      for index in (decision.state.rollout?.checks ?? []).indices {
        decision.state.rollout?.checks[index].measuredAt = now - .seconds(4)
      }
      return decision
    },
  ]

  @Test(arguments: mutations.keys.sorted())
  func `a policy with one rule taken out is caught`(name: String) throws {
    let mutated = try #require(Self.mutations[name])
    for seed in UInt64(1)...600 {
      var world = SimulatedWorld(seed: seed, policy: mutated)
      do throws(Broken) {
        try world.run(steps: 300)
      } catch {
        return
      }
    }
    Issue.record("nobody noticed that \(name)")
  }
}

extension Decision {
  fileprivate func with(_ change: (inout Decision) -> Void) -> Decision {
    var copy = self
    if copy.refusal == nil { change(&copy) }
    return copy
  }
}
