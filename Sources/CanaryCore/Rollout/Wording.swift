/// The sentences about a service and its rollout that every command and page shows.
package enum Wording {
  /// Why a rollout was reverted, or is reverting; nil in every other phase.
  package static func reason(_ rollout: Rollout) -> String? {
    if let held = rollout.held, held.kind == .stable { return held.text }
    switch rollout.phase {
    case .reverting(_, let reason), .reverted(let reason): return reason.text
    case .starting, .applying, .soaking, .paused, .finishing, .promoted: return nil
    }
  }

  /// What you can do about a rollout that was reverted, or is reverting; nil: nothing.
  package static func hint(_ rollout: Rollout) -> String? {
    switch rollout.phase {
    case .reverting(_, let reason), .reverted(let reason): reason.hint
    case .starting, .applying, .soaking, .paused, .finishing, .promoted: nil
    }
  }

  /// The present state in one sentence.
  package static func sentence(_ state: ServiceState) -> String {
    if state.running == nil, let scheduled = state.scheduled {
      return
        "a rollout to \(scheduled.request.to) begins at \(scheduled.at.iso8601)\(scheduled.inWindow ? " or in a later window" : ""); all traffic is on \(state.stable)"
    }
    guard let rollout = state.rollout else {
      return "no rollout yet; all traffic is on \(state.stable)"
    }
    let count = rollout.plan.stages.count
    switch rollout.phase {
    case .starting(_, let passes):
      if let held = rollout.held { return held.text + approvals(rollout) }
      if let stage = rollout.reached {
        return
          "all traffic is on \(rollout.from); stage \(stage + 1) comes back once \(rollout.to) has answered (\(passes) of \(rollout.plan.ready.times) times running)"
      }
      return
        "waiting for \(rollout.to) to answer (\(passes) of \(rollout.plan.ready.times) times running)"
    case .applying(let stage, _):
      return
        "asking Nginx for stage \(stage + 1) of \(count): \(rollout.plan.stages[stage].weight)%"
    case .soaking(let soak), .paused(let soak):
      if let held = rollout.held, held.kind == .stable {
        return "\(stageText(rollout, soak)) · \(held.text)"
      }
      if case .paused = rollout.phase { return "\(stageText(rollout, soak)) · paused" }
      return "\(stageText(rollout, soak)) · \(left(rollout, soak))"
    case .finishing: return "all stages passed; asking Nginx to make \(rollout.to) stable"
    case .reverting(_, let reason):
      return "sending all traffic back to \(rollout.from): \(reason.text)"
    case .promoted:
      let held = rollout.held.map { ": \($0.text)" } ?? ""
      return "\(rollout.to) is stable\(held)"
    case .reverted(let reason): return "all traffic is on \(rollout.from): \(reason.text)"
    }
  }

  private static func stageText(_ rollout: Rollout, _ soak: Soak) -> String {
    stageFacts(rollout, soak.stage).joined(separator: " · ")
  }

  /// Which stage it is, and who gets what in it.
  package static func stageFacts(_ rollout: Rollout, _ index: Int) -> [String] {
    let stage = rollout.plan.stages[index]
    let words = stage.words.map { " (\($0))" } ?? ""
    return [
      "stage \(index + 1) of \(rollout.plan.stages.count)",
      "\(stage.weight)% on \(rollout.to)\(words)",
    ]
  }

  /// What is left of the soak, or what holds the stage after it.
  private static func left(_ rollout: Rollout, _ soak: Soak) -> String {
    if soak.confirming != nil { return "confirming what Nginx serves" }
    let stage = rollout.plan.stages[soak.stage]
    let left = stage.soak - soak.served
    if soak.advanced || left <= .zero {
      if let held = rollout.held { return "passed; \(held.text)\(approvals(rollout))" }
      let waiting = rollout.checks.filter { !$0.advisory && $0.verdict != .pass }.map(\.name.text)
      return waiting.isEmpty ? "soaked" : "soaked; held by \(waiting.joined(separator: ", "))"
    }
    // Whole seconds are enough for a reader.
    return "\(Span(milliseconds: (left.milliseconds + 999) / 1000 * 1000)) left"
  }

  private static func approvals(_ rollout: Rollout) -> String {
    guard let rule = rollout.awaitedApproval, let approval = rollout.approval else { return "" }
    let names = approval.given.map(\.description)
    guard !names.isEmpty else { return "; 0 of \(rule.count) approvals" }
    return
      "; \(names.count) of \(rule.count) approvals (\(names.joined(separator: ", "))), missing: \(rule.missingWords(approval.people))"
  }

  /// The sentence, and every check with its value, for a line that is redrawn.
  package static func live(_ state: ServiceState) -> String {
    let checks = (state.rollout?.checks ?? []).map { check in
      "\(mark(check.verdict)) \(check.name) \(check.detail)"
    }
    return ([sentence(state)] + checks).joined(separator: " · ")
  }

  package static func mark(_ verdict: Verdict) -> String {
    switch verdict {
    case .pass: "✓"
    case .pending, .inconclusive: "…"
    case .error: "!"
    case .fail: "✗"
    }
  }
}
