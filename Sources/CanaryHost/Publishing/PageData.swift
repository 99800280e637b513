internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// The JSON that the status page reads about one service.
struct PageData {
  let report: StatusReport

  private var state: ServiceState { report.state }

  private var stage: JSON {
    guard let rollout = state.running, let index = rollout.stage else { return .null }
    let stage = rollout.plan.stages[index]
    return .table([
      ("index", .int(index)), ("count", .int(rollout.plan.stages.count)),
      ("weight", .number(stage.weight.percent)), ("soak", .number(stage.soak.seconds)),
      ("elapsed", .number(report.elapsed.seconds)), ("ticking", .bool(report.isTicking)),
    ])
  }

  private var worst: Verdict? {
    state.running == nil ? nil : state.rollout?.checks.filter { !$0.advisory }.map(\.verdict).max()
  }

  /// One row of the page's list of services.
  ///
  /// It changes only when something happens, so that the file rarely does; the browser counts the
  /// passing time.
  var summary: JSON {
    let rollout = state.rollout
    return .table([
      ("service", .text(state.service.text)), ("phase", .text(state.word.rawValue)),
      ("stable", .text(state.stable.text)), ("canary", JSON(state.running?.to.text)),
      ("release", JSON(rollout?.release)), ("weight", .number(report.lastWeight.percent)),
      ("rollout", rollout.map { .int($0.number) } ?? .null), ("stage", steadyStage),
      ("worst", JSON(worst?.rawValue)), ("brake", .bool(report.brake != nil)),
      ("frozen", .bool(state.freeze(at: report.now) != nil)),
      ("undriven", .bool(state.running != nil && report.driver?.alive != true)),
      ("since", JSON((rollout?.ended ?? rollout?.started)?.iso8601)),
    ])
  }

  /// The stage with the time at which its soak ends, or its share while the soak does not tick.
  ///
  /// The time is rounded to 5 s, so that it stays the same from look to look.
  private var steadyStage: JSON {
    guard let rollout = state.running, let index = rollout.stage else { return .null }
    let stage = rollout.plan.stages[index]
    let ends = report.now + (stage.soak - report.elapsed)
    return .table([
      ("index", .int(index)), ("count", .int(rollout.plan.stages.count)),
      ("soak", .number(stage.soak.seconds)),
      // Measured time and the clock's time differ by a little at each look.
      ("ends", report.isTicking ? .int(Int((ends.milliseconds + 2500) / 5000 * 5)) : .null),
      ("share", report.isTicking ? .null : .number(share(stage))),
    ])
  }

  private func share(_ stage: Stage) -> Double {
    stage.soak > .zero ? min(1, report.elapsed.seconds / stage.soak.seconds) : 1
  }

  /// Everything about one service.
  ///
  /// `charted` is when its charts were drawn; `history` is text that is JSON already.
  func whole(entries: [Entry], charted: Instant?, history: String) -> JSON {
    let rollout = state.rollout
    let checks = (rollout?.checks ?? []).map { state -> JSON in
      let rule = rollout?.rule(state.name)
      return .table([
        ("name", .text(state.name.text)), ("verdict", .text(state.verdict.rawValue)),
        ("value", .text(CheckWords.value(state, rule))),
        ("bound", .text(rule.map(CheckWords.bound) ?? "")),
        ("limit", rule?.condition.max.map(JSON.number) ?? .null),
        ("rule", .text(rule.map(CheckWords.text) ?? "")), ("detail", .text(state.detail)),
        ("advisory", .bool(state.advisory)),
        (
          "recent",
          .list((report.recent[state.name] ?? []).map { $0.value.map(JSON.number) ?? .null })
        ),
      ])
    }
    return .table([
      ("at", .text(report.now.iso8601)), ("status", report.json), ("stage", stage),
      ("sentence", .text(Wording.sentence(state))), ("from", JSON(rollout?.from.text)),
      ("to", JSON(rollout?.to.text)),
      (
        "plan",
        .list(
          (rollout?.plan.stages ?? []).map {
            .table([("weight", .number($0.weight.percent)), ("soak", .number($0.soak.seconds))])
          })
      ),
      ("passed", .int(rollout?.passedStages ?? 0)), ("checks", .list(checks)), ("brake", brake),
      ("actor", JSON(rollout?.actor.description)), ("started", JSON(rollout?.started.iso8601)),
      ("ended", JSON(rollout?.ended?.iso8601)),
      ("events", .list(entries.suffix(100).map(EntryReport.json))),
      ("charted", charted.map { .int(Int($0.milliseconds)) } ?? .null), ("history", .raw(history)),
    ])
  }

  private var brake: JSON {
    guard let brake = report.brake else { return .null }
    return .table([
      ("since", .text(brake.time.iso8601)), ("actor", .text(brake.actor)),
      ("reason", JSON(brake.reason)),
    ])
  }

  /// The rollouts as a JSON array in the order given.
  ///
  /// `report` returns the file of a rollout's report; nil: it has none.
  static func history(_ rollouts: [Rollout], report: (Int) -> String?) -> String {
    JSON.list(
      rollouts.map { rollout in
        .table(RolloutReport.fields(rollout) + [("report", JSON(report(rollout.number)))])
      }
    ).line
  }
}
