import CanaryCore
import TestSupport

/// A broken promise of the policy, with the last steps that led to it.
struct Broken: Error, CustomStringConvertible {
  let description: String
}

/// How the policy is asked; a test replaces it by one with a rule taken out.
typealias Policy = @Sendable (ServiceState, Event, Instant, GrowthRules) -> Decision

/// A seeded history of one service: a simulated Nginx, sources, people, crashes at every step, and the promises that
/// must hold after each of them.
struct SimulatedWorld {
  var dice: Dice
  let policy: Policy
  /// Every second world has hooks, approvals, windows and checks before the rollout; in the others more rollouts end.
  let isUnattended: Bool
  var now = Instant(milliseconds: 1_000_000_000)
  var saved = ServiceState(service: "chat", stable: "blue", other: "green")
  var inbox: [Event] = []
  var live: (generation: Generation, routing: Routing)?
  var isBraked = false
  var trace: [(Instant, Event, ServiceState)] = []
  var rules = GrowthRules()
  /// Hooks that were run, and those that ended well.
  var ranJobs: Set<Int> = []
  var goodJobs: [Job] = []
  /// When the soak of a stage was first seen to be over.
  var overAt: [[Int]: Instant] = [:]
  /// When Nginx was first asked for a stage of a rollout.
  var askedAt: [[Int]: Instant] = [:]

  // What the promises are checked against.
  var handedOut: [Generation: Routing] = [:]
  var entries: [Entry] = []
  var readyRollouts: Set<Int> = []
  var failedRollouts: Set<Int> = []
  var ends: [String: Int] = [:]

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
    ]
  )

  static let strictPlan: Plan = {
    var plan = Self.plan
    plan.before = [Check(name: "disk", source: .command(["true"]))]
    plan.stages[2].approval = ApprovalRule(by: [.group("sre")], count: 2, within: .minutes(10))
    return plan
  }()

  static let hooks: Hooks = {
    var hooks = Hooks()
    for moment in Moment.allCases { hooks[moment] = [Hook(words: [moment.rawValue])] }
    hooks[.afterPromote].append(Hook(words: ["down"], retained: true))
    return hooks
  }()

  /// No day has both: it never opens.
  static let closed = GrowthRules(
    calendar: Calendar(blackouts: [
      Window(days: nil, dates: nil, from: 0, to: 1440, zone: .utc, text: "always")
    ]))

  /// People of the group, one of them as themselves and behind `sudo`, and one who is in no group.
  static let people = [
    Actor("li", person: Person(uids: [1], users: ["li"], groups: ["sre"])),
    Actor("wang", person: Person(uids: [2], users: ["wang"], groups: ["sre"])),
    Actor("zhao", person: Person(uids: [3], users: ["zhao"], groups: ["sre"])),
    Actor("li (sudo)", person: Person(uids: [0, 1], users: ["root", "li"], groups: ["sre"])),
    Actor("wang (sudo)", person: Person(uids: [0, 2], users: ["root", "wang"], groups: ["sre"])),
    Actor("guest", person: Person(uids: [4], users: ["guest"], groups: [])),
  ]

  init(seed: UInt64, policy: @escaping Policy = { decide($0, $1, at: $2, under: $3) }) {
    dice = Dice(seed: seed)
    isUnattended = seed % 2 == 1
    self.policy = policy
  }

  mutating func run(steps: Int) throws(Broken) {
    // Some worlds are kind enough for a rollout to end well; others are not.
    let trouble = [0, 3, 15][dice.below(3)]
    for _ in 0..<steps {
      if isUnattended, dice.chance(5) { rules = dice.chance(20) ? Self.closed : GrowthRules() }
      rules.stableFault = dice.chance(trouble * 2) ? "refuses connections" : nil
      now = now + Span(milliseconds: Int64(dice.below(dice.chance(trouble) ? 60_000 : 2500)))
      try take(nextEvent(trouble), trouble)
    }
  }

  mutating func nextEvent(_ trouble: Int) -> Event {
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
        .applied(Generation(dice.below(40))),
        .applyFailed(Generation(dice.below(40)), Fault("late")),
        .overtaken(saved.generation, by: Generation(saved.generation.number + 3)),
        .freeze(
          Freeze(
            actor: Actor("li"), reason: "week's end", since: now,
            until: dice.chance(50) ? now + .seconds(30) : nil)),
        .thaw(Actor("li")), .cancel(Actor("li")), .reject(Self.people[dice.below(6)], nil),
        .ran(job: 9000 + dice.below(20), JobEnd(isGood: dice.chance(50), text: "stray")),
        .preflighted([], rollout: 9000 + dice.below(5)),
      ][dice.below(15)]
    }
    if saved.freeze(at: now) != nil, dice.chance(15) { return .thaw(Actor("li")) }
    if saved.running?.approval != nil, dice.chance(30) {
      return .approve(Self.people[dice.below(6)], nil)
    }
    if saved.running == nil, dice.chance(40) {
      let to: PoolName = saved.stable == "blue" ? "green" : "blue"
      var request = PromoteRequest(
        to: to, plan: Self.plan, retain: .minutes(1), actor: Self.people[0])
      if isUnattended {
        request.plan = Self.strictPlan
        request.hooks = Self.hooks
      }
      if dice.chance(70) { return .promote(request) }
      let at = now + .seconds(Double(dice.below(60)))
      return .schedule(Schedule(request: request, at: at, inWindow: dice.chance(50)))
    }
    if case .paused? = saved.running?.phase, dice.chance(30) { return .resume(Actor("li")) }
    return .woke
  }

  mutating func take(_ event: Event, _ trouble: Int) throws(Broken) {
    let before = saved
    let decision = policy(before, event, now, rules)
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

  mutating func perform(_ effect: Effect, _ trouble: Int) throws(Broken) {
    switch effect {
    case .brake: isBraked = true
    case .forgetFormer: break
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
      if dice.chance(trouble) {
        return inbox.append(.applyFailed(generation, Fault("nginx refused it")))
      }
      if let live, live.generation > generation {
        return inbox.append(.overtaken(generation, by: live.generation))
      }
      live = (generation, routing)
      if !dice.chance(trouble) { inbox.append(.applied(generation)) }
    case .look(_, _, let rollout):
      let fault = dice.chance(trouble) ? "refuses connections" : nil
      inbox.append(.looked(fault: fault.map(Unready.pool), rollout: rollout))
    case .measure(let checks, let context):
      for check in checks {
        let reading = reading(check, trouble)
        inbox.append(
          .measured(
            [Measurement(check: check.name, at: now, reading: reading)],
            rollout: context.rollout, stage: context.stage))
      }
    case .wake: break
    case .preflight(let checks, _, let rollout):
      let states = checks.map { check in
        var state = CheckState(check)
        state.verdict = dice.chance(trouble / 2) ? .inconclusive : .pass
        return state
      }
      inbox.append(.preflighted(states, rollout: rollout))
    case .run(let job):
      // The runner's own promise: a number is run once.
      guard ranJobs.insert(job.number).inserted else { return }
      try hold(job.due.map { $0 <= now } ?? true, "\(job.words) before its time")
      let isGood = !dice.chance(trouble / 2)
      if isGood { goodJobs.append(job) }
      inbox.append(.ran(job: job.number, JobEnd(isGood: isGood, text: "exit \(isGood ? 0 : 1)")))
    case .end(let numbers): ranJobs.formUnion(numbers)
    }
  }

  mutating func reading(_ check: Check, _ trouble: Int) -> Measurement.Reading {
    if dice.chance(trouble / 2) {
      return [
        .nothing("silence"), .failed("down"), .value(.nan, requests: 100), .value(0.5, requests: 3),
      ][dice.below(4)]
    }
    let isBad = dice.chance(trouble / 3)
    if case .probe = check.source { return .answer(!isBad, "answer") }
    return .value(isBad ? 0.5 : 0.01, requests: 100)
  }
}
