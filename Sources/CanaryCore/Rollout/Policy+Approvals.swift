// Approvals of a stage: asked for, given, refused, or late.

extension Policy {
  /// Asks once for the approvals that the stage needs, if it needs any.
  mutating func askApproval(_ rollout: Rollout, _ stage: Int) {
    guard let rule = rollout.plan.stages[stage].approval, rollout.approval?.stage != stage else {
      return
    }
    decision.state.rollout?.approval = PendingApproval(stage: stage, since: now)
    note(
      .awaitingApproval, rollout.number, weight: decision.state.serving?.routing.weight,
      actor: .canary,
      detail: "stage \(stage + 1) of \(rollout.plan.stages.count) needs \(rule.words)")
  }

  mutating func approve(_ rollout: Rollout, _ actor: Actor, _ reason: String?) {
    guard let rule = rollout.awaitedApproval, var approval = rollout.approval else {
      decision.refusal = .wrong("nothing waits for an approval")
      return
    }
    if let why = rule.refusal(
      actor.person, starter: rollout.actor.person, given: approval.people)
    {
      decision.refusal = .wrong(why)
      return
    }
    approval.given.append(actor)
    decision.state.rollout?.approval = approval
    let isLast = approval.given.count >= rule.count
    // What it waited for has come.
    if isLast, rollout.held?.kind == .approval { decision.state.rollout?.held = nil }
    let after =
      isLast
      ? whyNotGrow().map { "the stage begins when it may: \($0.text)" } ?? "the stage begins now"
      : "missing: \(rule.missingWords(approval.people))"
    note(
      .approved, rollout.number, weight: decision.state.serving?.routing.weight, actor: actor,
      detail:
        "\(approval.given.count) of \(rule.count) for stage \(approval.stage + 1), \(after)\(reason.map { ": \($0)" } ?? "")"
    )
    decision.effects = [.wake(now)]
  }

  /// Rejects the stage, which reverts the rollout.
  ///
  /// Each person that may approve may reject, and so may the one that started the rollout.
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
      .rejected, rollout.number, weight: decision.state.serving?.routing.weight, actor: actor,
      detail: "stage \(approval.stage + 1)\(reason.map { ": \($0)" } ?? "")")
    beginRevert(rollout, Reason(.person, why), actor: actor)
  }

  /// Reverts a rollout whose approvals did not arrive in time; returns whether it did.
  mutating func approvalIsLate(_ rollout: Rollout) -> Bool {
    guard let rule = rollout.awaitedApproval, let approval = rollout.approval,
      now - approval.since >= rule.within, rollout.phase.awaited == nil
    else { return false }
    let why =
      "stage \(approval.stage + 1) got \(approval.given.count) of \(rule.count) approvals within \(rule.within), without \(rule.missingWords(approval.people))"
    beginRevert(rollout, Reason(.gate, why), actor: .canary)
    return true
  }
}
