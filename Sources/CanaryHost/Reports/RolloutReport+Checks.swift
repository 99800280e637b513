package import CanaryCore

/// The checks of a rollout: each in each stage, and what happened beside them.
extension RolloutReport {
  package struct CheckRow {
    package let stage: Int
    package let weight: Weight
    package let name: CheckName
    package let rule: String
    package let verdict: Verdict
    package let detail: String
    package let measurements: Int
    package let advisory: Bool
  }

  /// Each check of each stage with its last verdict.
  package var checkRows: [CheckRow] {
    checks.compactMap { record in
      guard let check = rollout.check(record) else { return nil }
      let last = record.rows.last.map { Judge.fold($0.grounds, check, $0.measurement) }
      guard let state = record.end ?? last else { return nil }
      return CheckRow(
        stage: record.stage, weight: rollout.plan.stages[record.stage].weight, name: record.name,
        rule: CheckWords.text(check), verdict: state.verdict, detail: state.detail,
        measurements: state.measurements, advisory: check.advisory)
    }
  }

  /// A check with its last word in each stage; nil: it was not measured there.
  struct MatrixRow {
    let name: CheckName
    let rule: String
    let cells: [CheckRow?]
  }

  /// The stages in which a check was measured, and the checks by them.
  var matrix: (stages: [(index: Int, weight: Weight)], rows: [MatrixRow]) {
    let rows = checkRows
    let stages = Set(rows.map(\.stage)).sorted()
    var names: [CheckName] = []
    for row in rows where !names.contains(row.name) { names.append(row.name) }
    return (
      stages.map { ($0, rollout.plan.stages[$0].weight) },
      names.map { name in
        let own = rows.filter { $0.name == name }
        return MatrixRow(
          name: name, rule: own.last?.rule ?? "",
          cells: stages.map { stage in own.first { $0.stage == stage } })
      }
    )
  }

  /// What is left to explain beside the matrix: each check that did not pass, by stage.
  var troubles: [(place: String, text: String)] {
    checkRows.filter { $0.verdict != .pass }.map {
      (
        "stage \($0.stage + 1) (\($0.weight)%), \($0.name)",
        "\($0.verdict.rawValue)\($0.advisory ? " (advisory)" : ""): \($0.detail)"
      )
    }
  }

  /// What happened but for the changes of verdicts, and how many of those there were.
  var news: (entries: [Entry], verdicts: Int) {
    let news = entries.filter { $0.event != .verdict }
    return (news, entries.count - news.count)
  }
}
