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

  /// One row of the page's list of services.
  ///
  /// It changes only when something happens, so that the file rarely does; the browser counts the
  /// passing time.
  var summary: JSON {
    let rollout = state.rollout
    return .table([
      ("service", .text(state.service.text)), ("phase", .text(state.word.rawValue)),
      ("stable", .text(state.named(state.stable))),
      ("canary", JSON((state.running?.to).map(state.named))), ("headline", report.headline.json),
      ("rank", .int(report.headline.rank)), ("tone", .text("\(report.headline.tone)")),
      ("weight", .number(report.lastWeight.percent)),
      ("rollout", rollout.map { .int($0.number) } ?? .null), ("stage", steadyStage),
      ("frozen", .bool(state.freeze(at: report.now) != nil)),
      ("ended", .bool(rollout?.phase.isOver ?? true)),
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
    return .table([
      ("at", .text(report.now.iso8601)), ("status", report.json), ("stage", stage),
      ("headline", report.headline.json), ("tone", .text("\(report.headline.tone)")),
      ("from", JSON((rollout?.from).map(state.named))),
      ("to", JSON((rollout?.to).map(state.named))),
      ("done", JSON(report.done?.rounded.iso8601)), ("controlled", .bool(report.hasController)),
      (
        "plan",
        .list(
          (rollout?.plan.stages ?? []).map {
            .table([("weight", .number($0.weight.percent)), ("soak", .number($0.soak.seconds))])
          })
      ),
      ("passed", .int(rollout?.passedStages ?? 0)),
      ("checks", .list((rollout?.checks ?? []).map { check($0, rollout) })),
      ("step", .number(LiveSnapshot.step(soak: soak).seconds)),
      ("actor", JSON(rollout?.actor.description)), ("started", JSON(rollout?.started.iso8601)),
      ("ended", JSON(rollout?.ended?.iso8601)),
      ("events", .list(entries.suffix(100).map(EntryReport.json))),
      ("charted", charted.map { .int(Int($0.milliseconds)) } ?? .null), ("history", .raw(history)),
    ])
  }

  private var soak: Span {
    state.rollout?.stage.flatMap { state.rollout?.plan.stages[$0].soak } ?? .zero
  }

  /// A check with its columns: what was measured in each (nil: nothing), and how near its bound.
  private func check(_ state: CheckState, _ rollout: Rollout?) -> JSON {
    let rule = rollout?.rule(state.name)
    let columns = rule.map {
      CheckColumns(
        report.recent[state.name] ?? [], $0, soak: soak, now: report.now, count: LiveSnapshot.most)
    }
    let isBroken = state.brokenSince != nil
    let level = isBroken ? .over : CheckColumns.level(state.value, rule?.condition)
    return .table([
      ("name", .text(state.name.text)), ("verdict", .text(state.verdict.rawValue)),
      ("value", .text(CheckWords.value(state, rule))),
      ("bound", .text(rule.map(CheckWords.bound) ?? "")),
      ("limit", rule?.condition.max.map(JSON.number) ?? .null), ("level", .text(level.rawValue)),
      ("rule", .text(rule.map(CheckWords.text) ?? "")), ("detail", .text(state.detail)),
      ("advisory", .bool(state.advisory)), ("answers", .bool(columns?.isYesOrNo == true)),
      (
        "columns",
        .list(
          (columns?.cells ?? []).map { cell in
            switch cell {
            case .none: .null
            case .gap: .list([])
            case .value(let value):
              .list([.number(value), .text(columns?.level(cell).rawValue ?? "")])
            }
          })
      ),
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
