package import CanaryCore
internal import CanaryDriver

/// A recommendation of windows, for one receiver at once.
package struct WindowsNotice {
  private let text: @Sendable (Language) -> String
  private let json: JSON

  /// `fields` are what programs get beside the text.
  package init(_ fields: [(String, JSON)], text: @escaping @Sendable (Language) -> String) {
    self.text = text
    json = .table(fields)
  }

  /// Sends it; throws when there is no such receiver, or it does not take it.
  package func send(to name: String, _ world: World) async throws(Failure) {
    let receivers = world.config.receivers
    guard let receiver = receivers.first(where: { $0.name == name }) else {
      let known = receivers.map(\.name).joined(separator: ", ")
      throw Failure(
        .wrong, "there is no receiver '\(Text.sanitized(name, limit: 60))' in `notify`",
        hint: known.isEmpty ? "The config has none." : "It has: \(known)")
    }
    let now = world.clock.now()
    let line = Text.sanitized(text(receiver.language), limit: 1000)
    let facts: [(String, JSON)] = [
      ("event", .text(Self.event)), ("time", .text(now.iso8601)), ("text", .text(line)),
      ("recommendation", json),
    ]
    let body = NoticeBody(
      event: Self.event, service: "windows", delivery: "windows-\(now.milliseconds)", text: line,
      json: JSON.table(facts).line,
      environment: [
        "CANARY_EVENT": Self.event, "CANARY_TIME": now.iso8601, "CANARY_TEXT": line,
      ], footer: now.iso8601)
    let delivery = Delivery(
      variables: { [config = world.config] in config.environment }, clock: world.clock)
    if let fault = await delivery.give(body, receiver) {
      throw Failure(
        .outside, "\(name) was not told: \(fault)",
        hint: "Correct `notify.\(name)` in the config, or try again.")
    }
  }

  private static let event = "recommendation"
}
