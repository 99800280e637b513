/// A rollout that is to begin later; it begins as any other does, and only then gets a number.
package struct Schedule: Hashable, Sendable, Codable {
  package var request: PromoteRequest
  /// Not before then.
  package var at: Instant
  /// It may begin in any window from then on; else only in the one that `at` lies in.
  package var inWindow: Bool
  /// Not after then; nil: it waits for a window as long as it takes.
  package var latest: Instant?

  package init(request: PromoteRequest, at: Instant, inWindow: Bool) {
    self.request = request
    self.at = at
    self.inWindow = inWindow
  }

  /// How late one without windows may begin, when nobody was there to begin it.
  static let grace = Span.hours(1)
}

/// Nothing may grow, for a reason; shrinking is always allowed.
package struct Freeze: Hashable, Sendable, Codable {
  package var actor: Actor
  package var reason: String
  package var since: Instant
  package var until: Instant?

  package init(actor: Actor, reason: String, since: Instant, until: Instant?) {
    self.actor = actor
    self.reason = reason
    self.since = since
    self.until = until
  }

  package var words: String {
    "frozen by \(actor)\(until.map { " until \($0.iso8601)" } ?? ""): \(reason)"
  }
}

/// What the config allows at a time; beside the state and the event, all that a decision rests on.
package struct GrowthRules: Hashable, Sendable {
  package var calendar: Calendar
  package init(calendar: Calendar = Calendar()) { self.calendar = calendar }
}

/// Why a rollout that could grow does not.
package struct Hold: Hashable, Sendable, Codable {
  package enum Kind: String, Hashable, Sendable, Codable { case freeze, window, approval, hook }
  package var kind: Kind
  package var text: String
}
