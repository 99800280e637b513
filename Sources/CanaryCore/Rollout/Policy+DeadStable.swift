// A revert that nobody asked for into a pool that does not answer: it would make things worse.

extension Decision {
  /// The pool that this decision sends all traffic back to without a person's having asked for it;
  /// nil: it does no such thing, or the canary had no traffic yet.
  package func goesBackByItself(from before: ServiceState) -> PoolName? {
    guard case .reverting(_, let reason)? = state.rollout?.phase, reason.kind != .person,
      before.serving?.routing.isClean == false || before.running == nil,
      before.rollout?.mayWaitForStable == true
    else { return nil }
    return state.rollout?.from
  }
}

extension Rollout {
  /// Whether its canary may keep what it has: a stage soaks or is paused, or it is promoted.
  ///
  /// In between Nginx was asked for something else, which may be in place or not.
  fileprivate var mayWaitForStable: Bool {
    switch phase {
    case .soaking, .paused, .promoted: true
    case .starting, .applying, .finishing, .reverting, .reverted: false
    }
  }
}

extension Policy {
  /// Whether a revert for this reason must wait, because the pool that it leads to does not answer.
  ///
  /// A person's does not wait for anything.
  func mustKeep(_ reason: Reason) -> Bool {
    rules.stableFault != nil && reason.kind != .person
      && decision.state.rollout?.mayWaitForStable == true
  }

  /// Moves nothing, and says so once: the canary keeps what it answers until stable answers too.
  mutating func keepWhatAnswers(_ rollout: Rollout, _ reason: Reason) {
    let fault = rules.stableFault ?? "it does not answer"
    if rollout.held?.kind != .stable {
      let text =
        "\(rollout.from) does not answer (\(fault)), so nothing is sent back to it, although \(reason.text)"
      decision.state.rollout?.held = Hold(kind: .stable, text: text)
      note(
        .held, rollout.number, weight: decision.state.serving?.routing.weight, actor: .canary,
        detail: text,
        hint:
          "Repair \(rollout.from): once it answers, all traffic goes back. To send it there now: canary revert \(decision.state.service)"
      )
    }
    if decision.state.running != nil {
      dropJobs { $0.facts.moment.isGating || $0.hook.retained }
      decision.state.rollout?.doomed = reason
    }
    decision.effects.append(.wake(now + Self.tick))
  }

  /// Handles a stage that is to go back once stable answers; false when the event is handled as
  /// usual.
  mutating func waitForStable(_ event: Event, _ rollout: Rollout) -> Bool {
    guard let reason = rollout.doomed, let soak = rollout.phase.soak, soak.confirming == nil
    else { return false }
    switch event {
    case .woke, .measured: beginRevert(rollout, reason, actor: .canary)
    case .pause, .resume, .advance:
      decision.refusal = .busy("rollout \(rollout.number) goes back once \(rollout.from) answers")
    case .looked, .applied, .applyFailed, .preflighted, .tookOver, .overtaken, .promote, .revert,
      .revertOnly, .apply, .guarded, .schedule, .cancel, .freeze, .thaw, .approve, .reject, .ran:
      return false
    }
    return true
  }
}
