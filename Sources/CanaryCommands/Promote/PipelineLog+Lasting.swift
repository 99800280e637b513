internal import CanaryCore
internal import CanaryDriver

// What no entry of the history tells: a stage that is held, and that the log is alive.
extension PipelineLog {
  /// A hold that no entry tells, and the heartbeat.
  mutating func lasting(_ state: ServiceState, _ seen: Seen) -> [Item] {
    var items = checks.lasting(at: seen.now).map {
      inner(seen.now, $0.label, $0.text, [], $0.mark)
    }
    if let held = unpassed(state, seen.now) { items.append(held) }
    if let waiting = unready(state, seen.now) { items.append(waiting) }
    if lastLine == nil { lastLine = seen.record.rollout.started }
    guard items.isEmpty, Instant.isPast(Self.heartbeat, since: lastLine, at: seen.now) else {
      return items
    }
    return [beat(state, seen)]
  }

  /// What the canary's servers answer instead of being ready, once for each answer: that may be all
  /// that is wrong.
  private mutating func unready(_ state: ServiceState, _ now: Instant) -> Item? {
    guard let rollout = state.rollout, case .starting = rollout.phase,
      let why = rollout.unready, why != hasToldUnready, checks.spend(now)
    else { return nil }
    hasToldUnready = why
    return inner(
      now, "waiting", "up to \(rollout.plan.ready.within.words) for \(rollout.to): \(why)", [],
      .warning)
  }

  /// The line of a stage whose soak is over and that no check lets pass, once for each stage.
  private mutating func unpassed(_ state: ServiceState, _ now: Instant) -> Item? {
    guard let rollout = state.rollout, case .soaking(let soak) = rollout.phase,
      rollout.held == nil, let over = soak.over, now - over >= Self.patience,
      hasToldHeld != soak.stage
    else { return nil }
    let waiting = rollout.checks.filter { !$0.advisory && $0.verdict != .pass }
    guard let first = waiting.first, checks.spend(now) else { return nil }
    hasToldHeld = soak.stage
    let stage = rollout.plan.stages[soak.stage]
    let more = waiting.count > 1 ? " (and \(waiting.count - 1) more)" : ""
    let left = (stage.deadline - soak.served).wordsAtMost
    let end = stage.onDeadline == .revert ? "reverts" : "pauses"
    return inner(
      now, "held", "\(first.name): \(first.detail)\(more)",
      ["; \(end) in \(left) unless it passes"], .warning)
  }

  /// How long a stage may go on after its soak before that is told.
  private static let patience = Span.seconds(5)

  private func beat(_ state: ServiceState, _ seen: Seen) -> Item {
    var line = FittedLine()
    line.add("\(zone.clock(seen.now))    ")
    line.add(flexible: Wording.sentence(state))
    if let (_, began) = stage, let counts = counts(seen, since: began, through: seen.now) {
      line.add(", ")
      line.add(counts)
    }
    let gates = (state.rollout?.checks ?? []).filter { !$0.advisory }
    let others = gates.filter { $0.verdict != .pass }
    if let first = others.first {
      line.add("; \(others.count == gates.count ? "no check passes yet" : "not passing"): ")
      line.add(flexible: first.name.text)
      if others.count > 1 { line.add(" and \(others.count - 1) more") }
    } else if !gates.isEmpty {
      line.add("; \(gates.count == 1 ? "its check passes" : "all \(gates.count) checks pass")")
    }
    return Item(text: line.text(Self.heartbeatWidth))
  }
}

extension Rollout {
  /// Why it goes back, or went back; nil: it does not.
  var revertReason: Reason? {
    switch phase {
    case .reverting(_, let reason), .reverted(let reason): reason
    case .starting, .applying, .soaking, .paused, .finishing, .promoted: nil
    }
  }
}
