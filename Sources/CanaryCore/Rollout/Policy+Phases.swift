// The policy phase by phase. No switch here has a default: a new event does not compile until every
// phase handles it.

extension Policy {
  mutating func handleStarting(_ event: Event, _ rollout: Rollout, since: Instant, passes: Int) {
    let ready = rollout.plan.ready
    switch event {
    case .looked(let fault, _):
      decision.state.rollout?.unready = fault?.text
      guard let fault else {
        if passes + 1 >= ready.times {
          // The stage may be held for hours. The pool answers now, so its time to become ready
          // starts again.
          set(.starting(since: now, passes: passes))
          return pass(rollout, to: rollout.reached ?? 0)
        }
        set(.starting(since: since, passes: passes + 1))
        decision.effects = [.wake(now + Self.lookInterval)]
        return
      }
      if now - since >= ready.within {
        let why =
          switch fault {
          case .pool(let text):
            "the canary pool \(rollout.to) is not up after \(ready.within): \(text)"
          case .guarded, .blind: "\(fault.text) (for \(ready.within) before the first stage)"
          }
        let hint = ReleaseAdvice.unready(fault, rollout.to)
        return beginRevert(rollout, Reason(.gate, why, hint: hint), actor: .canary)
      }
      set(.starting(since: since, passes: 0))
      decision.effects = [.wake(now + Self.lookInterval)]
    case .woke: reissueEffect(rollout)
    case .preflighted(let states, _): preflighted(rollout, states, since: since)
    case .pause, .resume, .advance:
      decision.refusal = .busy(
        "rollout \(rollout.number) is starting; try again once its first stage soaks")
    case .measured, .applied, .applyFailed: break
    case .tookOver, .overtaken, .promote, .revert, .revertOnly, .apply, .guarded, .schedule,
      .cancel, .freeze,
      .thaw, .approve, .reject, .ran:
      preconditionFailure("handled before the phases")
    }
  }

  /// The pause between two probes of a pool that is not ready yet.
  static var lookInterval: Span { .seconds(0.25) }

  mutating func handleApplying(
    _ event: Event, _ rollout: Rollout, _ stage: Int, _ generation: Generation
  ) {
    switch event {
    case .applied:
      let routing = routing(rollout, stage: stage)
      decision.state.serving = Serving(generation: generation, routing: routing)
      decision.state.rollout?.checks = rollout.plan.checks(stage: stage).map(CheckState.init)
      set(.soaking(Soak(stage: stage, began: now)))
      let words = rollout.plan.stages[stage].words.map { " (\($0))" } ?? ""
      note(
        .stage, rollout.number, weight: routing.weight, actor: .canary,
        detail:
          "stage \(stage + 1) of \(rollout.plan.stages.count)\(words), generation \(generation)")
      // The brake of a driver that died has no purpose once Nginx serves the stage.
      decision.effects = [.release, .wake(now)]
    case .applyFailed(_, let why):
      beginRevert(rollout, Reason(.outside, why.fact, hint: why.hint), actor: .canary)
    case .woke: reissueEffect(rollout)
    case .pause, .resume, .advance:
      decision.refusal = .busy(
        "Nginx is just being asked for stage \(stage + 1); try again in a moment")
    case .looked, .measured, .preflighted: break
    case .tookOver, .overtaken, .promote, .revert, .revertOnly, .apply, .guarded, .schedule,
      .cancel, .freeze,
      .thaw, .approve, .reject, .ran:
      preconditionFailure("handled before the phases")
    }
  }

  mutating func handleSoaking(_ event: Event, _ rollout: Rollout, _ soak: Soak) {
    var soak = soak
    if soak.confirming != nil { return confirm(event, rollout, soak) }
    switch event {
    case .woke:
      soak.watch(rollout.plan.stages[soak.stage], until: now, isHeld: isHeld(rollout))
      set(.soaking(soak))
      measureOrWait(rollout, soak)
    case .measured(let measurements, _, _):
      soak.watch(rollout.plan.stages[soak.stage], until: now, isHeld: isHeld(rollout))
      set(.soaking(soak))
      guard let updated = fold(measurements, rollout) else { return }
      judgeStage(updated, soak)
    case .pause(let actor):
      soak.watch(rollout.plan.stages[soak.stage], until: now, isHeld: isHeld(rollout))
      set(.paused(soak))
      note(.paused, rollout.number, weight: decision.state.serving?.routing.weight, actor: actor)
      decision.effects = [.wake(now)]
    case .advance(let actor, let weight):
      advance(rollout, soak, actor, to: weight)
    case .resume:
      decision.refusal = .nothing("the rollout is not paused")
    case .looked, .applied, .applyFailed, .preflighted: break
    case .tookOver, .overtaken, .promote, .revert, .revertOnly, .apply, .guarded, .schedule,
      .cancel, .freeze,
      .thaw, .approve, .reject, .ran:
      preconditionFailure("handled before the phases")
    }
  }

  /// Handles a stage that a person paused, or that paused at its deadline.
  ///
  /// Checks are still measured, and a failing one still reverts.
  mutating func handlePaused(_ event: Event, _ rollout: Rollout, _ soak: Soak) {
    var soak = soak
    if soak.confirming != nil { return confirm(event, rollout, soak) }
    switch event {
    case .woke:
      soak.seen = now
      set(.paused(soak))
      measureOrWait(rollout, soak)
    case .measured(let measurements, _, _):
      soak.seen = now
      set(.paused(soak))
      if fold(measurements, rollout) != nil { decision.effects = [.wake(now + Self.tick)] }
    case .resume(let actor):
      soak.seen = now
      soak.over = nil
      // A stage that was paused at its deadline gets the time of one more soak.
      let stage = rollout.plan.stages[soak.stage]
      if soak.served >= stage.deadline { soak.served = max(.zero, stage.deadline - stage.soak) }
      set(.soaking(soak))
      note(.resumed, rollout.number, weight: decision.state.serving?.routing.weight, actor: actor)
      decision.effects = [.wake(now)]
    case .advance(let actor, let weight):
      soak.seen = now
      advance(rollout, soak, actor, to: weight)
    case .pause: decision.refusal = .nothing("the rollout is paused already")
    case .looked, .applied, .applyFailed, .preflighted: break
    case .tookOver, .overtaken, .promote, .revert, .revertOnly, .apply, .guarded, .schedule,
      .cancel, .freeze,
      .thaw, .approve, .reject, .ran:
      preconditionFailure("handled before the phases")
    }
  }

  /// After a change of driver: the stage goes on once Nginx confirms the generation it should
  /// serve.
  mutating func confirm(_ event: Event, _ rollout: Rollout, _ soak: Soak) {
    switch event {
    case .applied:
      var soak = soak
      soak.confirming = nil
      soak.confirmed = now
      soak.over = nil
      soak.seen = now
      if case .paused = rollout.phase { set(.paused(soak)) } else { set(.soaking(soak)) }
      decision.effects = [.release, .wake(now)]
    case .applyFailed(_, let why):
      beginRevert(rollout, Reason(.outside, why.fact, hint: why.hint), actor: .canary)
    case .woke: reissueEffect(rollout)
    case .pause, .resume, .advance:
      decision.refusal = .busy("a new driver is just taking over; try again in a moment")
    // A failed gate reverts even while the confirmation is awaited.
    case .measured(let measurements, _, _): _ = fold(measurements, rollout)
    case .looked, .preflighted: break
    case .tookOver, .overtaken, .promote, .revert, .revertOnly, .apply, .guarded, .schedule,
      .cancel, .freeze,
      .thaw, .approve, .reject, .ran:
      preconditionFailure("handled before the phases")
    }
  }

  mutating func handleFinishing(
    _ event: Event, _ rollout: Rollout, _ generation: Generation, _ until: Instant
  ) {
    switch event {
    case .applied:
      decision.state.stable = rollout.to
      decision.state.other = rollout.from
      decision.state.serving = Serving(
        generation: generation, routing: exchanged(rollout, until: until))
      set(.promoted(until: until))
      note(
        .promoted, rollout.number, weight: .all, actor: .canary,
        detail: "\(rollout.to) is stable; \(rollout.from) is kept for \(rollout.retain)")
      addJobs(.afterPromote, rollout, due: until)
      decision.effects = [.release]
    case .applyFailed(_, let why):
      beginRevert(rollout, Reason(.outside, why.fact, hint: why.hint), actor: .canary)
    case .woke: reissueEffect(rollout)
    case .pause, .resume, .advance:
      decision.refusal = .busy(
        "the last stage has passed; Nginx is just being asked to make \(rollout.to) stable")
    case .looked, .measured, .preflighted: break
    case .tookOver, .overtaken, .promote, .revert, .revertOnly, .apply, .guarded, .schedule,
      .cancel, .freeze,
      .thaw, .approve, .reject, .ran:
      preconditionFailure("handled before the phases")
    }
  }

  mutating func handleReverting(
    _ event: Event, _ rollout: Rollout, _ generation: Generation, _ reason: Reason
  ) {
    switch event {
    case .applied:
      decision.state.stable = rollout.from
      decision.state.other = rollout.to
      decision.state.serving = Serving(generation: generation, routing: clean(rollout))
      set(.reverted(reason))
      note(
        .reverted, rollout.number, weight: Weight.none, actor: .canary, detail: reason.text,
        hint: reason.hint)
      addJobs(.afterRevert, rollout, reason: reason.text)
      decision.effects = [.release]
      if rules.leavesText { decision.state.rollout?.tidyAfter = now + Self.tidyDelay }
    case .applyFailed:
      // The brake is on, so clients are safe; Nginx is asked again until it takes the clean
      // configuration.
      decision.effects = [.wake(now + Self.revertInterval)]
    case .woke: reissueEffect(rollout)
    case .pause, .resume, .advance:
      decision.refusal = .busy("rollout \(rollout.number) is reverting")
    case .looked, .measured, .preflighted: break
    case .tookOver, .overtaken, .promote, .revert, .revertOnly, .apply, .guarded, .schedule,
      .cancel, .freeze,
      .thaw, .approve, .reject, .ran:
      preconditionFailure("handled before the phases")
    }
  }

  /// The pause before Nginx is asked again for a clean configuration that it refused.
  static var revertInterval: Span { .seconds(5) }
  /// How long Nginx keeps the text of a rollout that was reverted by seats, at least.
  ///
  /// Nobody meets the canary by it, and a revert must not come to need a reload because another
  /// process has finished it a moment before.
  static var tidyDelay: Span { .seconds(10) }
  /// The pause between two looks at a rollout that is held or paused.
  static var tick: Span { .seconds(1) }
  /// The longest pause between two looks at a soak; well below `Soak.longestStep`.
  static var longestLook: Span { .seconds(2) }
}
