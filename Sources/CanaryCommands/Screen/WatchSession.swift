internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost
internal import Glibc

/// `status --watch` on a terminal: one service in full, or several with a line each.
struct WatchSession {
  let world: World
  let services: [Service]
  let terminal: Terminal

  func run() async throws(Failure) -> ExitCode {
    let signals = await Signals.stream([SIGINT, SIGTERM, SIGHUP])
    let looking = Task {
      services.count == 1 ? await one(services[0]) : await all()
    }
    let stopping = Task {
      for await _ in signals {
        looking.cancel()
        return
      }
    }
    await looking.value
    stopping.cancel()
    return .done
  }

  private func one(_ service: Service) async {
    let view = LiveView(world, service, terminal, isPromote: false)
    await view.begin()
    while !Task.isCancelled, await !view.look() {
      await world.clock.sleep(until: world.clock.now() + .seconds(0.5))
    }
    await view.end()
  }

  /// Draws the list each second, until q or the task is cancelled.
  private func all() async {
    terminal.begin()
    let reading = Task { [terminal] in
      for await key in terminal.keys() where key == "q" { return }
    }
    let hasColour = (ThisProcess.environment["NO_COLOR"] ?? "").isEmpty
    let looking = Task {
      var drawn: [String]?
      var size = (columns: 0, rows: 0)
      while !Task.isCancelled {
        Watchers.watch(in: world.config.run)
        var reports: [StatusReport] = []
        for service in services {
          if let report = try? await StatusReport(world, service, looksAtNginx: false) {
            reports.append(report)
          }
        }
        let now = terminal.size
        if now != size { drawn = nil }
        size = now
        let lines = ListScreen(reports: reports).lines(
          width: now.columns, height: now.rows, hasColour: hasColour)
        terminal.draw(lines, before: drawn)
        drawn = lines
        await world.clock.sleep(until: world.clock.now() + .seconds(1))
      }
    }
    await withTaskCancellationHandler {
      await reading.value
    } onCancel: {
      reading.cancel()
    }
    looking.cancel()
    await looking.value
    terminal.end()
  }
}

/// All services on one screen: who needs a person comes first, then what is under way.
struct ListScreen {
  let reports: [StatusReport]

  func lines(width: Int, height: Int, hasColour: Bool) -> [String] {
    let sorted = reports.map { ($0, $0.headline) }
      .enumerated().sorted {
        ($0.element.1.rank, $0.offset) < ($1.element.1.rank, $1.offset)
      }.map(\.element)
    let name = min(
      width < 100 ? 20 : 40,
      max(7, sorted.map { TerminalText.count($0.0.service.name.text) }.max() ?? 7))
    let word = 15
    var head = ScreenLine(width, hasColour: hasColour)
    head.add(
      "\(TerminalText.column("service", name))  \(TerminalText.column("", word))  \(TerminalText.column("canary", 7, isRight: true))  what is going on",
      .dim)
    var lines = [head.text]
    // One line is kept for the keys, and one for how many services are not shown.
    for (report, headline) in sorted.prefix(max(1, height - 3)) {
      var line = ScreenLine(width, hasColour: hasColour)
      let isRunning = report.state.running != nil
      line.add(TerminalText.column(report.service.name.text, name), isRunning ? .strong : .plain)
      line.add("  ")
      line.add(
        TerminalText.column(headline.word, word),
        headline.tone == .calm ? .plain : LiveScreen.ink(headline.tone))
      line.add("  " + TerminalText.column("\(report.lastWeight)%", 7, isRight: true) + "  ")
      let done = report.done.map { " · done at \($0.clockTime) at the earliest" } ?? ""
      line.add(headline.text(at: report.now) + done)
      lines.append(line.text)
    }
    let hidden = sorted.count - max(1, height - 3)
    if hidden > 0 { lines.append("and \(hidden) more; see one: canary status SERVICE --watch") }
    while lines.count < height - 1 { lines.append("") }
    var foot = ScreenLine(width, hasColour: hasColour)
    foot.add("q", .strong)
    foot.add(" quit")
    return Array(lines.prefix(height - 1)) + [foot.text]
  }
}
