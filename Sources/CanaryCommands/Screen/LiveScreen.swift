internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// One service on one screen; the same values always give the same lines.
struct LiveScreen {
  /// The requests of both pools over the last minute, or since the rollout started.
  struct Traffic {
    var canary = PoolCounts()
    var stable = PoolCounts()
    var seconds = 60.0
  }

  let report: StatusReport
  let traffic: Traffic
  /// The newest rollout's entries, oldest first.
  let entries: [Entry]
  /// The result of the last key.
  let message: String?
  let isAsking: Bool
  let isPromote: Bool

  private var state: ServiceState { report.state }
  private var rollout: Rollout? { state.rollout }

  func lines(width: Int, height: Int, hasColour: Bool) -> [String] {
    let line = { ScreenLine(width, hasColour: hasColour) }
    let head = [title(line())] + sentence(line) + alarms(line)
    let stages = stages(line)
    let checks = checks(line)
    let pools = pools(line)
    let foot = [footer(line())]
    // On a small screen the oldest events go first, then the empty lines.
    var body = [head, stages, checks, pools].filter { !$0.isEmpty }
    var used = body.reduce(0) { $0 + $1.count } + body.count + foot.count + 1
    let isTight = used > height
    if isTight { used -= body.count }
    let events = events(line, most: height - used - 1)
    if !events.isEmpty { body.append(events) }
    if rollout == nil {
      var hint = line()
      hint.add("to begin one: canary promote \(state.service) --release VERSION", .dim)
      body.append([hint])
    }
    var lines = body.reduce(into: [ScreenLine]()) { lines, part in
      lines += part
      if !isTight { lines.append(line()) }
    }
    lines = Array(lines.prefix(height - 1))
    while lines.count < height - 1 { lines.append(line()) }
    return (lines + foot).map(\.text)
  }

  // MARK: head

  private func title(_ start: ScreenLine) -> ScreenLine {
    var line = start
    let phase = state.word.rawValue
    line.add(state.service.text, .strong)
    line.add("  ")
    line.add(phase, ink(phase))
    if let rollout {
      line.add("  \(rollout.from) → \(rollout.to)")
      if let release = rollout.release { line.add("  \(Text.sanitized(release, limit: 40))") }
      line.add("  rollout \(rollout.number)", .dim)
    }
    let clock = report.now.clockTime + " UTC"
    if line.room > clock.count + 1 {
      line.tab(line.used + line.room - clock.count)
      line.add(clock, .dim)
    }
    return line
  }

  private func ink(_ phase: String) -> ScreenLine.Ink {
    switch phase {
    case "promoted": .good
    case "reverting", "reverted": .bad
    case "paused", "awaiting_approval": .strong
    case "starting", "soaking": .canary
    default: .plain
    }
  }

  /// Up to three lines: the reason of a revert is what the screen is read for.
  private func sentence(_ line: () -> ScreenLine) -> [ScreenLine] {
    let text = Text.sanitized(Wording.sentence(state), limit: 400)
    return TerminalText.wrap(text, to: line().room, most: 3).map { part in
      var line = line()
      line.add(part)
      return line
    }
  }

  /// What you must not overlook.
  private func alarms(_ line: @escaping () -> ScreenLine) -> [ScreenLine] {
    var texts: [String] = []
    if let brake = report.brake {
      texts.append(
        "BRAKE on since \(brake.time.clockTime) (\(brake.actor)): \(brake.reason ?? "no reason given")"
      )
    }
    if let freeze = state.freeze(at: report.now) { texts.append(freeze.words) }
    if state.running != nil, let driver = report.driver, !driver.alive {
      texts.append("its driver (pid \(driver.pid)) died; go on with: canary controller")
    }
    if state.word == .awaitingApproval {
      texts.append(
        "let it go on: canary approve \(state.service) · send it back: canary reject \(state.service)"
      )
    }
    return texts.map { text in
      var line = line()
      line.add(" ! ", .alarm)
      line.add(" " + Text.sanitized(text, limit: 400))
      return line
    }
  }

  // MARK: the plan as a line of stages

  private func stages(_ line: @escaping () -> ScreenLine) -> [ScreenLine] {
    guard let rollout, !rollout.plan.stages.isEmpty else { return [] }
    let stages = rollout.plan.stages
    let now = rollout.stage
    let passed = rollout.passedStages
    let isBack = Wording.reason(rollout) != nil
    var bar = line()
    var labels = line()
    let cells = max(4, min(39, (bar.room + 1) / stages.count - 1))
    for (index, stage) in stages.enumerated() {
      let start = index * (cells + 1)
      guard start + cells <= bar.room + bar.used else { break }
      labels.tab(start)
      bar.tab(start)
      let isNow = index == now
      let isBroken = isBack && index == passed
      let mark = index < passed ? "✓ " : isBroken ? "✗ " : ""
      labels.add(
        TerminalText.cut("\(mark)\(stage.weight)%\(isNow ? " \(left)" : "")", to: cells),
        isNow ? .canary : isBroken ? .bad : index < passed ? .plain : .dim)
      let soaked = stage.soak > .zero ? min(1, report.elapsed.seconds / stage.soak.seconds) : 1
      let share = isNow ? soaked : index < passed ? 1 : 0
      let full = min(cells, Int(share * Double(cells)))
      bar.add(String(repeating: "━", count: full), .canary)
      bar.add(String(repeating: "┄", count: cells - full), .dim)
    }
    var weight = line()
    weight.add("canary \(report.lastWeight)%", .canary)
    weight.add(" of the requests on \(rollout.to), ")
    weight.add(
      "stable \(ValueFormat.decimal(100 - report.lastWeight.percent, places: 2))%", .stable)
    weight.add(" on \(rollout.from)")
    return [labels, bar, weight]
  }

  private var left: String {
    guard let rollout, let index = rollout.stage else { return "" }
    switch rollout.phase {
    case .paused: return "paused"
    case .soaking(let soak):
      let left = rollout.plan.stages[index].soak - report.elapsed
      if soak.advanced || left <= .zero { return "soaked" }
      return "\(Span(milliseconds: (left.milliseconds + 999) / 1000 * 1000)) left"
    case .starting, .applying, .finishing, .reverting, .promoted, .reverted: return "…"
    }
  }

  // MARK: checks

  private func checks(_ line: @escaping () -> ScreenLine) -> [ScreenLine] {
    guard let rollout, !rollout.checks.isEmpty else { return [] }
    let name = min(20, max(6, rollout.checks.map { TerminalText.count($0.name.text) }.max() ?? 6))
    let bounds = rollout.checks.map { state in
      rollout.rule(state.name).map(CheckWords.bound) ?? ""
    }
    let bound = min(22, max(5, bounds.map(TerminalText.count).max() ?? 5))
    var head = line()
    head.add(
      "  \(TerminalText.column("check", name))  \(TerminalText.column("now", 10, isRight: true))  ",
      .dim)
    head.add("\(TerminalText.column("bound", bound))  last minutes", .dim)
    let spark = min(LiveSnapshot.most, head.room + 12)
    return [head]
      + zip(rollout.checks, bounds).map { state, words in
        var row = line()
        row.add(Wording.mark(state.verdict), Self.ink(state.verdict))
        let value = CheckWords.value(state, rollout.rule(state.name))
        row.add(" \(TerminalText.column(state.name.text, name))  ")
        row.add(TerminalText.column(value, 10, isRight: true), Self.ink(state.verdict))
        row.add("  \(TerminalText.column(words, bound))  ")
        if state.verdict == .fail || state.verdict == .error || report.recent[state.name] == nil {
          row.add(Text.sanitized(state.detail, limit: 200), state.verdict == .fail ? .bad : .plain)
        } else {
          row.add(
            Sparkline.text(
              (report.recent[state.name] ?? []).map(\.value),
              bound: rollout.rule(state.name)?.condition.max,
              cells: spark), .canary)
          row.tab(head.used - 12 + spark + 2)
          if row.room > 20 { row.add(Text.sanitized(state.detail, limit: 200), .dim) }
        }
        if state.advisory { row.add(" advisory", .dim) }
        return row
      }
  }

  private static func ink(_ verdict: Verdict) -> ScreenLine.Ink {
    switch verdict {
    case .pass: .good
    case .pending, .inconclusive: .plain
    case .error: .strong
    case .fail: .bad
    }
  }

  // MARK: stable beside canary

  private func pools(_ line: @escaping () -> ScreenLine) -> [ScreenLine] {
    guard let rollout, state.running != nil else { return [] }
    var head = line()
    head.add(TerminalText.column("last minute", 22), .dim)
    for title in ["requests/s", "errors", "p50", "p99"] {
      head.add(TerminalText.column(title, 11, isRight: true), .dim)
    }
    let row = {
      (role: String, pool: PoolName, counts: PoolCounts, ink: ScreenLine.Ink) -> ScreenLine in
      var line = line()
      line.add(TerminalText.column("\(role) \(pool)", 22), ink)
      let rate = Double(counts.requests) / traffic.seconds
      line.add(TerminalText.column(ValueFormat.decimal(rate, places: 1), 11, isRight: true))
      guard counts.requests > 0 else {
        line.add("  no requests", .dim)
        return line
      }
      let failed = Double(counts.failures) / Double(counts.requests) * 100
      line.add(
        TerminalText.column(ValueFormat.decimal(failed, places: 2) + "%", 11, isRight: true),
        counts.failures > 0 ? .strong : .plain)
      for q in [0.5, 0.99] {
        let late =
          counts.latency.quantile(q).map { ValueFormat(.metric(.latencyP99)).text($0) } ?? "–"
        line.add(TerminalText.column(late, 11, isRight: true))
      }
      return line
    }
    return [
      head, row("canary", rollout.to, traffic.canary, .canary),
      row("stable", rollout.from, traffic.stable, .stable),
    ]
  }

  // MARK: foot

  private func events(_ line: @escaping () -> ScreenLine, most: Int) -> [ScreenLine] {
    guard most > 0 else { return [] }
    return entries.suffix(most).map { entry in
      var row = line()
      row.add("\(entry.time.clockTime)  ", .dim)
      row.add(
        entry.event.rawValue.padded(to: 12),
        [.reverting, .reverted].contains(entry.event) ? .bad : .plain)
      row.add((entry.weight.map { "\($0)%" } ?? "").padded(to: 6))
      row.add(Text.sanitized(entry.detail ?? "", limit: 400))
      if entry.actor != .canary {
        row.add("  [\(Text.sanitized(entry.actor.description, limit: 60))]", .dim)
      }
      return row
    }
  }

  private func footer(_ start: ScreenLine) -> ScreenLine {
    var line = start
    if isAsking {
      line.add(" send all traffic back to \(rollout?.from ?? state.stable) now? y/n ", .alarm)
      return line
    }
    var keys: [(String, String)] = []
    switch state.running?.phase {
    case .soaking?: keys = [("p", "pause"), ("a", "advance"), ("x", "revert")]
    case .paused?: keys = [("r", "resume"), ("a", "advance"), ("x", "revert")]
    case .some: keys = [("x", "revert")]
    case nil:
      if case .promoted(let until)? = rollout?.phase, until > report.now {
        keys = [("x", "revert")]
      }
    }
    keys.append(("q", isPromote && state.running != nil ? "leave it running" : "quit"))
    for (key, word) in keys {
      line.add(key, .strong)
      line.add(" \(word)   ")
    }
    if let message { line.add(Text.sanitized(message, limit: 300)) }
    return line
  }
}
