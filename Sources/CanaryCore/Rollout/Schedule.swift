/// A rollout to be started later; it gets its number when it starts.
package struct Schedule: Hashable, Sendable, Codable {
  package var request: PromoteRequest
  /// The earliest start.
  package var at: Instant
  /// Whether it may start in any window from then on; false: only in the window that `at` lies in.
  package var inWindow: Bool
  /// When it was to start at the earliest, where no window was open then; nil: at `at`.
  package var asked: Instant?
  /// The latest start; nil: it waits for a window as long as that takes.
  package var latest: Instant?

  package init(request: PromoteRequest, at: Instant, inWindow: Bool) {
    self.request = request
    self.at = at
    self.inWindow = inWindow
  }

  /// When it may start by whatever windows there come to be.
  package var earliest: Instant { asked ?? at }

  /// The same schedule by the windows of today: the config may have got one that opens sooner.
  package func by(_ calendar: Calendar, at now: Instant) -> Schedule {
    guard inWindow, let opening = calendar.opening(from: max(now, earliest)), opening < at else {
      return self
    }
    var schedule = self
    schedule.at = opening
    return schedule
  }

  /// How late a rollout may start when no window sets an end, for want of a controller.
  static let grace = Span.hours(1)
}

/// A block on growth, with its reason; shrinking is always allowed.
package struct Freeze: Hashable, Sendable, Codable {
  package var actor: Actor
  package var reason: String
  package var since: Instant
  /// Nil: until it is thawed.
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

/// What the config allows: with the state, the event and the time, all that a decision rests on.
package struct GrowthRules: Hashable, Sendable {
  package var calendar: Calendar
  /// Whether Nginx still has the text of the rollout after a revert, which took no reload.
  package var leavesText: Bool
  /// Why the pool that a revert leads to does not answer; nil: it does, or was not asked.
  package var stableFault: String?
  package init(calendar: Calendar = Calendar(), leavesText: Bool = false) {
    self.calendar = calendar
    self.leavesText = leavesText
  }
}

/// Why a rollout that could grow is held.
package struct Hold: Hashable, Sendable, Codable {
  package enum Kind: String, Hashable, Sendable, Codable {
    case freeze, window, approval, hook
    /// A check before the rollout does not pass yet, and may take its time.
    case quiet
    /// It is to go back, and the pool that was stable does not answer.
    case stable
  }
  package var kind: Kind
  package var text: String
}
