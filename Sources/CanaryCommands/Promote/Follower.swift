internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// Prints one rollout as it proceeds, from what is saved: the output is the same whichever process
/// drives it.
struct Follower {
  /// How a rollout is told.
  enum Manner {
    /// A line for what a person would ask about.
    case log
    /// A line for every entry of the history.
    case verbose
    /// An object for every entry.
    case json
  }

  let world: World
  let service: Service
  let number: Int
  let manner: Manner
  private(set) var log: PipelineLog
  private var server: BuildServer
  /// How many entries have been printed, where each has a line of its own.
  private var printed = 0
  private var lastProgress: Instant

  init(world: World, service: Service, number: Int, manner: Manner) {
    self.world = world
    self.service = service
    self.number = number
    self.manner = manner
    log = PipelineLog(service: service.name, zone: ThisProcess.zone)
    server = BuildServer(ThisProcess.environment, service: service.name)
    lastProgress = world.clock.now()
  }

  /// Prints what is new; returns the rollout once it is over and every entry is printed, otherwise
  /// nil.
  mutating func look() async -> RolloutRecord? {
    // By its number: when it is over, another may have begun already.
    guard
      let record = (try? await world.history.record(service.name, rollout: number)) ?? nil
    else { return nil }
    let isOver = record.rollout.phase.isOver
    switch manner {
    case .json:
      for entry in record.entries.dropFirst(printed) {
        let line = EntryReport.event(entry, service: service.name).line
        world.output.out(BuildServer.isGitHub ? BuildServer.inertJSON(line) : line)
      }
    case .verbose:
      for entry in record.entries.dropFirst(printed) { tell(entry, record.rollout) }
      if !isOver { await progress() }
    case .log: await tell(record)
    }
    printed = record.entries.count
    return isOver ? record : nil
  }

  /// Prints the lines of the log that are new.
  private mutating func tell(_ record: RolloutRecord) async {
    var seen = PipelineLog.Seen(record, nil, now: world.clock.now())
    if let state = await state() {
      seen.state = LiveSnapshotFile.read(service.name, in: world.config.run)?.over(state) ?? state
    }
    seen.calendar = world.live.calendar(of: service.name)
    if log.wantsCounts(record, at: seen.now) {
      let began = record.rollout.started.second
      seen.slices = (try? await world.logs.slices(service.name, since: began).slices) ?? []
    }
    say(log.look(seen))
  }

  /// The saved state while this rollout runs.
  private func state() async -> ServiceState? {
    let state = (try? await world.states.load(service.name)?.value) ?? nil
    return state?.running?.number == number ? state : nil
  }

  /// Prints an entry with its history's words, and the lines that belong to it.
  private func tell(_ entry: Entry, _ rollout: Rollout) {
    let below = entry.event == .preflight ? rollout.preflightWords : []
    for line in [EntryReport.line(entry)] + below { write(line) }
  }

  /// Prints a line about progress, every 30 s.
  private mutating func progress() async {
    let now = world.clock.now()
    guard now - lastProgress > .seconds(30), let state = await state() else { return }
    lastProgress = now
    write("\(ThisProcess.zone.clock(now))  \(Wording.live(state))")
  }

  /// Prints a warning from before the first stage.
  mutating func warn(_ text: String, _ end: String) {
    if let item = log.warn(text, end, at: world.clock.now()) { say([item]) }
  }

  /// Prints lines of the log, with the marks of the build server.
  mutating func say(_ items: [PipelineLog.Item]) {
    guard manner != .json else { return }
    let now = world.clock.now()
    for item in items {
      for line in server.lines(item, at: now) {
        switch line {
        case .text(let text): write(text)
        case .mark(let mark): world.output.mark(mark)
        }
      }
    }
  }

  private func write(_ line: String) { world.output.progress(line) }
}
