internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// The screen of one service on a terminal, with keys.
///
/// A key runs its command in a process of its own, so that it is refused and recorded like that
/// command.
actor LiveView {
  private let world: World
  private let service: Service
  private let terminal: Terminal
  private let isPromote: Bool
  private let hasColour: Bool
  private var drawn: [String]?
  private var size: (columns: Int, rows: Int) = (0, 0)
  private var question: LiveScreen.Question?
  private var message: String?
  private var isBusy = false
  private var hasQuit = false
  private var reading: Task<Void, Never>?

  init(_ world: World, _ service: Service, _ terminal: Terminal, isPromote: Bool) {
    self.world = world
    self.service = service
    self.terminal = terminal
    self.isPromote = isPromote
    hasColour = (ThisProcess.environment["NO_COLOR"] ?? "").isEmpty
  }

  func begin() {
    Output.hold()
    terminal.begin()
    reading = Task { [terminal] in
      for await key in terminal.keys() { await press(key) }
    }
  }

  func end() {
    reading?.cancel()
    terminal.end()
    Output.release()
  }

  /// Draws the present state; true once you have pressed q.
  func look() async -> Bool {
    Watchers.watch(in: world.config.run)
    do throws(Failure) {
      let report = try await StatusReport(world, service, looksAtNginx: false)
      let record = (try? await world.history.history(service.name, limit: 1))?.first
      draw(
        LiveScreen(
          report: report, traffic: await traffic(report), entries: record?.entries ?? [],
          message: message ?? Output.lastHeld, question: question, isPromote: isPromote))
    } catch {
      message = error.text
    }
    return hasQuit
  }

  private func draw(_ screen: LiveScreen) {
    let now = terminal.size
    // After a resize, draw every line again.
    if now != size { drawn = nil }
    size = now
    let lines = screen.lines(width: now.columns, height: now.rows, hasColour: hasColour)
    terminal.draw(lines, before: drawn)
    drawn = lines
  }

  private func traffic(_ report: StatusReport) async -> LiveScreen.Traffic {
    var traffic = LiveScreen.Traffic()
    guard let rollout = report.state.running else { return traffic }
    // The last two seconds may not be saved yet.
    let to = report.now.second - 2
    let from = max(to - 59, rollout.started.second)
    let slices = (try? await world.logs.slices(service.name, since: from))?.slices ?? []
    for slice in slices where slice.second <= to {
      if slice.pool == rollout.to { traffic.canary.merge(slice.counts) }
      if slice.pool == rollout.from { traffic.stable.merge(slice.counts) }
    }
    traffic.seconds = Double(max(1, to - from + 1))
    return traffic
  }

  // MARK: keys

  private func press(_ key: Character) async {
    message = nil
    if let asked = question {
      question = nil
      answer(asked, key)
    } else {
      switch key {
      case "p": run(["pause"])
      case "r": run(["resume"])
      case "a": question = .advance
      case "x": question = .revert
      case "A": run(["approve"])
      case "R": run(["reject", "--reason", "R in the live view"])
      case "q": hasQuit = true
      default: break
      }
    }
    _ = await look()
  }

  private func answer(_ asked: LiveScreen.Question, _ key: Character) {
    switch (asked, key) {
    case (.advance, "y"), (.advance, "Y"): run(["advance"])
    case (.revert, "y"), (.revert, "Y"), (.interrupt, "y"), (.interrupt, "Y"):
      run(["revert", "--reason", "x in the live view"])
    case (.interrupt, "q"): hasQuit = true
    case (.advance, _): message = "not advanced"
    case (.revert, _), (.interrupt, _): message = "not reverted"
    }
  }

  /// Ctrl-C: asks what is meant; true when it was asked already, and this is the answer.
  func interrupt() async -> Bool {
    if question == .interrupt { return true }
    question = .interrupt
    _ = await look()
    return false
  }

  /// Leaves the screen, as `q` does.
  func quit() { hasQuit = true }

  /// Runs a command and shows its last line as the message; ignored while another runs, except for
  /// a revert.
  private func run(_ words: [String]) {
    guard !isBusy || words[0] == "revert" else { return }
    isBusy = true
    message = "\(words[0]) …"
    let line =
      [ThisProcess.program, words[0], service.name.text] + words.dropFirst()
      + ["--config", world.config.file]
    Task {
      let text = await Blocking.run {
        do throws(SpawnError) {
          let ran = try Spawn.run(line, limit: .minutes(2), keepsRights: true, inherits: .all)
          return ran.output.split(separator: "\n").last.map(String.init) ?? ""
        } catch {
          return "\(error)"
        }
      }
      message = text
      isBusy = false
    }
  }
}
