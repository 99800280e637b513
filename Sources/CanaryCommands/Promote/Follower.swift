internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// Prints one rollout as it proceeds, from what is saved: the output is the same whichever process
/// drives it.
struct Follower {
  let world: World
  let service: Service
  let number: Int
  let asJSON: Bool
  /// How many entries have been printed.
  private var printed = 0
  private var lastProgress: Instant

  init(world: World, service: Service, number: Int, asJSON: Bool) {
    self.world = world
    self.service = service
    self.number = number
    self.asJSON = asJSON
    lastProgress = world.clock.now()
  }

  /// Prints what is new; returns the rollout once it is over and every entry is printed, otherwise
  /// nil.
  mutating func look() async -> Rollout? {
    // By its number: when it is over, another may have begun already.
    guard
      let record = (try? await world.history.record(service.name, rollout: number)) ?? nil
    else { return nil }
    for entry in record.entries.dropFirst(printed) {
      tell(entry, entry.event == .preflight ? record.rollout.preflightWords : [])
    }
    printed = record.entries.count
    if record.rollout.phase.isOver {
      return record.rollout
    }
    if !asJSON, let state = try? await world.states.load(service.name)?.value,
      state.rollout?.number == number
    {
      progress(state)
    }
    return nil
  }

  /// Prints an entry; `below` are lines that belong to it.
  private func tell(_ entry: Entry, _ below: [String]) {
    if asJSON {
      world.output.out(EntryReport.event(entry, service: service.name).line)
      return
    }
    let text = ([EntryReport.line(entry)] + below).joined(separator: "\n")
    if world.output.outIsTerminal { world.output.out(text) } else { world.output.err(text) }
  }

  /// Prints a line about progress, every 30 s.
  private mutating func progress(_ state: ServiceState) {
    let now = world.clock.now()
    guard now - lastProgress > .seconds(30) else { return }
    lastProgress = now
    let line = "\(now.clockTime)  \(Wording.live(state))"
    if world.output.outIsTerminal { world.output.out(line) } else { world.output.err(line) }
  }
}
