// How a rollout gets from one stage into the next: what it must wait for before it may grow.

extension Policy {
  /// Why nothing may grow now; nil when it may.
  ///
  /// `withNext` names the next opening, which takes a while to find.
  func whyNotGrow(withNext: Bool = false) -> Held? {
    if let freeze = decision.state.freeze(at: now) {
      return Held(kind: .freeze, text: freeze.words)
    }
    guard let closed = rules.calendar.closed(at: now) else { return nil }
    var text = closed
    if withNext {
      text +=
        rules.calendar.opening(from: now).map { "; the next opens at \($0.iso8601)" }
        ?? "; none ever opens"
    }
    return Held(kind: .window, text: text)
  }

  /// What comes before the first stage, one after the other: hooks, checks that are asked once, a pool that is up.
  mutating func open(_ rollout: Rollout) {
    if rollout.hooks != nil, rollout.opened != true {
      decision.state.rollout?.opened = true
      addJobs(.beforeRollout, rollout)
    }
    if hasGatingJobs(rollout) { return wait(.hook, "waiting for the hooks before the rollout") }
    let before = rollout.plan.before ?? []
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
      "preflight", rollout.number, actor: .canary,
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
    if rollout.hooks != nil, rollout.hooked != stage {
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
  private mutating func wait(_ kind: Held.Kind, _ text: String) {
    if let rollout = decision.state.rollout, rollout.held?.kind != kind {
      // When the next window opens is worth finding out once.
      let text = kind == .window ? whyNotGrow(withNext: true)?.text ?? text : text
      decision.state.rollout?.held = Held(kind: kind, text: text)
      if kind != .hook, kind != .approval {
        note(
          "held", rollout.number, weight: decision.state.serving?.routing.weight, actor: .canary,
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
    guard rollout.hooks != nil, rollout.passed != stage else { return }
    decision.state.rollout?.passed = stage
    addJobs(.afterStage, rollout, stage: stage)
  }

  // MARK: approvals

  private mutating func askApproval(_ rollout: Rollout, _ stage: Int) {
    guard let rule = rollout.plan.stages[stage].approval, rollout.approval?.stage != stage else {
      return
    }
    decision.state.rollout?.approval = PendingApproval(stage: stage, since: now)
    note(
      "awaiting_approval", rollout.number, weight: decision.state.serving?.routing.weight,
      actor: .canary,
      detail: "stage \(stage + 1) of \(rollout.plan.stages.count) needs \(rule.words)")
  }

  mutating func approve(_ rollout: Rollout, _ actor: Actor, _ reason: String?) {
    guard let rule = rollout.awaitedApproval, var approval = rollout.approval else {
      decision.refusal = .wrong("nothing waits for an approval")
      return
    }
    if let why = rule.refusal(
      actor.person, starter: rollout.actor.person, given: approval.given.compactMap(\.person))
    {
      decision.refusal = .wrong(why)
      return
    }
    approval.given.append(actor)
    decision.state.rollout?.approval = approval
    note(
      "approved", rollout.number, weight: decision.state.serving?.routing.weight, actor: actor,
      detail:
        "\(approval.given.count) of \(rule.count) for stage \(approval.stage + 1)\(reason.map { ": \($0)" } ?? "")"
    )
    decision.effects = [.wake(now)]
  }

  /// Whoever may approve may reject, and so may the one who started it.
  mutating func reject(_ rollout: Rollout, _ actor: Actor, _ reason: String?) {
    guard let rule = rollout.awaitedApproval, let approval = rollout.approval else {
      decision.refusal = .wrong("nothing waits for an approval")
      return
    }
    let isStarter = rollout.actor.person.flatMap { actor.person?.mayBe($0) } ?? false
    if !isStarter, let why = rule.refusal(actor.person, starter: nil, given: []) {
      decision.refusal = .wrong("\(why). To send all traffic back: canary revert")
      return
    }
    let why = "rejected by \(actor)\(reason.map { ": \($0)" } ?? "")"
    note(
      "rejected", rollout.number, weight: decision.state.serving?.routing.weight, actor: actor,
      detail: "stage \(approval.stage + 1)\(reason.map { ": \($0)" } ?? "")")
    goBack(rollout, Reason(.person, why), actor: actor)
  }

  /// Takes a rollout back that nobody approved in time.
  mutating func approvalIsLate(_ rollout: Rollout) -> Bool {
    guard let rule = rollout.awaitedApproval, let approval = rollout.approval,
      now - approval.since >= rule.within, rollout.phase.awaited == nil
    else { return false }
    let why =
      "stage \(approval.stage + 1) got \(approval.given.count) of \(rule.count) approvals within \(rule.within)"
    goBack(rollout, Reason(.gate, why), actor: .canary)
    return true
  }

  // MARK: hooks

  /// Takes the hooks of a moment into the queue; each will be run once.
  mutating func addJobs(
    _ moment: Moment, _ rollout: Rollout, stage: Int? = nil, reason: String? = nil,
    due: Instant? = nil
  ) {
    for hook in rollout.hooks?[moment] ?? [] {
      let number = (decision.state.jobCount ?? 0) + 1
      decision.state.jobCount = number
      let facts = JobFacts(
        service: decision.state.service, rollout: rollout.number, moment: moment,
        from: rollout.from, to: rollout.to, release: rollout.release, stage: stage,
        stages: rollout.plan.stages.count, weight: stage.map { rollout.plan.stages[$0].weight },
        reason: reason ?? rollout.reason, actor: rollout.actor.description)
      let job = Job(
        number: number, asked: now, hook: hook, facts: facts, due: hook.retained ? due : nil)
      decision.state.jobs = (decision.state.jobs ?? []) + [job]
    }
  }

  private func hasGatingJobs(_ rollout: Rollout) -> Bool {
    (decision.state.jobs ?? []).contains {
      $0.facts.moment.isGating && $0.facts.rollout == rollout.number
    }
  }

  /// Nobody waits for these any more; one that runs is ended.
  mutating func dropJobs(_ isUnwanted: (Job) -> Bool) {
    let unwanted = (decision.state.jobs ?? []).filter(isUnwanted)
    guard !unwanted.isEmpty else { return }
    decision.state.jobs?.removeAll(where: isUnwanted)
    for job in unwanted {
      note("hook_dropped", job.facts.rollout, actor: .canary, detail: job.words)
    }
    decision.effects.append(.end(unwanted.map(\.number)))
  }

  mutating func ran(_ number: Int, _ end: JobEnd) {
    guard let job = (decision.state.jobs ?? []).first(where: { $0.number == number }) else {
      return
    }
    decision.state.jobs?.removeAll { $0.number == number }
    let text = "\(job.words): \(end.text)"
    note(
      end.isGood ? "hook" : "hook_failed", job.facts.rollout,
      weight: decision.state.serving?.routing.weight, actor: .canary, detail: text)
    guard job.facts.moment.isGating, let rollout = decision.state.running,
      rollout.number == job.facts.rollout
    else { return }
    guard end.isGood else {
      return goBack(rollout, Reason(.outside, "hook \(text)"), actor: .canary)
    }
    if case .starting = rollout.phase, !hasGatingJobs(rollout) {
      set(.starting(since: now, passes: 0))
      if rollout.held?.kind == .hook { decision.state.rollout?.held = nil }
    }
    decision.effects.append(.wake(now))
  }
}
