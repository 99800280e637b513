// How a stage is measured, judged, held and left.

extension Policy {
  /// Measures the checks that are due; with none due, judges the stage or, while paused, waits.
  mutating func measureOrWait(_ rollout: Rollout, _ soak: Soak) {
    let stage = rollout.plan.stages[soak.stage]
    let rollout = forgetOld(rollout, soak)
    let checks = rollout.plan.checks(stage: soak.stage)
    var due: [Check] = []
    // `rollout.checks` is in the order of the stage's checks. Access by index copies a check only
    // where it is needed whole.
    for index in checks.indices.prefix(rollout.checks.count) {
      // After the soak every check is measured once more: a stage needs fresh measurements to pass.
      let isLast =
        soak.over != nil && now >= soak.began + checks[index].warmup
        && !isFresh(rollout.checks[index].measuredAt, soak)
      if isLast
        || rollout.checks[index].isDue(
          checks[index], soak: stage.soak, stageStart: soak.began, at: now)
      {
        due.append(checks[index])
      }
    }
    if due.isEmpty {
      if case .soaking = decision.state.rollout?.phase ?? rollout.phase {
        judgeStage(rollout, soak)
      } else {
        decision.effects = [.wake(now + Self.tick)]
      }
    } else {
      decision.effects = [.measure(due, context(rollout, soak))]
    }
  }

  /// The context in which the checks of the stage are measured.
  private func context(_ rollout: Rollout, _ soak: Soak) -> StageContext {
    var context = StageContext(
      rollout: rollout.number, stage: soak.stage, plan: rollout.plan, stable: rollout.from,
      canary: rollout.to, release: rollout.release,
      generation: decision.state.serving?.generation ?? decision.state.generation,
      started: rollout.started, asked: rollout.asked, since: soak.began)
    // Requests that were routed under the brake may end a little later.
    if let confirmed = soak.confirmed { context.trusted = confirmed + .seconds(2) }
    return context
  }

  /// Makes a check inconclusive when its last measurement is too old to say that it passes.
  ///
  /// Too old is more than twice its interval, and more than the interval plus the source's timeout.
  private mutating func forgetOld(_ rollout: Rollout, _ soak: Soak) -> Rollout {
    var updated = rollout
    let checks = rollout.plan.checks(stage: soak.stage)
    for index in checks.indices.prefix(rollout.checks.count) {
      guard let measured = rollout.checks[index].measuredAt else { continue }
      let verdict = rollout.checks[index].verdict
      guard verdict == .pass || verdict == .pending else { continue }
      let interval = max(
        checks[index].interval(soak: rollout.plan.stages[soak.stage].soak), Self.tick)
      // A source may use its whole timeout without being out of date.
      guard now - measured > max(interval * 2, interval + checks[index].timeout) else { continue }
      updated.checks[index].verdict = .inconclusive
      updated.checks[index].detail =
        "the last answer is \(Span(milliseconds: (now - measured).milliseconds / 1000 * 1000)) old"
      decision.state.rollout?.checks = updated.checks
    }
    return updated
  }

  /// Whether a check was last measured after the soak was over.
  private func isFresh(_ measured: Instant?, _ soak: Soak) -> Bool {
    guard let measured, let over = soak.over else { return false }
    return measured >= over
  }

  /// Judges the measurements, and reverts the rollout when a gating check fails.
  ///
  /// Returns the rollout with the new states of its checks; nil after a failure.
  mutating func fold(_ measurements: [Measurement], _ rollout: Rollout) -> Rollout? {
    var updated = rollout
    guard let stage = rollout.stage else { return updated }
    let checks = rollout.plan.checks(stage: stage)
    // A measurement of later than now is from before the clock was set back.
    for measurement in measurements where measurement.at <= now {
      let known = checks.indices.prefix(updated.checks.count)
      guard let index = known.first(where: { checks[$0].name == measurement.check })
      else { continue }
      let before = updated.checks[index]
      updated.checks[index] = Judge.fold(before, checks[index], measurement)
      record(before, measurement, updated.checks[index], rollout, stage)
    }
    decision.state.rollout?.checks = updated.checks
    let failed = updated.checks.filter { $0.verdict == .fail && !$0.advisory }
    guard let first = failed.first else { return updated }
    let others =
      failed.count > 1
      ? " (and \(failed.dropFirst().map(\.name.text).joined(separator: ", ")))" : ""
    beginRevert(
      rollout, Reason(.gate, "check \(first.name) failed: \(first.detail)\(others)"), actor: .canary
    )
    return nil
  }

  /// Adds to the history: changes of a verdict, and enough of the measurements between them.
  private mutating func record(
    _ before: CheckState, _ measurement: Measurement, _ after: CheckState, _ rollout: Rollout,
    _ stage: Int
  ) {
    let changes = after.totals.changes
    let isChange = after.verdict != before.verdict
    if after.verdict == .error, isChange { reportError(after, rollout) }
    // A check that flaps must not fill the history; the totals count the unlisted changes.
    let isListed = isChange && (changes <= Self.listedChanges || after.verdict == .fail)
    if isListed {
      note(
        .verdict, rollout.number, weight: decision.state.serving?.routing.weight, actor: .canary,
        detail: "\(after.name): \(after.verdict.rawValue): \(after.detail)"
          + (changes == Self.listedChanges ? " (further changes are counted, not listed)" : ""))
    }
    if isListed || KeptMeasurement.keeps(after.measurements) {
      let what = KeptMeasurement.What.measured(
        measurement, number: after.measurements, grounds: before.grounds, after.verdict)
      decision.kept.append(KeptMeasurement(rollout: rollout.number, stage: stage, what))
    }
  }

  /// Notes that a source does not answer, for each check at most once per `errorCooldown`.
  private mutating func reportError(_ state: CheckState, _ rollout: Rollout) {
    let told = decision.state.rollout?.told[state.name]
    if let told, told <= now, now - told < Self.errorCooldown { return }
    decision.state.rollout?.told[state.name] = now
    note(
      .sourceError, rollout.number, weight: decision.state.serving?.routing.weight,
      actor: .canary, detail: "\(state.name): \(state.detail)")
  }

  /// The pause between two entries about the same source that does not answer.
  static var errorCooldown: Span { .seconds(300) }

  /// How many changes of one check's verdict in one stage are listed one by one.
  static var listedChanges: Int { 50 }

  /// Adds the totals of every measured check to the history, when its stage is left.
  mutating func keepTotals(_ rollout: Rollout) {
    guard let stage = rollout.stage, let checks = decision.state.rollout?.checks else { return }
    for state in checks where state.measurements > 0 {
      decision.kept.append(KeptMeasurement(rollout: rollout.number, stage: stage, .end(state)))
    }
  }

  /// Leaves the stage when its soak is over and every gating check passes.
  ///
  /// Otherwise the stage is held until its deadline, which reverts or pauses the rollout.
  mutating func judgeStage(_ rollout: Rollout, _ soak: Soak) {
    let stage = rollout.plan.stages[soak.stage]
    let gates = rollout.checks.filter { !$0.advisory }
    let worst = gates.map(\.verdict).max() ?? .pass
    if soak.over != nil, worst == .pass, gates.allSatisfy({ isFresh($0.measuredAt, soak) }) {
      markPassed(rollout, soak.stage)
      let next = soak.next(in: rollout.plan)
      if next < rollout.plan.stages.count { return pass(rollout, to: next) }
      keepTotals(rollout)
      let generation = nextGeneration()
      let until = now + rollout.retain
      set(.finishing(generation, until: until))
      decision.effects = [.apply(exchanged(rollout, until: until), generation)]
      return
    }
    guard soak.served >= stage.deadline, worst != .pass else {
      decision.effects = [.wake(nextLook(rollout, soak))]
      return
    }
    let holding = gates.filter { $0.verdict != .pass }
      .map { "\($0.name) is \($0.verdict.rawValue): \($0.detail)" }.joined(separator: "; ")
    let why =
      "stage \(soak.stage + 1) did not pass within its deadline of \(stage.deadline): \(holding)"
    switch stage.onDeadline {
    case .revert:
      let hint = ReleaseAdvice.held(gates, decision.state.service)
      beginRevert(rollout, Reason(.gate, why, hint: hint), actor: .canary)
    case .pause:
      set(.paused(soak))
      note(.paused, rollout.number, weight: stage.weight, actor: .canary, detail: why)
      decision.effects = [.wake(now + Self.tick)]
    }
  }

  /// When to wake next: for a measurement, for the end of the soak, or for a routine look.
  private func nextLook(_ rollout: Rollout, _ soak: Soak) -> Instant {
    let stage = rollout.plan.stages[soak.stage]
    var next = (now + Self.longestLook).wholeSecond
    if soak.served < stage.soak, !soak.advanced {
      next = min(next, now + (stage.soak - soak.served))
    }
    let checks = rollout.plan.checks(stage: soak.stage)
    for index in checks.indices.prefix(rollout.checks.count) {
      if let due = rollout.checks[index].nextDue(checks[index], soak: stage.soak) {
        next = min(next, due)
      }
    }
    return max(next, now + Span(milliseconds: 20))
  }

  /// Cuts the soak of the stage short; its checks still gate.
  ///
  /// With a weight, the stages before the one that has it are left out, unless an approval is asked
  /// for on the way.
  mutating func advance(_ rollout: Rollout, _ soak: Soak, _ actor: Actor, to weight: Weight?) {
    var soak = soak
    var onward = ""
    if let weight {
      let later = rollout.plan.stages.indices.filter { $0 > soak.stage }
      guard let target = later.first(where: { rollout.plan.stages[$0].weight == weight }) else {
        let known = later.map { "\(rollout.plan.stages[$0].weight)" }.joined(separator: ", ")
        decision.refusal = .wrong(
          later.isEmpty
            ? "the stage is the plan's last one: canary advance \(decision.state.service)"
            : "no later stage has \(weight) %; there are \(known)")
        return
      }
      if let asked = later.first(where: { $0 < target && rollout.plan.stages[$0].approval != nil })
      {
        decision.refusal = .wrong(
          "stage \(asked + 1) (\(rollout.plan.stages[asked].weight) %) needs an approval, which no jump goes past"
        )
        return
      }
      soak.target = target
      onward = "; the next is stage \(target + 1) (\(weight) %)"
    }
    soak.advanced = true
    soak.watch(rollout.plan.stages[soak.stage], until: now, isHeld: isHeld(rollout))
    set(.soaking(soak))
    note(
      .advanced, rollout.number, weight: decision.state.serving?.routing.weight, actor: actor,
      detail:
        "the soak of stage \(soak.stage + 1) was cut short after \(soak.served.whole)\(onward)")
    decision.effects = [.wake(now)]
  }
}
