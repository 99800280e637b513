internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// Shows one rollout as it goes, from what is saved: whoever drives it, what is printed is the same.
struct Follower {
  let world: World
  let service: Service
  let number: Int
  let asJSON: Bool
  private var printed = 0
  private var lastProgress: Instant

  init(world: World, service: Service, number: Int, asJSON: Bool) {
    self.world = world
    self.service = service
    self.number = number
    self.asJSON = asJSON
    lastProgress = world.clock.now()
  }

  /// Prints what is new; returns the rollout once it is over and all of it has been told.
  mutating func look() async -> Rollout? {
    guard let record = try? await world.store.history(service.name, limit: 1).first,
      record.rollout.number == number
    else { return nil }
    for entry in record.entries.dropFirst(printed) {
      tell(entry, entry.event == "preflight" ? record.rollout.preflightWords : [])
    }
    printed = record.entries.count
    if record.rollout.phase.isOver {
      return record.rollout
    }
    if !asJSON, let state = try? await world.store.load(service.name)?.value { progress(state) }
    return nil
  }

  /// `below` are lines that belong to the entry.
  private func tell(_ entry: Entry, _ below: [String]) {
    if asJSON {
      world.output.out(EntryReport.event(entry, service: service.name).line)
      return
    }
    let text = ([EntryReport.line(entry)] + below).joined(separator: "\n")
    if world.output.outIsTerminal { world.output.out(text) } else { world.output.err(text) }
  }

  private mutating func progress(_ state: ServiceState) {
    let now = world.clock.now()
    guard now - lastProgress > .seconds(30) else { return }
    lastProgress = now
    let line = "\(now.clockTime)  \(Wording.live(state))"
    if world.output.outIsTerminal { world.output.out(line) } else { world.output.err(line) }
  }
}

/// An entry of the history, for people and for programs.
enum EntryReport {
  /// One object a line, as `promote --json` prints them.
  static func event(_ entry: Entry, service: Name) -> JSON {
    .table(
      [
        ("time", .text(entry.time.iso8601)), ("event", .text(entry.event)),
        ("service", .text(service.text)),
      ]
        + rest(entry) + [("rollout", .int(entry.rollout))])
  }

  static func json(_ entry: Entry) -> JSON {
    .table([("time", .text(entry.time.iso8601)), ("event", .text(entry.event))] + rest(entry))
  }

  private static func rest(_ entry: Entry) -> [(String, JSON)] {
    [
      ("weight", entry.weight.map { .number($0.percent) } ?? .null),
      ("actor", .text(entry.actor.description)), ("detail", JSON(entry.detail)),
    ]
  }

  static func line(_ entry: Entry) -> String {
    let weight = entry.weight.map { "\($0)%" } ?? ""
    return
      "\(entry.time.clockTime)  \(entry.event.padded(to: 12))\(weight.padded(to: 7))\(Text.shown(entry.detail ?? "", limit: 400))"
      + (entry.actor == .canary ? "" : "  [\(entry.actor)]")
  }
}
