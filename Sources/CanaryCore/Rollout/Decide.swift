/// The whole policy as a pure function: equal states, events, times and rules, equal decisions.
///
/// `rules` are what the config allows now; no state contains them. Unless the event is refused, the
/// decision also runs the first hook that is due.
package func decide(
  _ state: ServiceState, _ event: Event, at now: Instant, under rules: GrowthRules = GrowthRules()
) -> Decision {
  var policy = Policy(state: state.withoutFuture(at: now), rules: rules, now: now)
  policy.handle(event)
  if policy.decision.refusal == nil, let job = policy.decision.state.job(at: now) {
    policy.decision.effects.append(.run(job))
  }
  return policy.decision
}

/// One run of the policy: the decision under construction, and the rules and time that it rests on.
struct Policy {
  var decision: Decision
  let rules: GrowthRules
  let now: Instant

  init(state: ServiceState, rules: GrowthRules, now: Instant) {
    decision = Decision(state)
    self.rules = rules
    self.now = now
  }

  mutating func handle(_ event: Event) {
    guard let rollout = decision.state.running else { return handleIdle(event) }
    // Stale answers are dropped in this one place: they belong to a generation, rollout or stage
    // that is no longer current.
    switch event {
    case .applied(let generation), .applyFailed(let generation, _), .overtaken(let generation, _):
      guard generation == rollout.phase.awaited else { return }
    case .looked(_, let number):
      guard number == rollout.number else { return }
    case .measured(_, let number, let stage):
      guard number == rollout.number, stage == rollout.stage else { return }
    case .preflighted(_, let number):
      guard number == rollout.number else { return }
    case .revertOnly(let number, _, _):
      guard number == rollout.number else { return }
    // During a rollout the standing guards are measured as checks of its plan.
    case .guarded: return
    case .woke, .tookOver, .promote, .revert, .pause, .resume, .advance, .apply, .schedule, .cancel,
      .freeze, .thaw, .approve, .reject, .ran:
      break
    }
    switch event {
    case .promote, .apply, .schedule:
      decision.refusal = .busy("rollout \(rollout.number) to \(rollout.to) is running")
    case .revert(let actor, let reason):
      revert(rollout, actor, Reason(.person, reason ?? "reverted by \(actor)"))
    case .revertOnly(_, let actor, let reason): revert(rollout, actor, reason)
    case .tookOver(let actor, let isLost):
      if isLost { regain(rollout, actor) } else { changeDriver(rollout, actor) }
    case .overtaken(_, let found):
      retryAbove(rollout, after: found)
    case .freeze(let freeze): self.freeze(freeze)
    case .thaw(let actor): thaw(actor)
    case .cancel:
      decision.refusal = .wrong("nothing is scheduled; rollout \(rollout.number) is running")
    case .approve(let actor, let reason): approve(rollout, actor, reason)
    case .reject(let actor, let reason): reject(rollout, actor, reason)
    case .ran(let job, let end): ran(job, end)
    case .guarded: break
    case .woke, .looked, .measured, .applied, .applyFailed, .pause, .resume, .advance,
      .preflighted:
      if waitForStable(event, rollout) { return }
      if case .woke = event, approvalIsLate(rollout) { return }
      handle(event, rollout)
    }
  }

  private mutating func handle(_ event: Event, _ rollout: Rollout) {
    switch rollout.phase {
    case .starting(let since, let passes):
      handleStarting(event, rollout, since: since, passes: passes)
    case .applying(let stage, let generation): handleApplying(event, rollout, stage, generation)
    case .soaking(let soak): handleSoaking(event, rollout, soak)
    case .paused(let soak): handlePaused(event, rollout, soak)
    case .finishing(let generation, let until): handleFinishing(event, rollout, generation, until)
    case .reverting(let generation, let reason): handleReverting(event, rollout, generation, reason)
    case .promoted, .reverted: preconditionFailure("a rollout that is over does not run")
    }
  }

  // MARK: requests that every phase handles alike

  private mutating func revert(_ rollout: Rollout, _ actor: Actor, _ reason: Reason) {
    if case .reverting(let generation, _) = rollout.phase {
      // Asked again: the brake and the same generation at once, without waiting for the timer.
      decision.effects = [
        .brake("revert by \(actor)", to: rollout.from), .apply(clean(rollout), generation),
      ]
      return
    }
    beginRevert(rollout, reason, actor: actor)
  }

  /// Hands the rollout over to a new driver, which continues where the former one stopped.
  ///
  /// A stage that soaks or is paused goes on once Nginx has confirmed what it serves (see
  /// `confirm`); the time without a driver does not count.
  mutating func changeDriver(_ rollout: Rollout, _ actor: Actor) {
    switch rollout.phase {
    case .soaking(var soak):
      soak.seen = now
      soak.confirming = decision.state.serving?.generation
      set(.soaking(soak))
    case .paused(var soak):
      soak.seen = now
      soak.confirming = decision.state.serving?.generation
      set(.paused(soak))
    case .applying(let stage, _):
      // The stage was allowed when decided, but no driver applied it; growth is blocked now.
      if let held = whyNotGrow() {
        let why = "stage \(stage + 1) was not reached in time: \(held.text)"
        return beginRevert(rollout, Reason(.outside, why), actor: .canary)
      }
    case .starting, .finishing, .reverting, .promoted, .reverted: break
    }
    note(
      .resumed, rollout.number, weight: decision.state.serving?.routing.weight, actor: actor,
      detail: "another process drives the rollout from here")
    reissueEffect(rollout)
  }

  /// Repeats the phase's request to Nginx under a generation above `found`, which is in place.
  ///
  /// A stage that soaks or is paused is reverted instead: what is in place is not the generation
  /// that Nginx was asked to confirm.
  private mutating func retryAbove(_ rollout: Rollout, after found: Generation) {
    decision.state.generation = max(decision.state.generation, found)
    switch rollout.phase {
    case .applying(let stage, _): enter(rollout, stage: stage)
    case .finishing(_, let until):
      set(.finishing(nextGeneration(), until: until))
      reissueEffect(rollout)
    case .reverting(_, let reason):
      set(.reverting(nextGeneration(), reason))
      reissueEffect(rollout)
    case .soaking, .paused:
      beginRevert(
        rollout,
        Reason(.outside, "generation \(found) is in place, which this rollout did not make"),
        actor: .canary)
    case .starting, .promoted, .reverted: break
    }
  }

  // MARK: steps shared by the phases

  /// The routing with all traffic on the pool that was stable when the rollout began.
  func clean(_ rollout: Rollout) -> Routing {
    .reverted(to: rollout.from, from: rollout.to)
  }

  /// The routing of one stage; the salt differs for each rollout, and so do the clients drawn.
  func routing(_ rollout: Rollout, stage: Int) -> Routing {
    .stage(
      stage, of: rollout.plan, stable: rollout.from, canary: rollout.to,
      salt: "\(rollout.number).\(rollout.started.milliseconds)")
  }

  /// The routing after the promotion, with the roles exchanged.
  ///
  /// Until `until` the brake leads back to the former pool, so that a revert needs no reload first.
  func exchanged(_ rollout: Rollout, until: Instant) -> Routing {
    .promoted(rollout.to, over: rollout.from, until: until)
  }

  /// Starts the revert: puts the brake on, then asks Nginx for a configuration without the canary.
  ///
  /// Also drops the hooks that only a rollout which goes on would need.
  mutating func beginRevert(_ rollout: Rollout, _ reason: Reason, actor: Actor) {
    if mustKeep(reason) { return keepWhatAnswers(rollout, reason) }
    decision.state.rollout?.doomed = nil
    dropJobs { $0.facts.moment.isGating || $0.hook.retained }
    decision.state.rollout?.held = nil
    if case .starting = rollout.phase, rollout.reached == nil {
      // Nginx was not asked for anything yet, so no brake, generation or reload is needed.
      set(.reverted(reason))
      note(
        .reverted, rollout.number, weight: Weight.none, actor: actor, detail: reason.text,
        hint: reason.hint)
      addJobs(.afterRevert, rollout, reason: reason.text)
      return
    }
    keepTotals(rollout)
    let generation = nextGeneration()
    decision.state.rollout?.ended = nil
    set(.reverting(generation, reason))
    note(
      .reverting, rollout.number, weight: decision.state.serving?.routing.weight, actor: actor,
      detail: reason.text, hint: reason.hint)
    decision.effects =
      [.brake(reason.text, to: rollout.from), .apply(clean(rollout), generation)]
      + decision.effects
  }

  /// Asks Nginx for the stage under a new generation.
  mutating func enter(_ rollout: Rollout, stage: Int) {
    // One number is left free for a configuration whose brake leads to stable, before the first.
    if let serving = decision.state.serving, serving.routing.brake != rollout.from {
      _ = nextGeneration()
    }
    let generation = nextGeneration()
    set(.applying(stage: stage, generation))
    // A retry keeps the first time: Nginx may have followed any of the requests.
    if rollout.reached != stage || rollout.asked == nil { decision.state.rollout?.asked = now }
    decision.state.rollout?.reached = stage
    decision.effects = [.apply(routing(rollout, stage: stage), generation)]
  }

  /// Re-issues the effect that the current phase waits for (restart and timer alike).
  mutating func reissueEffect(_ rollout: Rollout) {
    switch decision.state.rollout?.phase ?? rollout.phase {
    case .starting: open(rollout)
    case .applying(let stage, let generation):
      decision.effects = [.apply(routing(rollout, stage: stage), generation)]
    case .finishing(let generation, let until):
      decision.effects = [.apply(exchanged(rollout, until: until), generation)]
    case .reverting(let generation, let reason):
      decision.effects = [
        .brake(reason.text, to: rollout.from), .apply(clean(rollout), generation),
      ]
    case .soaking(let soak), .paused(let soak):
      guard let generation = soak.confirming, let serving = decision.state.serving else {
        decision.effects = [.wake(soak.seen)]
        return
      }
      decision.effects = [.apply(serving.routing, generation)]
    case .promoted, .reverted: break
    }
  }

  /// Sets the phase of the rollout; a final one also sets the time at which the rollout ended.
  mutating func set(_ phase: Phase) {
    decision.state.rollout?.phase = phase
    if phase.isOver { decision.state.rollout?.ended = now }
  }

  mutating func nextGeneration() -> Generation {
    decision.state.generation = decision.state.generation.next
    return decision.state.generation
  }

  mutating func note(
    _ event: HistoryEvent, _ rollout: Int?, weight: Weight? = nil, actor: Actor,
    detail: String? = nil, hint: String? = nil
  ) {
    decision.entries.append(
      Entry(
        rollout: rollout, time: now, event: event, weight: weight, actor: actor,
        detail: detail.flatMap { $0.isEmpty ? nil : $0 }, hint: hint))
  }
}
