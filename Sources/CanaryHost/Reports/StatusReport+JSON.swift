package import CanaryCore

/// The status as programs read it.
extension StatusReport {
  package var json: JSON {
    let rollout = state.rollout
    return .table([
      ("service", .text(service.name.text)), ("phase", .text(state.word.rawValue)),
      ("stable", .text(state.stable.text)), ("canary", JSON(canary?.text)),
      ("release", JSON(rollout?.release)), ("weight", weight.map { .number($0.percent) } ?? .null),
      ("weights", weights), ("weight_fault", JSON((weightFault ?? unseen)?.description)),
      ("generation", .int((state.serving?.generation ?? state.generation).number)),
      ("brake", .bool(brake != nil)),
      ("stage", stage), ("checks", .list((rollout?.checks ?? []).map(check))),
      ("unreadable_lines", .int(unreadable)), ("rollout", rollout.map { .int($0.number) } ?? .null),
      ("reason", JSON(rollout.flatMap { Wording.reason($0) ?? $0.reason })),
      ("hint", JSON(rollout.flatMap(Wording.hint) ?? nextOfTry)),
      ("freeze", freeze), ("scheduled", scheduled), ("approval", approval),
      (
        "releases",
        .table(
          service.pools.map { ($0.name.text, JSON(state.release(of: $0.name))) })
      ),
      ("headline", headlineJSON), ("done", JSON(done?.iso8601)),
      (
        "driver",
        driver.map { .table([("pid", .int(Int($0.pid))), ("alive", .bool($0.alive))]) } ?? .null
      ),
    ])
  }

  private var freeze: JSON {
    guard let freeze = state.freeze(at: now) else { return .null }
    return .table([
      ("reason", .text(freeze.reason)), ("actor", .text(freeze.actor.description)),
      ("since", .text(freeze.since.iso8601)), ("until", JSON(freeze.until?.iso8601)),
    ])
  }

  private var scheduled: JSON {
    guard let scheduled = state.scheduled else { return .null }
    return .table([
      ("to", .text(scheduled.request.to.text)), ("release", JSON(scheduled.request.release)),
      ("at", .text(scheduled.at.iso8601)), ("in_window", .bool(scheduled.inWindow)),
      ("actor", .text(scheduled.request.actor.description)),
    ])
  }

  private var approval: JSON {
    guard let rollout = state.running, let rule = rollout.awaitedApproval,
      let approval = rollout.approval
    else { return .null }
    let fields: [(String, JSON)] = [
      ("stage", .int(approval.stage)), ("count", .int(rule.count)),
      ("given", .list(approval.given.map { .text($0.description) })),
      ("by", .list(rule.by.map { .text($0.description) })),
      ("until", .text((approval.since + rule.within).iso8601)),
    ]
    // Of a rule by count, the fields of before say all of it.
    guard !rule.each.isEmpty else { return .table(fields) }
    return .table(
      fields + [
        ("each", .list(rule.each.map { .text($0.description) })),
        ("missing", .text(rule.missingWords(approval.people))),
      ])
  }

  private var weights: JSON {
    if let confirmed {
      let shares = try? confirmed.get()
      return .table(
        service.pools.map { pool in
          (pool.name.text, shares.map { .number($0[pool.name].percent) } ?? .null)
        })
    }
    let serving = state.serving?.routing
    return .table(
      service.pools.map { pool in
        let share: Double
        if brake != nil {
          share = pool.name == serving?.brake ?? state.stable ? 100 : 0
        } else if let serving, pool.name == serving.canary {
          share = serving.weight.percent
        } else if pool.name == serving?.stable ?? state.stable {
          share = 100 - (serving?.weight.percent ?? 0)
        } else {
          share = 0
        }
        return (pool.name.text, .number(share))
      })
  }

  /// The headline as text: what the screen has in colour.
  private var headlineJSON: JSON {
    let headline = headline
    return .table([
      ("kind", .text(headline.kind.rawValue)), ("word", .text(headline.word)),
      ("text", .text(headline.text(at: now))),
    ])
  }

  private var stage: JSON {
    guard let rollout = state.rollout, let index = rollout.stage else { return .null }
    let stage = rollout.plan.stages[index]
    return .table([
      ("index", .int(index)), ("count", .int(rollout.plan.stages.count)),
      ("weight", .number(stage.weight.percent)), ("audience", JSON(stage.words)),
      ("soak_seconds", .number(stage.soak.seconds)), ("elapsed_seconds", .number(elapsed.seconds)),
    ])
  }

  private func check(_ check: CheckState) -> JSON {
    .table([
      ("name", .text(check.name.text)), ("verdict", .text(check.verdict.rawValue)),
      ("value", check.value.map(JSON.number) ?? .null), ("detail", .text(check.detail)),
      ("advisory", .bool(check.advisory)), ("measured", JSON(check.measuredAt?.iso8601)),
      ("measurements", .int(check.measurements)),
    ])
  }
}
