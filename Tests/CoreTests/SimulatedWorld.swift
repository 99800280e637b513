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
  private var dice: Dice
  private let policy: Policy
  /// Every second world has hooks, approvals, windows and checks before the rollout; in the others more rollouts end.
  private let isUnattended: Bool
  private var now = Instant(milliseconds: 1_000_000_000)
  private var saved = ServiceState(service: "chat", stable: "blue", other: "green")
  private var inbox: [Event] = []
  private var live: (generation: Generation, routing: Routing)?
  private var isBraked = false
  private var trace: [(Instant, Event, ServiceState)] = []
  private var rules = GrowthRules()
  /// Hooks that were run, and those that ended well.
  private var ranJobs: Set<Int> = []
  private var goodJobs: [Job] = []
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

  private mutating func take(_ event: Event, _ trouble: Int) throws(Broken) {
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
      inbox.append(.looked(fault: fault, rollout: rollout))
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
    try checkGrowth(before, after)
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
    served.watch(was.plan.stages[soak.stage], until: now, isHeld: false)
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

  /// A stage begins when nothing forbids it, those who must have agreed, and its hooks have ended well.
  private func checkGrowth(_ before: ServiceState, _ after: ServiceState) throws(Broken) {
    guard let rollout = after.running, case .applying(let stage, _) = rollout.phase,
      before.running?.stage != stage
    else { return }
    try hold(rules.calendar.isOpen(at: now), "grown outside of a window")
    try hold(after.freeze(at: now) == nil, "grown while frozen")
    guard isUnattended else { return }
    let done = goodJobs.filter { $0.facts.rollout == rollout.number }
    try hold(
      done.contains { $0.facts.moment == .beforeRollout }, "begun without its hook: \(done)")
    try hold(
      done.contains { $0.facts.moment == .beforeStage && $0.facts.stage == stage },
      "stage \(stage) without its hook")
    try hold(rollout.preflight?.contains { $0.verdict != .pass } == false, "begun unasked")
    guard let rule = rollout.plan.stages[stage].approval else { return }
    let given = before.running?.approval?.given ?? []
    try hold(given.count == rule.count, "stage \(stage) with \(given.count) approvals")
    for (index, actor) in given.enumerated() {
      guard let person = actor.person else { throw broken("approved by nobody") }
      try hold(person.groups.contains("sre"), "approved by \(actor)")
      try hold(!person.uids.contains(1), "approved by who began it")
      for other in given[..<index] {
        try hold(other.person.map { !person.mayBe($0) } ?? false, "approved twice by one")
      }
    }
  }

  private mutating func checkEntries(_ decision: Decision) throws(Broken) {
    guard let rollout = decision.state.rollout else { return }
    let all = (entries + decision.entries).filter { $0.rollout == rollout.number }.map(\.event)
    try hold(
      all.count { $0 == .started } == 1, "begun \(all.count { $0 == .started }) times: \(all)")
    try hold(all.count { $0 == .promoted } <= 1, "promoted twice: \(all)")
    try hold(all.count { $0 == .reverted } <= 1, "reverted twice: \(all)")
    for entry in decision.entries where [.promoted, .reverted].contains(entry.event) {
      ends[entry.event.rawValue, default: 0] += 1
      if isUnattended { ends["\(entry.event.rawValue) unattended", default: 0] += 1 }
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
      "\(at.milliseconds - 1_000_000_000) \(event) → \(state.word.rawValue)"
    }
    return Broken(description: text + "\n" + lines.joined(separator: "\n"))
  }
}
