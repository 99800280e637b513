internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

extension Headline {
  /// The headline of a service as it is now; the first thing that applies says it all.
  package init(_ report: StatusReport) {
    let facts = HeadlineFacts(report: report)
    self =
      facts.alarm ?? facts.back ?? facts.failing ?? facts.approval ?? facts.gate ?? facts.stage
      ?? facts.rest
  }
}

/// Finds the headline of one service.
struct HeadlineFacts {
  let report: StatusReport

  var state: ServiceState { report.state }
  var now: Instant { report.now }

  func make(
    _ kind: Headline.Kind, _ facts: [Headline.Fact], _ acts: [Headline.Act] = []
  ) -> Headline {
    Headline(kind: kind, facts: facts.filter { !$0.isEmpty }, acts: acts)
  }

  func fact(_ text: String) -> Headline.Fact { text.isEmpty ? [] : [.text(text)] }

  // MARK: what outranks the rollout itself

  /// A brake, a driver that is gone or hangs, or a stable pool that is down.
  var alarm: Headline? {
    let rollout = state.running
    var isReverting = false
    if case .reverting? = rollout?.phase { isReverting = true }
    let died = report.driver.map { $0.alive ? nil : "its driver (pid \($0.pid)) died" } ?? nil
    if let brake = report.brake, !isReverting || brake.by != .driver {
      let why = brake.reason.map { ": \($0)" } ?? ""
      let who = brake.by == .person ? " by \(brake.actor)" : ""
      let acts: [Headline.Act] = rollout == nil ? [.revert] : [.revert, .drive]
      return make(
        .braked,
        [
          [
            .text("all on \(state.named(report.brakePool)) since "), .clock(brake.time),
            .text("\(who)\(why)"),
          ]
        ], died == nil && rollout != nil ? [.revert] : acts)
    }
    guard let rollout else { return nil }
    if let held = rollout.held, held.kind == .stable {
      return make(.stableDown, [fact(held.text)], [.revert])
    }
    if report.driver?.alive != true {
      let keeps =
        report.lastWeight == .none
        ? "all traffic is on \(state.named(rollout.from))"
        : "\(rollout.to) keeps \(report.lastWeight)%, and nothing judges it"
      return make(
        .undriven, [fact(died ?? "no process drives it"), fact(keeps)], [.drive, .revert])
    }
    if let soak = rollout.phase.soak, now - soak.seen > report.patience {
      return make(
        .stale,
        [
          [
            .text("process \(report.driver?.pid ?? 0) drives it, and has not looked for "),
            .since(soak.seen),
          ]
        ], [.revert])
    }
    return nil
  }

  /// A revert that is under way.
  var back: Headline? {
    guard let rollout = state.running, case .reverting(_, let reason) = rollout.phase else {
      return nil
    }
    return make(
      .reverting,
      [fact("sending all traffic back to \(state.named(rollout.from)): \(reason.text)")])
  }

  // MARK: what a stage waits for

  private var gating: [(state: CheckState, check: Check?)] {
    guard let rollout = state.running, rollout.phase.soak != nil else { return [] }
    return rollout.checks.filter { !$0.advisory }.map { ($0, rollout.rule($0.name)) }
  }

  /// A check that is broken, and when that reverts.
  var failing: Headline? {
    let broken = gating.filter { $0.state.brokenSince != nil && $0.state.verdict == .pending }
    let soonest = broken.min { fails($0.state, $0.check) < fails($1.state, $1.check) }
    guard let soonest, let since = soonest.state.brokenSince, let check = soonest.check else {
      return nil
    }
    let state = soonest.state
    var first: Headline.Fact = [.text(Self.broken(state, check))]
    var second: Headline.Fact = []
    if check.failures > state.brokenCount {
      first.append(.text(", \(state.brokenCount) of \(check.failures) times in a row"))
      let missing = check.failures - state.brokenCount
      second = fact(
        "reverts after \(missing) more \(missing == 1 ? "time" : "times") unless it recovers")
    }
    if let at = reverts(state, check), at > now || check.failures <= state.brokenCount {
      first += [.text(" for "), .since(since), .text(" of \(check.lasting)")]
      second = [.text("reverts at "), .clock(at), .text(" unless it recovers")]
    }
    let others = broken.map(\.state.name).filter { $0 != state.name }.map(\.text)
    let also = others.isEmpty ? "" : "broken as well: \(others.joined(separator: ", "))"
    return make(.failing, [first, second, fact(also)], [.revert])
  }

  /// When a broken check fails at the earliest.
  private func fails(_ state: CheckState, _ check: Check?) -> Instant {
    guard let check, let rollout = self.state.running, let stage = rollout.stage else { return now }
    let missing = Int64(max(0, check.failures - state.brokenCount))
    let often = now + check.interval(soak: rollout.plan.stages[stage].soak) * missing
    return max(often, reverts(state, check) ?? now)
  }

  /// When a broken check has been so for as long as it takes; nil: its time plays no part.
  private func reverts(_ state: CheckState, _ check: Check?) -> Instant? {
    guard let since = state.brokenSince, let check, check.lasting > .zero else { return nil }
    return since + check.lasting
  }

  /// The check with its value and the bound that it breaks; else what it saw.
  private static func broken(_ state: CheckState, _ check: Check) -> String {
    let shown = ValueFormat(check.source)
    if let value = state.value, let most = check.condition.max, value > most {
      return "\(state.name) \(shown.text(value)) > \(shown.text(most))"
    }
    if let value = state.value, let least = check.condition.min, value < least {
      return "\(state.name) \(shown.text(value)) < \(shown.text(least))"
    }
    let seen = state.detail.split(separator: " (").first.map(String.init) ?? state.detail
    return "\(state.name): \(seen)"
  }

  /// An approval that is asked for.
  var approval: Headline? {
    guard let rollout = state.running, let rule = rollout.awaitedApproval,
      let approval = rollout.approval
    else { return nil }
    // Of a rule with `each`, those whose approval is still missing.
    let who =
      rule.each.isEmpty
      ? rule.by.isEmpty ? "anybody" : rule.by.map(\.description).joined(separator: " or ")
      : rule.missingWords(approval.people)
    let given = approval.given.map(\.description).joined(separator: ", ")
    return make(
      .waiting,
      [
        fact(
          "\(who), \(approval.given.count) of \(rule.count)\(given.isEmpty ? "" : " (\(given))")"),
        fact("before " + Wording.stageFacts(rollout, approval.stage).joined(separator: ": ")),
        [.text("goes back at "), .clock(approval.since + rule.within)],
      ], [.approve, .reject])
  }

  /// A stage that its checks keep, or may soon end.
  var gate: Headline? {
    guard let rollout = state.running, let soak = rollout.phase.soak else { return nil }
    if case .paused = rollout.phase { return nil }
    let over = gating.first { Self.isOver($0.state, $0.check) }
    if let over {
      return make(
        .suspect,
        [fact("\(over.state.name): \(over.state.detail)")]
          + stageFacts(rollout, soak), [])
    }
    let stage = rollout.plan.stages[soak.stage]
    let isSoaked = soak.advanced || soak.served >= stage.soak
    let open = gating.filter { $0.state.verdict != .pass }
    let empty = open.first {
      $0.state.verdict == .inconclusive && $0.state.value == nil
        && $0.check?.source.isFromLog == true
    }
    if let empty {
      return make(
        .noData,
        [fact("\(empty.state.name): \(empty.state.detail)")]
          + Wording.stageFacts(rollout, soak.stage).map(fact)
          + [
            fact(
              isSoaked
                ? "soaked; held by \(open.map(\.state.name.text).joined(separator: ", "))" : ""),
            deadline(rollout, soak),
          ])
    }
    guard isSoaked, let first = open.first(where: { $0.state.measuredAt != nil }) else {
      return nil
    }
    let names = open.map(\.state.name.text).joined(separator: ", ")
    return make(
      .held,
      [
        fact("soaked; held by \(names)"), fact("\(first.state.name): \(first.state.detail)"),
        deadline(rollout, soak),
      ])
  }

  /// Whether the value is over its bound, though the verdict is not against it.
  private static func isOver(_ state: CheckState, _ check: Check?) -> Bool {
    guard let value = state.value, state.verdict == .pending || state.verdict == .inconclusive
    else { return false }
    if let most = check?.condition.max, value > most { return true }
    if let least = check?.condition.min, value < least { return true }
    return false
  }

  /// When a stage that does not pass ends.
  private func deadline(_ rollout: Rollout, _ soak: Soak) -> Headline.Fact {
    let stage = rollout.plan.stages[soak.stage]
    let word = stage.onDeadline == .pause ? "pauses" : "reverts"
    return [
      .text("\(word) at "), .clock((now + max(.zero, stage.deadline - report.elapsed)).rounded),
      .text(" unless it passes"),
    ]
  }

  // MARK: a rollout that goes as it should

  var stage: Headline? {
    guard let rollout = state.running else { return nil }
    switch rollout.phase {
    case .starting(let since, let passes):
      if let held = rollout.held {
        return make(
          .held, [fact(held.text), fact("all traffic is on \(state.named(rollout.from))")])
      }
      var facts: [Headline.Fact] = []
      if let unready = rollout.unready {
        facts = [
          fact(unready),
          [.text("gives up at "), .clock(since + rollout.plan.ready.within)],
        ]
      }
      return make(
        .starting,
        facts + [
          fact(Wording.sentence(state)),
          passes > 0 || rollout.reached != nil
            ? [] : fact("all traffic is on \(state.named(rollout.from))"),
        ])
    case .applying, .finishing: return make(.soaking, [fact(Wording.sentence(state))])
    case .soaking(let soak), .paused(let soak):
      if case .paused = rollout.phase {
        return make(
          .paused,
          Wording.stageFacts(rollout, soak.stage).map(fact) + [fact("checks still revert it")],
          [.resume, .revert])
      }
      if let held = rollout.held, soak.over != nil {
        return make(
          .held,
          [fact("passed; \(held.text)")] + Wording.stageFacts(rollout, soak.stage).map(fact))
      }
      return make(.soaking, stageFacts(rollout, soak))
    case .reverting, .promoted, .reverted: return nil
    }
  }

  private func stageFacts(_ rollout: Rollout, _ soak: Soak) -> [Headline.Fact] {
    var facts = Wording.stageFacts(rollout, soak.stage).map(fact)
    let left = rollout.plan.stages[soak.stage].soak - report.elapsed
    if soak.confirming != nil {
      facts.append(fact("confirming what Nginx serves"))
    } else if soak.advanced || left <= .zero {
      facts.append(fact("soaked"))
    } else {
      facts.append([.until(now + left), .text(" left")])
    }
    return facts
  }
}
