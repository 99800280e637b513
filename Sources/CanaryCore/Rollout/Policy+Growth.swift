// What a rollout waits for before it may enter its next stage.

extension Policy {
  /// The freeze or closed window that blocks growth now; nil: growth is allowed.
  ///
  /// `withNext` adds when the next window opens, which takes a while to compute.
  func whyNotGrow(withNext: Bool = false) -> Hold? {
    if let freeze = decision.state.freeze(at: now) {
      return Hold(kind: .freeze, text: freeze.words)
    }
    guard let closed = rules.calendar.closed(at: now) else { return nil }
    var text = closed
    if withNext {
      text +=
        rules.calendar.opening(from: now).map { "; the next opens at \($0.iso8601)" }
        ?? "; none ever opens"
    }
    return Hold(kind: .window, text: text)
  }

  /// Issues the next step before the first stage: hooks, then checks that are measured once, then
  /// probes of the pool.
  mutating func open(_ rollout: Rollout) {
    decision.effects.append(.forgetFormer)
    if !rollout.hooks.isEmpty, !rollout.opened {
      decision.state.rollout?.opened = true
      addJobs(.beforeRollout, rollout)
    }
    if hasGatingJobs(rollout) { return wait(.hook, "waiting for the hooks before the rollout") }
    let before = rollout.plan.before
    if !before.isEmpty, rollout.preflight == nil {
      if let held = rollout.held, held.kind == .quiet, let again = again(rollout), now < again {
        return wait(held.kind, held.text, until: again)
      }
      decision.effects += [.preflight(before, pool: rollout.to, rollout: rollout.number)]
      return
    }
    var ready = rollout.plan.ready
    ready.countsLog = rollout.plan.countsLog
    decision.effects += [.look(pool: rollout.to, ready, rollout: rollout.number)]
  }

  /// Handles the verdicts of the checks before a rollout: every gating one must pass, or it
  /// reverts.
  ///
  /// One that may take its time is asked again and again until it passes or its time is over.
  mutating func preflighted(_ rollout: Rollout, _ states: [CheckState], since: Instant) {
    guard rollout.preflight == nil else { return }
    let bad = states.filter { !$0.advisory && $0.verdict != .pass }
    let ends = bad.map { state in
      since + (rollout.plan.before.first { $0.name == state.name }?.within ?? .zero)
    }
    if let end = ends.min(), now < end { return keepWaiting(states, bad, until: end) }
    if rollout.held?.kind == .quiet { decision.state.rollout?.held = nil }
    decision.state.rollout?.checks = []
    decision.state.rollout?.preflight = states
    let text = bad.map { "\($0.name): \($0.verdict.rawValue): \($0.detail)" }.joined(
      separator: "; ")
    note(
      .preflight, rollout.number, actor: .canary,
      detail: bad.isEmpty
        ? states.count == 1
          ? "the check before the rollout passes" : "\(states.count) checks before the rollout pass"
        : text)
    if bad.isEmpty {
      set(.starting(since: now, passes: 0))
      decision.effects = [.wake(now)]
    } else {
      beginRevert(rollout, Reason(.gate, "before the rollout: \(text)"), actor: .canary)
    }
  }

  /// Keeps what the checks said for people, and why the rollout does not begin yet.
  private mutating func keepWaiting(
    _ states: [CheckState], _ waiting: [CheckState], until end: Instant
  ) {
    decision.state.rollout?.checks = states
    let names = waiting.map(\.name.text).joined(separator: ", ")
    let why = waiting.map { "\($0.name): \($0.verdict.rawValue): \($0.detail)" }
    let text =
      "waiting until \(names) \(waiting.count == 1 ? "passes" : "pass"), until \(end.iso8601) at most: \(why.joined(separator: "; "))"
    wait(.quiet, text, until: decision.state.rollout.flatMap(again))
    decision.state.rollout?.held = Hold(kind: .quiet, text: text)
  }

  /// When the checks before the rollout are asked again; nil: now, as when they were asked at a time
  /// that the clock has not reached since it was set.
  private func again(_ rollout: Rollout) -> Instant? {
    let every =
      rollout.plan.before.filter { $0.within > .zero }.map { $0.interval(soak: .minutes(30)) }
      .min() ?? Self.tick
    guard let last = rollout.checks.compactMap(\.measuredAt).max(), last <= now else { return nil }
    return last + every
  }

  /// Enters the stage, unless it must wait for an approval, a window, a thaw or its hooks.
  ///
  /// Called at every look while the former stage is held; the checks of that stage go on.
  mutating func pass(_ rollout: Rollout, to stage: Int) {
    // A stage that comes back was approved before.
    if rollout.reached != stage { askApproval(rollout, stage) }
    if let held = whyNotGrow() { return wait(held.kind, held.text) }
    if let rule = decision.state.rollout?.awaitedApproval {
      return wait(.approval, "waiting for \(rule.words)")
    }
    if !rollout.hooks.isEmpty, rollout.hooked != stage {
      decision.state.rollout?.hooked = stage
      addJobs(.beforeStage, rollout, stage: stage)
    }
    if hasGatingJobs(rollout) { return wait(.hook, "waiting for the hooks before the stage") }
    decision.state.rollout?.held = nil
    decision.state.rollout?.approval = nil
    keepTotals(rollout)
    enter(rollout, stage: stage)
  }

  /// Records why the rollout is held, once for each reason, and wakes after a tick.
  private mutating func wait(_ kind: Hold.Kind, _ text: String, until: Instant? = nil) {
    if let rollout = decision.state.rollout, rollout.held?.kind != kind {
      // The next opening takes a while to compute, so this is done once for each hold.
      let text = kind == .window ? whyNotGrow(withNext: true)?.text ?? text : text
      decision.state.rollout?.held = Hold(kind: kind, text: text)
      if kind != .hook, kind != .approval {
        note(
          .held, rollout.number, weight: decision.state.serving?.routing.weight, actor: .canary,
          detail: text)
      }
    }
    decision.effects.append(.wake(until ?? now + Self.tick))
  }

  /// Whether a stage that had passed is still held by a freeze, a window, an approval or hooks.
  ///
  /// While it is, its deadline stands still; afterwards the deadline counts again.
  func isHeld(_ rollout: Rollout) -> Bool {
    rollout.held != nil
      && (whyNotGrow() != nil || rollout.awaitedApproval != nil || hasGatingJobs(rollout))
  }

  /// Queues the hooks after a stage, once, even while the next stage must still wait.
  mutating func markPassed(_ rollout: Rollout, _ stage: Int) {
    guard !rollout.hooks.isEmpty, rollout.passed != stage else { return }
    decision.state.rollout?.passed = stage
    addJobs(.afterStage, rollout, stage: stage)
  }

  /// Goes on with a rollout whose set of seats is gone: all traffic is on stable, and a set comes
  /// back no easier than the first one came.
  ///
  /// So first the checks before a rollout, the probes of the pool, freeze and window. What a person
  /// paused does not go on by itself.
  mutating func regain(_ rollout: Rollout, _ actor: Actor) {
    // All traffic is on the pool that it was to go back to.
    if let reason = rollout.doomed { return beginRevert(rollout, reason, actor: .canary) }
    let stage: Int
    switch rollout.phase {
    case .starting, .reverting, .promoted, .reverted: return changeDriver(rollout, actor)
    case .paused:
      let why = "the set of seats is gone, as after a reboot, and the rollout was paused"
      return beginRevert(rollout, Reason(.outside, why), actor: .canary)
    case .soaking(let soak): stage = soak.stage
    case .applying(let next, _): stage = next
    case .finishing: stage = rollout.plan.stages.count - 1
    }
    keepTotals(rollout)
    decision.state.rollout?.checks = []
    decision.state.rollout?.preflight = nil
    decision.state.rollout?.asked = nil
    decision.state.rollout?.reached = stage
    let clean = clean(rollout)
    decision.state.serving?.routing = clean
    set(.starting(since: now, passes: 0))
    note(
      .resumed, rollout.number, weight: Weight.none, actor: actor,
      detail:
        "the set of seats is gone, as after a reboot: all traffic is on \(rollout.from) until \(rollout.to) has been looked at again"
    )
    reissueEffect(rollout)
  }
}
