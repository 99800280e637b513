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

  /// What a key asks before it acts.
  enum Question: Sendable {
    case advance, revert
    /// Ctrl-C.
    case interrupt
  }

  let report: StatusReport
  let traffic: Traffic
  /// The newest rollout's entries, oldest first.
  let entries: [Entry]
  /// The result of the last key.
  let message: String?
  let question: Question?
  let isPromote: Bool

  var state: ServiceState { report.state }
  var rollout: Rollout? { state.rollout }

  func lines(width: Int, height: Int, hasColour: Bool) -> [String] {
    let line = { ScreenLine(width, hasColour: hasColour) }
    let head = [title(line())] + headline(line) + alarms(line)
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
    line.add(state.service.text, .strong)
    if let rollout {
      line.add("  \(state.named(rollout.from)) → \(state.named(rollout.to))")
      line.add("  rollout \(rollout.number) by \(rollout.actor)", .dim)
    } else {
      line.add("  \(report.pools.joined(separator: ", "))")
    }
    let clock = report.now.clockTime + " UTC"
    if line.room > clock.count + 1 {
      line.tab(line.used + line.room - clock.count)
      line.add(clock, .dim)
    }
    return line
  }

  /// Up to three lines: what was decided is what the screen is read for.
  private func headline(_ line: () -> ScreenLine) -> [ScreenLine] {
    let headline = report.headline
    let acts = headline.acts.map(Self.key).joined(separator: " · ")
    let text = [headline.text(at: report.now), acts].filter { !$0.isEmpty }.joined(separator: " · ")
    let indent = headline.word.count + 3
    var lines: [ScreenLine] = []
    for part in TerminalText.wrap(text, to: max(20, line().room - indent), most: 4) {
      var line = line()
      if lines.isEmpty {
        line.add(" \(headline.word) ", Self.ink(headline.tone))
        line.add(" ")
      } else {
        line.tab(indent)
      }
      line.add(part)
      lines.append(line)
    }
    return lines
  }

  static func ink(_ tone: Headline.Tone) -> ScreenLine.Ink {
    switch tone {
    case .bad: .alarm
    case .warning: .warning
    case .busy, .calm: .strong
    }
  }

  /// The key, or the command, of what can be done.
  private static func key(_ act: Headline.Act) -> String {
    switch act {
    case .approve: "A approve"
    case .reject: "R reject"
    case .revert: "go back: x"
    case .resume: "go on: r"
    case .drive: "go on: canary controller"
    }
  }

  /// What you must not overlook beside the headline.
  private func alarms(_ line: @escaping () -> ScreenLine) -> [ScreenLine] {
    guard state.running != nil, let freeze = state.freeze(at: report.now) else { return [] }
    var line = line()
    line.add(" ! ", .warning)
    line.add(" " + Text.sanitized(freeze.words, limit: 400))
    return [line]
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
        isNow ? .strong : isBroken ? .bad : index < passed ? .plain : .dim)
      let soaked = stage.soak > .zero ? min(1, report.elapsed.seconds / stage.soak.seconds) : 1
      let share = isNow ? soaked : index < passed ? 1 : 0
      let full = min(cells, Int(share * Double(cells)))
      bar.add(String(repeating: "━", count: full), .strong)
      bar.add(String(repeating: "┄", count: cells - full), .dim)
    }
    return [labels, bar] + shares(rollout, line)
  }

  /// Who gets what, when it is done, and who drives.
  private func shares(_ rollout: Rollout, _ line: @escaping () -> ScreenLine) -> [ScreenLine] {
    let stable = ValueFormat.decimal(100 - report.lastWeight.percent, places: 2)
    var pools = line()
    pools.add("canary \(report.lastWeight)%", .canary)
    pools.add(" on \(state.named(rollout.to)) · ")
    pools.add("stable \(stable)%", .stable)
    pools.add(" on \(state.named(rollout.from))")
    guard state.running != nil else { return [] }
    let rest = [
      report.done.map { "done at \($0.clockTime) at the earliest" },
      report.driver?.alive == true ? report.driverWords : nil,
    ].compactMap(\.self)
    guard !rest.isEmpty else { return [pools] }
    var second = line()
    second.add(rest.joined(separator: " · "), .dim)
    return [pools, second]
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

  // MARK: stable beside canary

  private func pools(_ line: @escaping () -> ScreenLine) -> [ScreenLine] {
    guard let rollout, state.running != nil else { return [] }
    var head = line()
    head.add(TerminalText.column("last minute", 28), .dim)
    for title in ["requests/s", "errors", "p50", "p99"] {
      head.add(TerminalText.column(title, 11, isRight: true), .dim)
    }
    let row = {
      (role: String, pool: PoolName, counts: PoolCounts, ink: ScreenLine.Ink) -> ScreenLine in
      var line = line()
      line.add(TerminalText.column("\(role) \(state.named(pool))", 28), ink)
      let rate = Double(counts.requests) / traffic.seconds
      line.add(TerminalText.column(ValueFormat.decimal(rate, places: 1), 11, isRight: true))
      guard counts.requests > 0 else {
        line.add("  no requests", .dim)
        return line
      }
      let failed = Double(counts.failures) / Double(counts.requests) * 100
      line.add(
        TerminalText.column(ValueFormat.decimal(failed, places: 2) + "%", 11, isRight: true),
        counts.failures > 0 ? .warning : .plain)
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
    // What each check says stands above.
    let news = entries.filter { $0.event != .verdict }
    return news.suffix(most).map { entry in
      var row = line()
      row.add("\(entry.time.clockTime)  ", .dim)
      row.add(
        entry.event.rawValue.padded(to: 18),
        [.reverting, .reverted].contains(entry.event) ? .strong : .plain)
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
    if let question {
      let back = state.named(rollout?.from ?? state.stable)
      let words =
        switch question {
        case .advance: "cut the soak of this stage short? Its checks still gate. y/n"
        case .revert: "send all traffic back to \(back) now? y/n"
        case .interrupt: "Ctrl-C again or y: send all traffic back to \(back) · q: leave it running"
        }
      line.add(" \(words) ", question == .advance ? .warning : .alarm)
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
    if state.running?.awaitedApproval != nil {
      keys = [("A", "approve"), ("R", "reject")] + keys
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
