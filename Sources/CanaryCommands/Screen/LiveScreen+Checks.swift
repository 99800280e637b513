internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

extension LiveScreen {
  /// The widths of the table of checks, by the room that there is.
  private struct Columns {
    let name: Int
    let value: Int
    let bound: Int
    let spark: Int

    init(width: Int, names: [String], values: [String], bounds: [String]) {
      let longest = { (texts: [String]) in texts.map(TerminalText.count).max() ?? 0 }
      let most = width < 100 ? 22 : width < 160 ? 36 : 48
      name = min(most, max(6, longest(names)))
      value = min(12, max(5, longest(values)))
      bound = min(width < 100 ? 16 : 26, max(5, longest(bounds)))
      spark = max(8, min(LiveSnapshot.most, (width - name - value - bound - 8) * 3 / 5))
    }
  }

  /// One row a check: a passing one is quiet, one near or over its bound is yellow, and only one
  /// that fails is red.
  func checks(_ line: @escaping () -> ScreenLine) -> [ScreenLine] {
    guard let rollout, !rollout.checks.isEmpty, state.running != nil || isNews(rollout) else {
      return []
    }
    let rules = rollout.checks.map { rollout.rule($0.name) }
    let bounds = zip(rollout.checks, rules).map { state, rule in
      (state.advisory ? "advisory " : "") + (rule.map(CheckWords.bound) ?? "")
    }
    let values = zip(rollout.checks, rules).map { CheckWords.value($0, $1) }
    let columns = Columns(
      width: line().room, names: rollout.checks.map(\.name.text), values: values, bounds: bounds)
    let soak = rollout.stage.map { rollout.plan.stages[$0].soak } ?? .zero
    let span = LiveSnapshot.step(soak: soak) * Int64(columns.spark)
    var head = line()
    head.add("  \(TerminalText.column("check", columns.name))  ", .dim)
    head.add(TerminalText.column("now", columns.value, isRight: true) + "  ", .dim)
    head.add(TerminalText.column("bound", columns.bound) + "  ", .dim)
    if state.running != nil { head.add("last \(span)", .dim) }
    return [head]
      + rollout.checks.indices.map { index in
        row(
          line(), rollout.checks[index], rules[index], (values[index], bounds[index]), columns,
          soak: soak)
      }
  }

  /// Whether the checks still say why it ended.
  private func isNews(_ rollout: Rollout) -> Bool {
    rollout.checks.contains { $0.verdict == .fail && !$0.advisory }
  }

  private func row(
    _ start: ScreenLine, _ check: CheckState, _ rule: Check?, _ words: (String, String),
    _ columns: Columns, soak: Span
  ) -> ScreenLine {
    var row = start
    let ink = Self.ink(check, rule)
    row.add(Wording.mark(check.verdict), ink)
    row.add(" \(TerminalText.column(check.name.text, columns.name))  ", ink == .bad ? .bad : .plain)
    row.add(TerminalText.column(words.0, columns.value, isRight: true), ink)
    row.add("  \(TerminalText.column(words.1, columns.bound))  ", check.advisory ? .dim : .plain)
    if let rule, state.running != nil {
      add(
        CheckColumns(
          report.recent[check.name] ?? [], rule, soak: soak, now: report.now, count: columns.spark),
        of: check, to: &row)
      row.add("  ")
    }
    let isQuiet = ink == .plain
    // A passing check says nothing that its value does not say.
    if !isQuiet || row.room > 24 {
      row.add(Text.sanitized(check.detail, limit: 200), isQuiet ? .dim : .plain)
    }
    return row
  }

  /// The colour of a check: by its value against its bound, and red only when it fails.
  private static func ink(_ check: CheckState, _ rule: Check?) -> ScreenLine.Ink {
    switch check.verdict {
    case .fail: return check.advisory ? .warning : .bad
    case .error: return .warning
    case .pass, .pending, .inconclusive:
      let isBroken = check.brokenSince != nil
      let level = CheckColumns.level(check.value, rule?.condition)
      return isBroken || level != .quiet ? .warning : .plain
    }
  }

  /// Adds the columns in runs of one colour.
  private func add(_ columns: CheckColumns, of check: CheckState, to row: inout ScreenLine) {
    var run = ""
    var ink = ScreenLine.Ink.dim
    for (character, level) in Sparkline.cells(columns) {
      let next: ScreenLine.Ink =
        switch level {
        case .quiet: .dim
        case .near: .warning
        // A probe that failed did fail; a value over its bound fails once the check does.
        case .over: columns.isYesOrNo || check.verdict == .fail ? .bad : .warning
        }
      if next != ink {
        row.add(run, ink)
        run = ""
        ink = next
      }
      run.append(character)
    }
    row.add(run, ink)
  }
}
