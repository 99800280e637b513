// Hooks: queued, run one after another, and stopped when they are no longer needed.

extension Policy {
  /// Queues the hooks of a moment; each runs once.
  ///
  /// `due` is the earliest time of those that are `retained`; the others only wait for their turn.
  mutating func addJobs(
    _ moment: Moment, _ rollout: Rollout, stage: Int? = nil, reason: String? = nil,
    due: Instant? = nil
  ) {
    for hook in rollout.hooks[moment] {
      let number = decision.state.jobCount + 1
      decision.state.jobCount = number
      let facts = HookContext(
        service: decision.state.service, rollout: rollout.number, moment: moment,
        from: rollout.from, to: rollout.to, release: rollout.release, stage: stage,
        stages: rollout.plan.stages.count, weight: stage.map { rollout.plan.stages[$0].weight },
        reason: reason ?? rollout.reason, actor: rollout.actor.description, meta: rollout.meta)
      let job = Job(
        number: number, asked: now, hook: hook, facts: facts, due: hook.retained ? due : nil)
      decision.state.jobs = decision.state.jobs + [job]
    }
  }

  /// Whether hooks that the rollout waits for are queued or running.
  func hasGatingJobs(_ rollout: Rollout) -> Bool {
    decision.state.jobs.contains {
      $0.facts.moment.isGating && $0.facts.rollout == rollout.number
    }
  }

  /// Removes hooks from the queue, and stops the one that is running.
  mutating func dropJobs(_ isUnwanted: (Job) -> Bool) {
    let unwanted = decision.state.jobs.filter(isUnwanted)
    guard !unwanted.isEmpty else { return }
    decision.state.jobs.removeAll(where: isUnwanted)
    for job in unwanted {
      note(.hookDropped, job.facts.rollout, actor: .canary, detail: job.words)
    }
    decision.effects.append(.end(unwanted.map(\.number)))
  }

  /// Handles the end of a hook; a gating hook that fails reverts the rollout.
  mutating func ran(_ number: Int, _ end: JobEnd) {
    guard let job = decision.state.jobs.first(where: { $0.number == number }) else {
      return
    }
    decision.state.jobs.removeAll { $0.number == number }
    let text = "\(job.words): \(end.text)"
    note(
      end.isGood ? .hook : .hookFailed, job.facts.rollout,
      weight: decision.state.serving?.routing.weight, actor: .canary, detail: text)
    guard job.facts.moment.isGating, let rollout = decision.state.running,
      rollout.number == job.facts.rollout
    else { return }
    guard end.isGood else {
      return beginRevert(rollout, Reason(.outside, "hook \(text)"), actor: .canary)
    }
    if case .starting = rollout.phase, !hasGatingJobs(rollout) {
      set(.starting(since: now, passes: 0))
      if rollout.held?.kind == .hook { decision.state.rollout?.held = nil }
    }
    decision.effects.append(.wake(now))
  }
}
