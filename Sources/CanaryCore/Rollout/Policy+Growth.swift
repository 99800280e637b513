// How a rollout gets from one stage into the next: what it must wait for before it may grow.

extension Policy {
  /// Why nothing may grow now; nil when it may.
  ///
  /// `withNext` names the next opening, which takes a while to find.
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

  /// What comes before the first stage, one after the other: hooks, checks that are asked once, a pool that is up.
  mutating func open(_ rollout: Rollout) {
    if !rollout.hooks.isEmpty, !rollout.opened {
      decision.state.rollout?.opened = true
      addJobs(.beforeRollout, rollout)
    }
    if hasGatingJobs(rollout) { return wait(.hook, "waiting for the hooks before the rollout") }
    let before = rollout.plan.before
    if !before.isEmpty, rollout.preflight == nil {
      decision.effects += [.preflight(before, pool: rollout.to, rollout: rollout.number)]
      return
    }
    decision.effects += [.look(pool: rollout.to, rollout.plan.ready, rollout: rollout.number)]
  }

  /// Takes what the checks before a rollout said; only a pass of each lets it begin.
  mutating func preflighted(_ rollout: Rollout, _ states: [CheckState]) {
    guard rollout.preflight == nil else { return }
    decision.state.rollout?.preflight = states
    let bad = states.filter { !$0.advisory && $0.verdict != .pass }
    let text = bad.map { "\($0.name): \($0.verdict.rawValue): \($0.detail)" }.joined(
      separator: "; ")
    note(
      .preflight, rollout.number, actor: .canary,
      detail: bad.isEmpty ? "\(states.count) checks before the rollout pass" : text)
    if bad.isEmpty {
      set(.starting(since: now, passes: 0))
      decision.effects = [.wake(now)]
    } else {
      goBack(rollout, Reason(.gate, "before the rollout: \(text)"), actor: .canary)
    }
  }

  /// Goes on to a stage, as soon as everything that it waits for is there.
  ///
  /// Asked again and again while a stage is held, whose checks go on.
  mutating func pass(_ rollout: Rollout, to stage: Int) {
    askApproval(rollout, stage)
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

  /// Notes once why a rollout does not grow, and looks again.
  private mutating func wait(_ kind: Hold.Kind, _ text: String) {
    if let rollout = decision.state.rollout, rollout.held?.kind != kind {
      // When the next window opens is worth finding out once.
      let text = kind == .window ? whyNotGrow(withNext: true)?.text ?? text : text
      decision.state.rollout?.held = Hold(kind: kind, text: text)
      if kind != .hook, kind != .approval {
        note(
          .held, rollout.number, weight: decision.state.serving?.routing.weight, actor: .canary,
          detail: text)
      }
    }
    decision.effects.append(.wake(now + Self.tick))
  }

  /// Whether what held a stage that had passed still does; if not, and its checks have nothing to say, its deadline counts.
  func isHeld(_ rollout: Rollout) -> Bool {
    rollout.held != nil
      && (whyNotGrow() != nil || rollout.awaitedApproval != nil || hasGatingJobs(rollout))
  }

  /// Notes once that a stage has passed, whatever the next one still waits for.
  mutating func markPassed(_ rollout: Rollout, _ stage: Int) {
    guard !rollout.hooks.isEmpty, rollout.passed != stage else { return }
    decision.state.rollout?.passed = stage
    addJobs(.afterStage, rollout, stage: stage)
  }
}
