package import CanaryCore

/// Prints an entry of the history, for people and for programs.
package enum EntryReport {
  /// One line of `promote --json`: an entry with its service and rollout.
  package static func event(_ entry: Entry, service: ServiceName) -> JSON {
    .table(
      [
        ("time", .text(entry.time.iso8601)), ("event", .text(entry.event.rawValue)),
        ("service", .text(service.text)),
      ] + rest(entry) + [("rollout", JSON(entry.rollout))])
  }

  /// An entry in the events of `history --json`.
  package static func json(_ entry: Entry) -> JSON {
    .table(
      [("time", .text(entry.time.iso8601)), ("event", .text(entry.event.rawValue))] + rest(entry))
  }

  private static func rest(_ entry: Entry) -> [(String, JSON)] {
    [
      ("weight", entry.weight.map { .number($0.percent) } ?? .null),
      ("actor", .text(entry.actor.description)), ("detail", JSON(entry.detail)),
      ("hint", JSON(entry.hint)),
    ]
  }

  /// An entry as a line of a table for people.
  package static func line(_ entry: Entry) -> String {
    let weight = entry.weight.map { "\($0)%" } ?? ""
    return
      "\(entry.time.clockTime)  \(entry.event.rawValue.padded(to: 12))\(weight.padded(to: 7))\(Text.sanitized(told(entry), limit: 400))"
      + (entry.actor == .canary ? "" : "  [\(entry.actor)]")
  }

  /// The fact and the hint on one line; empty when the entry has neither.
  package static func told(_ entry: Entry) -> String {
    [entry.detail, entry.hint].compactMap(\.self).joined(separator: ". ")
  }
}
