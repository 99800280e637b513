import CanaryCore
import TestSupport

/// A broken promise of the policy, with the last steps that led to it.
struct Broken: Error, CustomStringConvertible {
  let description: String
}

/// How the policy is asked; a test replaces it by one with a rule taken out.
typealias Policy = @Sendable (ServiceState, Event, Instant) -> Decision

/// A seeded history of one service: a simulated Nginx, sources, people, crashes at every step, and the promises that
/// must hold after each of them.
struct SimulatedWorld {
  private var dice: Dice
  private let policy: Policy
  private var now = Instant(milliseconds: 1_000_000_000)
  private var saved = ServiceState(service: "chat", stable: "blue", other: "green")
  private var inbox: [Event] = []
  private var live: (generation: Generation, routing: Routing)?
  private var isBraked = false
  private var trace: [(Instant, Event, ServiceState)] = []
  /// When the soak of a stage was first seen to be over.
  private var overAt: [[Int]: Instant] = [:]

  // What the promises are checked against.
  private var handedOut: [Generation: Routing] = [:]
  private var entries: [Entry] = []
  private var readyRollouts: Set<Int> = []
  private var failedRollouts: Set<Int> = []
  private(set) var ends: [String: Int] = [:]

  static let plan = Plan(
    name: "sim",
    // The first one has no share, but testers: whoever meets a canary must not be left there either.
    stages: [(0.0, 5.0), (5.0, 30.0), (30, 20), (100, 10)].compactMap { percent, soak in
      Weight(percent: percent).map {
        Stage(
          weight: $0, soak: .seconds(soak), deadline: .seconds(soak * 4),
          onDeadline: percent == 30 ? .pause : .revert)
      }
    },
    checks: [
      Check(
        name: "errors", source: .metric(.errorRate), condition: Condition(max: 0.05),
        every: .seconds(5), minRequests: 20),
      Check(name: "health", source: .probe(path: "/"), every: .seconds(3), failures: 2),
      Check(
        name: "info", source: .metric(.requests), condition: Condition(min: 1), every: .seconds(7),
        advisory: true),
    ])

  init(seed: UInt64, policy: @escaping Policy = { decide($0, $1, at: $2) }) {
    dice = Dice(seed: seed)
    self.policy = policy
  }

  mutating func run(steps: Int) throws(Broken) {
    // Some worlds are kind enough for a rollout to end well; others are not.
    let trouble = [0, 3, 15][dice.below(3)]
    for _ in 0..<steps {
      now = now + Span(milliseconds: Int64(dice.below(dice.chance(trouble) ? 60_000 : 2500)))
      try take(nextEvent(trouble), trouble)
    }
  }

  private mutating func nextEvent(_ trouble: Int) -> Event {
    if !inbox.isEmpty, dice.chance(70) {
      // Answers come late, out of order, twice, or never.
      let index = dice.chance(trouble) ? dice.below(inbox.count) : 0
      let event = inbox[index]
      if !dice.chance(trouble) { inbox.remove(at: index) }
      return event
    }
    if dice.chance(trouble / 2) {
      return [
        .revert(Actor("li"), nil), .pause(Actor("li")), .resume(Actor("li")), .advance(Actor("li")),
        .apply(Actor("li")), .tookOver(Actor("controller")),
        .applied(Generation(dice.below(40))), .applyFailed(Generation(dice.below(40)), "late"),
        .overtaken(saved.generation, by: Generation(saved.generation.number + 3)),
      ][dice.below(9)]
    }
    if saved.running == nil, dice.chance(40) {
      let to: Name = saved.stable == "blue" ? "green" : "blue"
      return .promote(
        PromoteRequest(to: to, plan: Self.plan, retain: .minutes(1), actor: Actor("li")))
    }
    if case .paused? = saved.running?.phase, dice.chance(30) { return .resume(Actor("li")) }
    return .woke
  }

  private mutating func take(_ event: Event, _ trouble: Int) throws(Broken) {
    let before = saved
    let decision = policy(before, event, now)
    trace.append((now, event, decision.state))
    if trace.count > 14 { trace.removeFirst() }
    if decision.refusal != nil {
      try hold(decision.state == before && decision.effects.isEmpty, "a refusal changes nothing")
      return
    }
    // Killed before the save: it never happened.
    if dice.chance(trouble) { return inbox = [.tookOver(Actor("controller"))] }
    try check(before, event, decision)
    saved = decision.state
    entries += decision.entries
    // Killed after the save: nothing of it was carried out, and a new driver asks what is owed.
    if dice.chance(trouble) { return inbox = [.tookOver(Actor("controller"))] }
    for effect in decision.effects { try perform(effect, trouble) }
  }

  private mutating func perform(_ effect: Effect, _ trouble: Int) throws(Broken) {
    switch effect {
    case .brake: isBraked = true
    case .release:
      if case .reverting? = saved.running?.phase {
        throw broken("the brake is lifted while reverting")
      }
      try hold(
        live?.routing.isClean ?? true || saved.running != nil,
        "lifted onto a canary that nobody drives")
      isBraked = false
    case .apply(let routing, let generation):
      try hold(
        handedOut[generation] == nil || handedOut[generation] == routing,
        "generation \(generation) was two things")
      handedOut[generation] = routing
      if dice.chance(trouble) { return inbox.append(.applyFailed(generation, "nginx refused it")) }
      if let live, live.generation > generation {
        return inbox.append(.overtaken(generation, by: live.generation))
      }
      live = (generation, routing)
      if !dice.chance(trouble) { inbox.append(.applied(generation)) }
    case .look(_, _, let rollout):
      let fault = dice.chance(trouble) ? "refuses connections" : nil
      inbox.append(.looked(fault: fault, rollout: rollout))
    case .measure(let checks, let occasion):
      for check in checks {
        let reading = reading(check, trouble)
        inbox.append(
          .measured(
            [Measurement(check: check.name, at: now, reading: reading)],
            rollout: occasion.rollout, stage: occasion.stage))
      }
    case .wake: break
    }
  }

  private mutating func reading(_ check: Check, _ trouble: Int) -> Measurement.Reading {
    if dice.chance(trouble / 2) {
      return [
        .nothing("silence"), .failed("down"), .value(.nan, requests: 100), .value(0.5, requests: 3),
      ][dice.below(4)]
    }
    let isBad = dice.chance(trouble / 3)
    if case .probe = check.source { return .answer(!isBad, "answer") }
    return .value(isBad ? 0.5 : 0.01, requests: 100)
  }

  // MARK: the promises

  private mutating func check(_ before: ServiceState, _ event: Event, _ decision: Decision)
    throws(Broken)
  {
    let after = decision.state
    try hold(after.generation >= before.generation, "a generation never falls")
    if let number = after.rollout?.number, let was = before.rollout?.number {
      try hold(
        number == was || (number == was + 1 && before.running == nil), "rollouts follow each other")
    }
    noteFacts(before, event, after)
    try checkEffects(before, decision)
    try checkStages(before, after)
    try checkEntries(decision)
  }

  private mutating func noteFacts(_ before: ServiceState, _ event: Event, _ after: ServiceState) {
    guard let rollout = before.running else { return }
    if case .looked(nil, rollout.number) = event, case .starting(_, let passes) = rollout.phase,
      passes + 1 >= rollout.plan.ready.times
    {
      readyRollouts.insert(rollout.number)
    }
    if case .measured(let list, rollout.number, rollout.stage) = event {
      for one in list {
        // By the reading itself, not by what the policy made of it.
        guard case .value(let value, let requests?) = one.reading, one.check == "errors",
          value > 0.05, requests >= 20
        else { continue }
        failedRollouts.insert(rollout.number)
      }
    }
  }

  private func checkEffects(_ before: ServiceState, _ decision: Decision) throws(Broken) {
    guard let rollout = decision.state.rollout else { return }
    var isBraking = false
    for effect in decision.effects {
      if case .brake = effect { isBraking = true }
      guard case .apply(let routing, let generation) = effect else { continue }
      try hold(generation <= decision.state.generation, "asked for a generation that was not saved")
      if !routing.isClean {
        try hold(readyRollouts.contains(rollout.number), "traffic for a pool that never was ready")
        try hold(
          !failedRollouts.contains(rollout.number), "weight \(routing.weight) after a failed gate")
      }
      if case .reverting = rollout.phase {
        try hold(isBraking, "the brake comes before the reload")
      }
    }
  }

  private mutating func checkStages(_ before: ServiceState, _ after: ServiceState) throws(Broken) {
    guard let was = before.running, let rollout = after.rollout, rollout.number == was.number,
      case .soaking(let soak) = was.phase
    else { return }
    var served = soak
    served.watch(was.plan.stages[soak.stage], until: now)
    let key = [was.number, soak.stage]
    if soak.advanced || served.served >= was.plan.stages[soak.stage].soak, overAt[key] == nil {
      overAt[key] = now
    }
    let isLeaving =
      switch rollout.phase {
      case .applying(let next, _): next == soak.stage + 1
      case .finishing: true
      case .starting, .soaking, .paused, .reverting, .promoted, .reverted: false
      }
    guard isLeaving else { return }
    try hold(
      soak.advanced || served.served >= was.plan.stages[soak.stage].soak,
      "left after \(served.served) only")
    for check in rollout.checks where !check.advisory {
      try hold(check.verdict == .pass, "left while \(check.name) is \(check.verdict)")
      let isFresh = check.measuredAt.map { $0 >= overAt[key] ?? now } ?? false
      try hold(isFresh, "left on an old measurement of \(check.name)")
    }
    try hold(served.served <= now - soak.began, "more soak than time")
  }

  private mutating func checkEntries(_ decision: Decision) throws(Broken) {
    guard let rollout = decision.state.rollout else { return }
    let all = (entries + decision.entries).filter { $0.rollout == rollout.number }.map(\.event)
    try hold(
      all.count { $0 == "started" } == 1, "begun \(all.count { $0 == "started" }) times: \(all)")
    try hold(all.count { $0 == "promoted" } <= 1, "promoted twice: \(all)")
    try hold(all.count { $0 == "reverted" } <= 1, "reverted twice: \(all)")
    for entry in decision.entries where ["promoted", "reverted"].contains(entry.event) {
      ends[entry.event, default: 0] += 1
      try hold(decision.state.running == nil, "\(entry.event) while running")
    }
    if let serving = decision.state.serving, !serving.routing.isClean {
      try hold(decision.state.running != nil, "a canary share that nobody drives")
    }
  }

  private func hold(_ promise: Bool, _ text: String) throws(Broken) {
    if !promise { throw broken(text) }
  }

  private func broken(_ text: String) -> Broken {
    let lines = trace.map { at, event, state in
      "\(at.milliseconds - 1_000_000_000) \(event) → \(Wording.phase(state))"
    }
    return Broken(description: text + "\n" + lines.joined(separator: "\n"))
  }
}
