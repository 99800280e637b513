internal import CanaryCore

/// What the checks would have decided in each stage of a recorded log, and when.
struct ReplayReport {
  private let steps: [LogReplay.Step]
  private let plan: Plan
  private let stable: PoolName
  private let canary: PoolName
  /// The rollout whose history tells the stages apart; nil: the log does.
  private let rollout: Int?

  init(
    _ steps: [LogReplay.Step], plan: Plan, stable: PoolName, canary: PoolName, rollout: Int?
  ) {
    self.steps = steps
    self.plan = plan
    self.stable = stable
    self.canary = canary
    self.rollout = rollout
  }

  var text: String {
    let source = rollout.map { "the log and the history of rollout \($0) tell" } ?? "the log tells"
    var lines = ["\(stable) → \(canary) by plan '\(plan.name)', as \(source) it:"]
    for step in steps {
      let stage = plan.stages[step.stage]
      lines.append(
        """
        generation \(step.generation), stage \(step.stage + 1) of \(plan.stages.count): \
        \(ValueFormat.decimal(step.canaryShare * 100, places: 1))% of \(ComparisonReport.grouped(step.requests)) requests, \
        \(step.began.iso8601) to \(step.ended.clockTime)
        """
      )
      for change in step.changes {
        lines.append(
          "  \(change.at.clockTime)  \(change.check): \(change.verdict.rawValue): \(change.detail)")
      }
      lines.append("  ⇒ " + decision(step, stage))
    }
    return (lines + ["verdict: \(verdict)"]).joined(separator: "\n")
  }

  /// What becomes of the whole rollout: the first stage that goes back or does not pass decides.
  private var verdict: String {
    for step in steps {
      let name = "stage \(step.stage + 1) of \(plan.stages.count)"
      let said = decision(step, plan.stages[step.stage])
      if step.reverted != nil { return "the rollout \(said), in \(name)" }
      if !said.hasPrefix("passes") {
        return "the rollout does not get past \(name) in this log: \(said)"
      }
    }
    let last = (steps.last?.stage ?? 0) + 1
    return last == plan.stages.count
      ? "all stages pass: \(canary) becomes stable"
      : "every stage in this log passes, up to stage \(last) of \(plan.stages.count)"
  }

  private func decision(_ step: LogReplay.Step, _ stage: Stage) -> String {
    if let reverted = step.reverted {
      return "goes back at \(reverted.at.clockTime): \(reverted.why)"
    }
    let held = step.states.filter { !$0.advisory && $0.measurements > 0 && $0.verdict != .pass }
    let lasted = step.ended - step.began
    if !held.isEmpty {
      return "held by \(held.map { "\($0.name) (\($0.detail))" }.joined(separator: "; "))"
    }
    if lasted < stage.soak {
      return "nothing against it, but it lasted \(lasted) only, and the soak is \(stage.soak)"
    }
    return "passes after its soak of \(stage.soak)"
  }

  var json: JSON {
    .list(
      steps.map { step in
        .table([
          ("generation", .int(step.generation)), ("stage", .int(step.stage)),
          ("began", .text(step.began.iso8601)), ("ended", .text(step.ended.iso8601)),
          ("canary_share", .number(step.canaryShare)), ("requests", .int(step.requests)),
          ("decision", .text(decision(step, plan.stages[step.stage]))),
          ("reverts", JSON(step.reverted?.at.iso8601)), ("verdict", .text(verdict)),
          (
            "changes",
            .list(
              step.changes.map { change in
                .table([
                  ("time", .text(change.at.iso8601)), ("check", .text(change.check.text)),
                  ("verdict", .text(change.verdict.rawValue)), ("detail", .text(change.detail)),
                ])
              })
          ),
        ])
      })
  }
}
