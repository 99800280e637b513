/// Reads one plan of a config.
struct PlanReader {
  private let table: TableReader
  private let name: String

  init(_ table: TableReader, name: String) {
    self.table = table
    self.name = name
  }

  /// The plan of a service that names none: 5 → 10 → 30 → 60 → 100 %, half an hour each.
  static let standard = Plan(
    name: "standard",
    stages: [(5.0, 30), (10, 30), (30, 30), (60, 30), (100, 10)].compactMap { percent, minutes in
      Weight(percent: percent).map { Stage(weight: $0, soak: .minutes(Int64(minutes))) }
    },
    checks: [
      Check(
        name: "errors", source: .metric(.errorRate), condition: Condition(max: 0.05),
        minRequests: 20),
      Check(
        name: "latency", source: .metric(.latencyP99), condition: Condition(max: 1),
        window: .seconds(30), minRequests: 20),
      Check(name: "health", source: .probe(path: "/health"), every: .seconds(5), failures: 3),
    ])

  func read() -> Plan? {
    table.refuseUnknown(known: ["stages", "checks", "ready"])
    let stages = readStages()
    let checks = table.has("checks") ? readChecks() : Self.standard.checks
    var ready = Readiness(path: Plan.probePath(of: checks))
    let readyTable = table.table("ready")
    readyTable.refuseUnknown(known: ["path", "times", "within"])
    ready.path =
      readyTable.text("path", CheckReader.pathRule, where: Address.isRequestPath) ?? ready.path
    ready.times = readyTable.int("times", in: 1...1000) ?? ready.times
    ready.within = readyTable.span("within", atLeast: .seconds(1)) ?? ready.within
    guard !stages.isEmpty else { return nil }
    return Plan(name: name, stages: stages, checks: checks, ready: ready)
  }

  private func readStages() -> [Stage] {
    guard table.has("stages") else {
      table.faultHere(
        "must have stages: [{ weight: 5, soak: \"30m\" }, … { weight: 100, soak: \"10m\" }]")
      return []
    }
    let readers = table.tables("stages")
    if table.list("stages")?.isEmpty == true {
      table.fault("stages", "must hold at least one stage")
    }
    var stages: [Stage] = []
    var previous: Weight?
    for (index, reader) in readers.enumerated() {
      reader.refuseUnknown(known: ["weight", "soak", "deadline", "on_deadline"])
      let weight = reader.read(
        "weight", "must be a percentage above 0 and at most 100, with two decimals at most"
      ) {
        node -> Weight? in
        guard case .number(let percent) = node, let weight = Weight(percent: percent),
          weight > .none
        else { return nil }
        return weight
      }
      if !reader.has("weight") { reader.faultHere("must have a weight") }
      if let weight, let previous, weight <= previous {
        reader.fault("weight", "must be above the stage before it (\(previous))")
      }
      if let weight, index == readers.count - 1, weight != .all {
        reader.fault("weight", "must be 100 in the last stage")
      }
      previous = weight ?? previous
      if !reader.has("soak") { reader.faultHere("must have a soak, such as soak: \"30m\"") }
      let soak = reader.span("soak")
      let deadline = reader.span("deadline")
      if let soak, let deadline, deadline < soak {
        reader.fault("deadline", "must not be shorter than the soak (\(soak))")
      }
      let onDeadline = reader.read("on_deadline", "must be \"revert\" or \"pause\"") {
        node -> OnDeadline? in
        if case .text(let text) = node { return OnDeadline(rawValue: text) }
        return nil
      }
      if let weight, let soak {
        stages.append(
          Stage(weight: weight, soak: soak, deadline: deadline, onDeadline: onDeadline ?? .revert))
      }
    }
    return stages
  }

  private func readChecks() -> [Check] {
    var seen: Set<Name> = []
    return table.tables("checks").compactMap { reader in
      guard let check = CheckReader(reader).read() else { return nil }
      if !seen.insert(check.name).inserted {
        reader.fault("name", "must be a name that no other check of the plan has")
        return nil
      }
      return check
    }
  }
}
