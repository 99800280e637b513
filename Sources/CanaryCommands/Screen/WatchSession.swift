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

/// All services on one screen, those with a running rollout first.
struct ListScreen {
  let reports: [StatusReport]

  func lines(width: Int, height: Int, hasColour: Bool) -> [String] {
    let sorted =
      reports.filter { $0.state.running != nil } + reports.filter { $0.state.running == nil }
    let name = min(24, max(7, sorted.map { TerminalText.count($0.service.name.text) }.max() ?? 7))
    let phase = 17
    var head = ScreenLine(width, hasColour: hasColour)
    head.add(
      "\(TerminalText.column("service", name))  \(TerminalText.column("phase", phase))  \(TerminalText.column("canary", 8, isRight: true))  what is going on",
      .dim)
    var lines = [head.text]
    // One line is kept for the keys, and one for how many services are not shown.
    for report in sorted.prefix(max(1, height - 3)) {
      var line = ScreenLine(width, hasColour: hasColour)
      let isRunning = report.state.running != nil
      line.add(TerminalText.column(report.service.name.text, name), isRunning ? .strong : .plain)
      line.add(
        "  \(TerminalText.column(report.state.word.rawValue, phase))  ",
        isRunning ? .canary : .plain)
      line.add(TerminalText.column("\(report.lastWeight)%", 8, isRight: true) + "  ")
      if report.brake != nil { line.add(" BRAKE ", .alarm) }
      if report.state.freeze(at: report.now) != nil { line.add(" frozen ", .strong) }
      line.add(Text.sanitized(Wording.sentence(report.state), limit: 400))
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
