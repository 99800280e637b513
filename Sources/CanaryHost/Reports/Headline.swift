package import CanaryCore

/// What a person must know first about a service: what was decided, why, when it acts, what to do.
///
/// Screen, status and page show this same value, each with its own way to act.
package struct Headline: Hashable, Sendable {
  /// The decision, the most urgent first.
  package enum Kind: String, Hashable, Sendable, CaseIterable {
    case braked, undriven
    /// A process drives, but has not looked for too long.
    case stale
    /// It is to go back, and the pool that was stable does not answer.
    case stableDown = "stable_down"
    case failing
    /// An approval is asked for.
    case waiting
    case reverting
    /// No request came that could show anything.
    case noData = "no_data"
    /// Over its bound, though that may be chance.
    case suspect
    case held, paused, starting, soaking, scheduled, reverted, promoted, idle
  }

  /// A piece of a fact; times stay times, so that each reader gets them by their own clock.
  package enum Part: Hashable, Sendable {
    case text(String)
    /// A time of day.
    case clock(Instant)
    /// How long it has been so.
    case since(Instant)
    /// How long it still takes.
    case until(Instant)
  }
  package typealias Fact = [Part]

  /// What a person can do about it, the likeliest first; each reader has a key, a command or a
  /// button for it.
  package enum Act: String, Hashable, Sendable {
    case approve, reject, revert, resume, drive
  }

  /// How much it wants a person.
  package enum Tone: Int, Comparable, Sendable {
    case bad, warning, busy, calm
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  }

  package let kind: Kind
  package let facts: [Fact]
  package let acts: [Act]

  package var word: String {
    switch kind {
    case .braked: "BRAKED"
    case .undriven: "NO DRIVER"
    case .stale: "DRIVER HANGS"
    case .stableDown: "STABLE DOWN"
    case .failing: "FAILING"
    case .waiting: "WAITING FOR YOU"
    case .reverting: "REVERTING"
    case .noData: "NO DATA"
    case .suspect: "SUSPECT"
    case .held: "HELD"
    case .paused: "PAUSED"
    case .starting: "STARTING"
    case .soaking: "SOAKING"
    case .scheduled: "SCHEDULED"
    case .reverted: "REVERTED"
    case .promoted: "PROMOTED"
    case .idle: "IDLE"
    }
  }

  package var tone: Tone {
    switch kind {
    case .braked, .undriven, .stale, .stableDown, .reverting: .bad
    case .failing, .waiting, .noData, .suspect, .held, .paused: .warning
    case .starting, .soaking: .busy
    // A revert of hours ago is no news.
    case .scheduled, .reverted, .promoted, .idle: .calm
    }
  }

  /// Where it belongs among others: who needs a person comes first, then what is under way.
  package var rank: Int { Self.Kind.allCases.firstIndex(of: kind) ?? 0 }

  /// The facts on one line.
  package func text(at now: Instant) -> String {
    facts.map { fact in
      fact.map { part -> String in
        switch part {
        case .text(let text): Text.sanitized(text, limit: 400)
        // Far away, the day matters.
        case .clock(let at):
          at - now < .hours(12) && now - at < .hours(12) ? at.clockTime : at.iso8601
        case .since(let at): "\(Self.whole(now - at))"
        case .until(let at): "\(Self.whole(at - now))"
        }
      }.joined()
    }.joined(separator: " · ")
  }

  /// Whole seconds, a part counted as a whole one.
  private static func whole(_ span: Span) -> Span {
    Span(milliseconds: max(0, span.milliseconds + 999) / 1000 * 1000)
  }

  package var json: JSON {
    .table([
      ("kind", .text(kind.rawValue)), ("word", .text(word)),
      ("facts", .list(facts.map { .list($0.map(Self.json)) })),
      ("acts", .list(acts.map { .text($0.rawValue) })),
    ])
  }

  private static func json(_ part: Part) -> JSON {
    switch part {
    case .text(let text): .text(Text.sanitized(text, limit: 400))
    case .clock(let at): .table([("clock", .int(Int(at.milliseconds)))])
    case .since(let at): .table([("since", .int(Int(at.milliseconds)))])
    // The end of a soak as measured moves a little with each look; steps of 5 s do not.
    case .until(let at): .table([("until", .int(Int(at.rounded.milliseconds)))])
    }
  }
}

extension Instant {
  /// To the nearest 5 s: what is computed of measured time differs a little at each look.
  var rounded: Instant { Instant(milliseconds: (milliseconds + 2500) / 5000 * 5000) }
}
