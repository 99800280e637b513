import CanaryAdapters
import CanaryCore
import TestSupport

/// One service between the steps of a transcript: the words of a step become an event, the answer becomes words.
struct TranscriptWorld {
  private static let start = Instant(milliseconds: 1_767_225_600_000)
  private var state = ServiceState(service: "chat", stable: "blue", other: "green")
  private(set) var now = Self.start
  private var plan: Plan?
  private var retain = Span.zero

  /// Those who ask for something; `guest` may approve nothing.
  private static let people = [
    "li": Person(uids: [1], users: ["li"], groups: ["sre"]),
    "wang": Person(uids: [2], users: ["wang"], groups: ["sre"]),
    "zhao": Person(uids: [3], users: ["zhao"], groups: ["sre"]),
    "guest": Person(uids: [4], users: ["guest"], groups: []),
  ]

  mutating func answer(_ step: Transcript.Block) throws -> [String] {
    do {
      if step.command[0] == "plan" { return try usePlan(step.command.dropFirst()) }
      guard step.command.count == 1 else { throw TranscriptError("only a plan has more lines") }
      var words = TranscriptWords(step.command[0])
      try setClock(words.next())
      let event = try event(&words)
      try words.end()
      let decision = decide(state, event, at: now)
      state = decision.state
      return answer(decision)
    } catch {
      throw TranscriptError("line \(step.line): \(error)")
    }
  }

  /// Reads a plan as it stands in a config.
  private mutating func usePlan(_ lines: ArraySlice<String>) throws -> [String] {
    let text = """
      { services: { chat: {
        pools: { blue: { servers: ["127.0.0.1:1"] }, green: { servers: ["127.0.0.1:2"] } },
        stable: "blue", plan: \(lines.joined(separator: "\n")) } } }
      """
    let config = try ConfigReader(file: "/canary.json5").read(
      ConfigFile.parse(text, name: "plan"))
    let plan = config.services[0].plan
    (self.plan, retain) = (plan, config.services[0].retain)
    let stages = plan.stages.map { stage in
      "\(stage.weight)% for \(stage.soak)\(stage.approval.map { " after \($0.words)" } ?? "")"
    }
    return [
      "stages: \(stages.joined(separator: ", then "))",
      "gates: \(plan.checks.map(\.name.text).joined(separator: ", "))",
    ]
  }

  /// `t=90s`: so long after the first step.
  private mutating func setClock(_ word: String) throws {
    guard word.hasPrefix("t="), let span = Span(parsing: String(word.dropFirst(2))) else {
      throw TranscriptError("'\(word)' is no time such as t=90s")
    }
    guard Self.start + span >= now else { throw TranscriptError("\(word) is before the last step") }
    now = Self.start + span
  }

  private func event(_ words: inout TranscriptWords) throws -> Event {
    let verb = try words.next()
    let rollout = state.rollout?.number ?? 0
    switch verb {
    case "woke": return .woke
    case "looked":
      if words.takes("ok") { return .looked(fault: nil, rollout: rollout) }
      try words.take("and", "found")
      return .looked(fault: .pool(try words.all()), rollout: rollout)
    case "measured":
      let list = try words.all().split(separator: ",").map { try measurement(String($0)) }
      return .measured(list, rollout: rollout, stage: state.rollout?.stage ?? 0)
    case "applied": return .applied(Generation(try words.number()))
    case "could":
      try words.take("not", "apply")
      let generation = Generation(try words.number())
      try words.take("because")
      return .applyFailed(generation, Fault(try words.all()))
    case "took":
      try words.take("over", "by")
      return .tookOver(Actor(try words.next()))
    case "promote": return .promote(try request(&words))
    case "revert": return .revert(try actor(&words), try reason(&words))
    case "approve": return .approve(try actor(&words), try reason(&words))
    case "reject": return .reject(try actor(&words), try reason(&words))
    case "pause": return .pause(try actor(&words))
    case "resume": return .resume(try actor(&words))
    case "advance": return .advance(try actor(&words))
    default: throw words.unknown(verb)
    }
  }

  private func actor(_ words: inout TranscriptWords) throws -> Actor {
    try words.take("by")
    let name = try words.next()
    guard let person = Self.people[name] else { throw words.unknown(name) }
    return Actor(name, person: person)
  }

  private func reason(_ words: inout TranscriptWords) throws -> String? {
    words.takes("because") ? try words.all() : nil
  }

  private func request(_ words: inout TranscriptWords) throws -> PromoteRequest {
    guard let plan else { throw TranscriptError("a plan comes before a promote") }
    let name = try words.next()
    guard let pool = PoolName(name) else { throw words.unknown(name) }
    let release = words.takes("release") ? try words.next() : nil
    return PromoteRequest(
      to: pool, release: release, plan: plan, retain: retain, actor: try actor(&words))
  }

  /// `errors 0.2% of 400`, `health answered 502`, `errors without data`, `errors failed because TEXT`.
  private func measurement(_ text: String) throws -> Measurement {
    var words = TranscriptWords(text)
    let name = try words.next()
    guard let check = plan?.checks.first(where: { $0.name.text == name }) else {
      throw words.unknown(name)
    }
    let reading: Measurement.Reading
    if words.takes("answered") {
      let status = try words.number()
      reading = .answer((200...399).contains(status), "answered \(status)")
    } else if words.takes("without") {
      try words.take("data")
      reading = .nothing("no data")
    } else if words.takes("failed") {
      try words.take("because")
      reading = .failed(try words.all())
    } else {
      let word = try words.next()
      let isShare = word.hasSuffix("%")
      guard let value = Double(isShare ? word.dropLast() : word[...]) else {
        throw words.unknown(word)
      }
      let requests = words.takes("of") ? try words.number() : nil
      reading = .value(isShare ? value / 100 : value, requests: requests)
    }
    try words.end()
    return Measurement(check: check.name, at: now, reading: reading)
  }
}
