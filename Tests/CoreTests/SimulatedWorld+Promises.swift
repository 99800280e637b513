import CanaryCore
import TestSupport

// What must hold after every event, whatever came before.

extension SimulatedWorld {
  mutating func check(_ before: ServiceState, _ event: Event, _ decision: Decision)
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

  mutating func noteFacts(_ before: ServiceState, _ event: Event, _ after: ServiceState) {
    if let rollout = after.running, case .applying(let stage, _) = rollout.phase {
      askedAt[[rollout.number, stage]] = askedAt[[rollout.number, stage]] ?? now
    }
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
          value > 0.05, requests >= 20, rules.stableFault == nil
        else { continue }
        failedRollouts.insert(rollout.number)
      }
    }
  }

  func checkEffects(_ before: ServiceState, _ decision: Decision) throws(Broken) {
    guard let rollout = decision.state.rollout else { return }
    var isBraking = false
    for effect in decision.effects {
      if case .brake = effect { isBraking = true }
      if case .measure(_, let context) = effect {
        try hold(
          context.asked == askedAt[[rollout.number, context.stage]]
            && context.asked <= context.since,
          "stage \(context.stage) measured since \(context.asked)")
      }
      guard case .apply(let routing, let generation) = effect else { continue }
      try hold(generation <= decision.state.generation, "asked for a generation that was not saved")
      if rollout.doomed != nil {
        try hold(
          routing.weight <= before.serving?.routing.weight ?? .none, "grown though it must go back")
      }
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

  mutating func checkStages(_ before: ServiceState, _ after: ServiceState) throws(Broken) {
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
  func checkGrowth(_ before: ServiceState, _ after: ServiceState) throws(Broken) {
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

  mutating func checkEntries(_ decision: Decision) throws(Broken) {
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

  func hold(_ promise: Bool, _ text: String) throws(Broken) {
    if !promise { throw broken(text) }
  }

  func broken(_ text: String) -> Broken {
    let lines = trace.map { at, event, state in
      "\(at.milliseconds - 1_000_000_000) \(event) → \(state.word.rawValue)"
    }
    return Broken(description: text + "\n" + lines.joined(separator: "\n"))
  }
}
