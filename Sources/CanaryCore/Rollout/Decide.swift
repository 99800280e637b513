/// The whole policy: same state, same event, same instant, same answer.
package func decide(_ state: ServiceState, _ event: Event, at now: Instant) -> Decision {
  var policy = Policy(state: state, now: now)
  policy.take(event)
  return policy.decision
}

/// One run of the policy: the state being changed and what is to be done about it.
struct Policy {
  var decision: Decision
  let now: Instant

  init(state: ServiceState, now: Instant) {
    decision = Decision(state)
    self.now = now
  }

  mutating func take(_ event: Event) {
    guard let rollout = decision.state.running else { return takeAtRest(event) }
    // A stale answer is refused here, once: it belongs to a generation, rollout or stage that is no longer asked for.
    switch event {
    case .applied(let generation), .applyFailed(let generation, _), .overtaken(let generation, _):
      guard generation == rollout.phase.awaited else { return }
    case .looked(_, let number):
      guard number == rollout.number else { return }
    case .measured(_, let number, let stage):
      guard number == rollout.number, stage == rollout.stage else { return }
    // In a rollout the guards are checks of its plan.
    case .guarded: return
    case .woke, .tookOver, .promote, .revert, .pause, .resume, .advance, .apply: break
    }
    switch event {
    case .promote, .apply:
      decision.refusal = .busy("rollout \(rollout.number) to \(rollout.to) is running")
    case .revert(let actor, let reason):
      takeRevert(rollout, actor, reason)
    case .tookOver(let actor):
      takeOver(rollout, actor)
    case .overtaken(_, let found):
      askAnew(rollout, after: found)
    case .guarded: break
    case .woke, .looked, .measured, .applied, .applyFailed, .pause, .resume, .advance:
      take(event, rollout)
    }
  }

  private mutating func take(_ event: Event, _ rollout: Rollout) {
    switch rollout.phase {
    case .starting(let since, let passes):
      takeStarting(event, rollout, since: since, passes: passes)
    case .applying(let stage, let generation): takeApplying(event, rollout, stage, generation)
    case .soaking(let soak): takeSoaking(event, rollout, soak)
    case .paused(let soak): takePaused(event, rollout, soak)
    case .finishing(let generation, let until): takeFinishing(event, rollout, generation, until)
    case .reverting(let generation, let reason): takeReverting(event, rollout, generation, reason)
    case .promoted, .reverted: preconditionFailure("a rollout that is over does not run")
    }
  }

  // MARK: at rest

  private mutating func takeAtRest(_ event: Event) {
    switch event {
    case .promote(let request): start(request)
    case .revert(let actor, let reason): revertAtRest(actor, reason)
    case .apply(let actor):
      let generation = nextGeneration()
      decision.state.asked = generation
      decision.effects = [.apply(decision.state.resting, generation)]
      note(
        "apply", decision.state.rollout?.number ?? 0, actor: actor,
        detail: "generation \(generation)")
    case .applied(let generation):
      guard generation == decision.state.asked else { return }
      decision.state.serving = Serving(generation: generation, routing: decision.state.resting)
      decision.state.asked = nil
      decision.effects = [.release]
    case .applyFailed(let generation, let why):
      guard generation == decision.state.asked else { return }
      decision.state.asked = nil
      note("apply_failed", decision.state.rollout?.number ?? 0, actor: .canary, detail: why)
    case .overtaken(let generation, let found):
      guard generation == decision.state.asked else { return }
      decision.state.generation = max(decision.state.generation, found)
      let next = nextGeneration()
      decision.state.asked = next
      decision.effects = [.apply(decision.state.resting, next)]
    case .pause, .resume, .advance:
      decision.refusal = .wrong("no rollout is running")
    case .guarded(let state, let then): guarded(state, then)
    case .woke, .tookOver, .looked, .measured: break
    }
  }

  /// What a guard says is kept when its verdict changes; where it is trusted to, a failure goes back after a promotion.
  private mutating func guarded(_ state: CheckState, _ then: StandingGuard.Then) {
    var guards = decision.state.guards ?? []
    let before = guards.first { $0.name == state.name }
    guard before?.verdict != state.verdict else { return }
    guards.removeAll { $0.name == state.name }
    decision.state.guards = guards + [state]
    let number = decision.state.rollout?.number ?? 0
    note(
      "guard", number, actor: .canary,
      detail: "\(state.name): \(state.verdict.rawValue): \(state.detail)")
    guard state.verdict == .fail, !state.advisory, then == .revert,
      let rollout = decision.state.rollout, case .promoted(let until) = rollout.phase, now < until
    else { return }
    goBack(rollout, Reason(.gate, "guard \(state.name) failed: \(state.detail)"), actor: .canary)
  }

  private mutating func start(_ request: PromoteRequest) {
    guard request.to != decision.state.stable else {
      decision.refusal = .wrong("\(request.to) is the stable pool already")
      return
    }
    let number = (decision.state.rollout?.number ?? 0) + 1
    decision.state.other = request.to
    decision.state.asked = nil
    decision.state.rollout = Rollout(
      number: number, from: decision.state.stable, to: request.to, release: request.release,
      plan: request.plan, reason: request.reason, actor: request.actor, retain: request.retain,
      started: now, phase: .starting(since: now, passes: 0))
    note(
      "started", number, actor: request.actor,
      detail: [request.release.map { "release \($0)" }, request.reason].compactMap(\.self).joined(
        separator: ": "))
    decision.effects = [.look(pool: request.to, request.plan.ready, rollout: number)]
  }

  private mutating func revertAtRest(_ actor: Actor, _ reason: String?) {
    if let rollout = decision.state.rollout, case .promoted(let until) = rollout.phase, now < until
    {
      let why = reason ?? "reverted by \(actor) after the promotion"
      goBack(rollout, Reason(.person, why), actor: actor)
      return
    }
    decision.refusal = .nothing("nothing to revert: all traffic is on \(decision.state.stable)")
  }

  // MARK: requests that every phase takes alike

  private mutating func takeRevert(_ rollout: Rollout, _ actor: Actor, _ reason: String?) {
    if case .reverting(let generation, _) = rollout.phase {
      // Asked again: the same generation again, at once.
      decision.effects = [.brake("revert by \(actor)"), .apply(clean(rollout), generation)]
      return
    }
    let why = Reason(.person, reason ?? "reverted by \(actor)")
    if case .starting = rollout.phase {
      // Nothing was changed yet, so there is nothing to take back: no brake, no generation, no reload.
      set(.reverted(why))
      note("reverted", rollout.number, weight: Weight.none, actor: actor, detail: why.text)
      return
    }
    goBack(rollout, why, actor: actor)
  }

  private mutating func takeOver(_ rollout: Rollout, _ actor: Actor) {
    switch rollout.phase {
    case .soaking(var soak):
      soak.seen = now
      soak.confirming = decision.state.serving?.generation
      set(.soaking(soak))
    case .paused(var soak):
      soak.seen = now
      soak.confirming = decision.state.serving?.generation
      set(.paused(soak))
    case .starting, .applying, .finishing, .reverting, .promoted, .reverted: break
    }
    note(
      "resumed", rollout.number, weight: decision.state.serving?.routing.weight, actor: actor,
      detail: "another process drives the rollout from here")
    pay(rollout)
  }

  /// Asks for the same routing under a number that is above the one found in place.
  private mutating func askAnew(_ rollout: Rollout, after found: Generation) {
    decision.state.generation = max(decision.state.generation, found)
    switch rollout.phase {
    case .applying(let stage, _): enter(rollout, stage: stage)
    case .finishing(_, let until):
      set(.finishing(nextGeneration(), until: until))
      pay(rollout)
    case .reverting(_, let reason):
      set(.reverting(nextGeneration(), reason))
      pay(rollout)
    case .soaking, .paused:
      goBack(
        rollout,
        Reason(.outside, "generation \(found) is in place, which this rollout did not make"),
        actor: .canary)
    case .starting, .promoted, .reverted: break
    }
  }

  // MARK: steps shared by the phases

  /// The routing that sends everything to the pool that was stable when the rollout began.
  func clean(_ rollout: Rollout) -> Routing {
    Routing(
      stable: rollout.from, canary: rollout.to, weight: .none, brake: rollout.from, fallback: false)
  }

  func routing(_ rollout: Rollout, stage: Int) -> Routing {
    let salt = "\(rollout.number).\(rollout.started.milliseconds)"
    return Routing(
      stable: rollout.from, canary: rollout.to, weight: rollout.plan.stages[stage].weight,
      brake: rollout.from, fallback: true,
      audience: rollout.plan.audience(stage: stage, salt: salt))
  }

  /// The roles exchanged; the brake still leads back, so that a revert needs no reload first.
  func exchanged(_ rollout: Rollout, until: Instant) -> Routing {
    Routing(
      stable: rollout.to, canary: rollout.from, weight: .none, brake: rollout.from,
      brakeUntil: until,
      fallback: true)
  }

  mutating func goBack(_ rollout: Rollout, _ reason: Reason, actor: Actor) {
    keepTotals(rollout)
    let generation = nextGeneration()
    decision.state.rollout?.ended = nil
    set(.reverting(generation, reason))
    note(
      "reverting", rollout.number, weight: decision.state.serving?.routing.weight, actor: actor,
      detail: reason.text)
    decision.effects = [.brake(reason.text), .apply(clean(rollout), generation)]
  }

  mutating func enter(_ rollout: Rollout, stage: Int) {
    let generation = nextGeneration()
    set(.applying(stage: stage, generation))
    decision.effects = [.apply(routing(rollout, stage: stage), generation)]
  }

  /// What a waiting phase waits for is asked for once more; a restart and a timer are the same.
  mutating func pay(_ rollout: Rollout) {
    switch decision.state.rollout?.phase ?? rollout.phase {
    case .starting:
      decision.effects = [.look(pool: rollout.to, rollout.plan.ready, rollout: rollout.number)]
    case .applying(let stage, let generation):
      decision.effects = [.apply(routing(rollout, stage: stage), generation)]
    case .finishing(let generation, let until):
      decision.effects = [.apply(exchanged(rollout, until: until), generation)]
    case .reverting(let generation, let reason):
      decision.effects = [.brake(reason.text), .apply(clean(rollout), generation)]
    case .soaking(let soak), .paused(let soak):
      guard let generation = soak.confirming, let serving = decision.state.serving else {
        decision.effects = [.wake(soak.seen)]
        return
      }
      decision.effects = [.apply(serving.routing, generation)]
    case .promoted, .reverted: break
    }
  }

  mutating func set(_ phase: Phase) {
    decision.state.rollout?.phase = phase
    if phase.isOver { decision.state.rollout?.ended = now }
  }

  mutating func nextGeneration() -> Generation {
    decision.state.generation = decision.state.generation.next
    return decision.state.generation
  }

  mutating func note(
    _ event: String, _ rollout: Int, weight: Weight? = nil, actor: Actor, detail: String? = nil
  ) {
    decision.entries.append(
      Entry(
        rollout: rollout, time: now, event: event, weight: weight, actor: actor,
        detail: detail.flatMap { $0.isEmpty ? nil : $0 }))
  }
}
