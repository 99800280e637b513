// How a service handles events while no rollout runs.

extension Policy {
  mutating func handleIdle(_ event: Event) {
    switch event {
    case .promote(let request): promote(request)
    case .revert(let actor, let reason): revertAtRest(actor, reason)
    case .apply(let actor):
      let generation = askForRest()
      note(
        .apply, decision.state.rollout?.number, actor: actor,
        detail: "generation \(generation)")
    case .applied(let generation):
      guard generation == decision.state.asked else { return }
      decision.state.serving = Serving(
        generation: generation,
        routing: decision.state.askedRouting ?? decision.state.resting(at: now))
      decision.state.asked = nil
      decision.state.askedRouting = nil
      decision.state.rollout?.tidyAfter = nil
      decision.effects = [.release]
    case .applyFailed(let generation, let why):
      guard generation == decision.state.asked else { return }
      decision.state.asked = nil
      decision.state.askedRouting = nil
      if decision.state.rollout != nil { decision.state.rollout?.tidyAfter = now + .minutes(5) }
      note(
        .applyFailed, decision.state.rollout?.number, actor: .canary, detail: why.fact,
        hint: why.hint)
    case .overtaken(let generation, let found):
      guard generation == decision.state.asked else { return }
      decision.state.generation = max(decision.state.generation, found)
      _ = askForRest()
    case .pause, .resume, .advance:
      decision.refusal = .wrong("no rollout is running")
    case .approve, .reject: decision.refusal = .wrong("nothing waits for an approval")
    case .schedule(let schedule): self.schedule(schedule)
    case .cancel(let actor): cancel(actor)
    case .freeze(let freeze): self.freeze(freeze)
    case .thaw(let actor): thaw(actor)
    case .ran(let job, let end): ran(job, end)
    case .guarded(let state, let then): guarded(state, then)
    case .woke, .tookOver:
      if let due = decision.state.tidyDue, due <= now {
        _ = askForRest()
      } else {
        startScheduled()
      }
    case .looked, .measured, .preflighted, .revertOnly: break
    }
  }

  /// Asks Nginx for what it should serve while no rollout runs; returns the generation.
  private mutating func askForRest() -> Generation {
    let generation = nextGeneration()
    let routing = decision.state.resting(at: now)
    decision.state.asked = generation
    decision.state.askedRouting = routing
    decision.effects = [.apply(routing, generation)]
    return generation
  }

  /// Records what a standing guard says when its verdict changes.
  ///
  /// Within `retain` of a promotion, a failing guard with `then: "revert"` reverts it.
  mutating func guarded(_ state: CheckState, _ then: StandingGuard.Then) {
    var guards = decision.state.guards
    let before = guards.first { $0.name == state.name }
    if state.verdict == .pass, decision.state.rollout?.held?.kind == .stable {
      decision.state.rollout?.held = nil
    }
    guard before?.verdict != state.verdict else { return }
    // What it does must be tried again once stable answers, so its verdict is not kept until then.
    if mustKeep(Reason(.gate, "")), isDue(state, then), let rollout = decision.state.rollout {
      return keepWhatAnswers(rollout, Self.reason(state))
    }
    guards.removeAll { $0.name == state.name }
    decision.state.guards = guards + [state]
    let number = decision.state.rollout?.number
    note(
      .standingGuard, number, actor: .canary,
      detail: "\(state.name): \(state.verdict.rawValue): \(state.detail)")
    guard isDue(state, then), let rollout = decision.state.rollout else { return }
    beginRevert(rollout, Self.reason(state), actor: .canary)
  }

  private static func reason(_ state: CheckState) -> Reason {
    Reason(.gate, "guard \(state.name) failed: \(state.detail)")
  }

  /// Whether a guard in this state reverts the last promotion.
  private func isDue(_ state: CheckState, _ then: StandingGuard.Then) -> Bool {
    guard state.verdict == .fail, !state.advisory, then == .revert,
      let rollout = decision.state.rollout, case .promoted(let until) = rollout.phase
    else { return false }
    return now < until
  }

  mutating func promote(_ request: PromoteRequest) {
    if let scheduled = decision.state.scheduled {
      decision.refusal = .busy(
        "a rollout to \(scheduled.request.to) is scheduled for \(scheduled.at.iso8601); drop it with: canary cancel \(decision.state.service)"
      )
    } else if let why = whyNotGrow(withNext: true) {
      decision.refusal = .busy(why.text)
    } else {
      start(request)
    }
  }

  /// Starts a rollout, unless its pool is stable already.
  mutating func start(_ request: PromoteRequest) {
    guard request.to != decision.state.stable else {
      decision.refusal = .wrong("\(request.to) is the stable pool already")
      return
    }
    let number = (decision.state.rollout?.number ?? 0) + 1
    // These hooks would take down the pool that is the canary now.
    dropJobs { $0.hook.retained }
    decision.state.other = request.to
    decision.state.asked = nil
    var rollout = Rollout(
      number: number, from: decision.state.stable, to: request.to, release: request.release,
      plan: request.plan, reason: request.reason, actor: request.actor, retain: request.retain,
      started: now, phase: .starting(since: now, passes: 0))
    rollout.hooks = request.hooks
    rollout.meta = request.meta
    if let former = decision.state.rollout {
      decision.state.releases[former.to] = former.release
    }
    decision.state.rollout = rollout
    note(
      .started, number, actor: request.actor,
      detail: [
        request.release.map { "release \($0)" }, request.reason, request.meta.words,
      ].compactMap(\.self).joined(separator: ": "))
    reissueEffect(rollout)
  }

  /// Reverts the last promotion while its former pool is kept; drops what is scheduled in any case.
  mutating func revertAtRest(_ actor: Actor, _ reason: String?) {
    // After a revert you do not want the next rollout to start by itself.
    let dropped = decision.state.scheduled != nil
    if dropped { cancel(actor) }
    if let rollout = decision.state.rollout, case .promoted(let until) = rollout.phase, now < until
    {
      let why = reason ?? "reverted by \(actor) after the promotion"
      beginRevert(rollout, Reason(.person, why), actor: actor)
      return
    }
    if dropped { return }
    decision.refusal = .nothing(
      "nothing to revert: all traffic is on \(decision.state.stable)\(keptBefore)")
  }

  /// That the pool before the last promotion is not kept any more, and what to type; empty: there
  /// is none.
  private var keptBefore: String {
    guard let rollout = decision.state.rollout, case .promoted = rollout.phase else { return "" }
    return
      "; \(rollout.from) was kept for \(rollout.retain.words) after the promotion, and that is over. To go back, see that \(rollout.from) runs, then: canary promote \(decision.state.service) --to \(rollout.from)"
  }
}
