/// A recurring period of local time, such as 01:00 to 05:00 on weekdays; `to` itself is outside.
///
/// It is open whenever the zone's clock shows a time in it: a time that the clock skips in spring
/// opens nothing, and one that comes twice in autumn opens it twice. A window across midnight
/// belongs to the day on which it begins.
package struct Window: Hashable, Sendable {
  /// The weekdays on which it begins; nil: all.
  package var days: Weekdays?
  /// The dates on which it begins, nil: all; with `days`, both must match.
  package var dates: Dates?
  /// Minutes after midnight.
  package var from: Int
  /// Minutes after midnight, at most 1440; on the next day unless after `from`.
  package var to: Int
  package var zone: Zone
  /// The window as the config writes it, with its zone.
  package var text: String

  package init(
    days: Weekdays?, dates: Dates?, from: Int, to: Int, zone: Zone, text: String
  ) {
    self.days = days
    self.dates = dates
    self.from = from
    self.to = to
    self.zone = zone
    self.text = text
  }

  /// Reads `00:00` to `24:00` as minutes after midnight; nil for anything else.
  package static func minutes(parsing text: String) -> Int? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2,
      parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy { (48...57).contains($0) } }),
      let hour = Int(parts[0]), let minute = Int(parts[1]), minute < 60,
      hour * 60 + minute <= 1440
    else { return nil }
    return hour * 60 + minute
  }

  /// Whether the window begins on this day, counted from 1970-01-01.
  private func begins(on day: Int) -> Bool {
    days?.contains(CivilDay.weekday(day)) ?? true && dates?.contains(CivilDay(number: day)) ?? true
  }

  package func contains(_ instant: Instant) -> Bool {
    let wall = zone.wall(instant)
    let day = CivilDay.number(of: wall)
    let second = Int(wall) - day * 86_400
    if from * 60 < to * 60 { return begins(on: day) && (from * 60..<to * 60).contains(second) }
    return (second >= from * 60 && begins(on: day)) || (second < to * 60 && begins(on: day - 1))
  }

  /// All moments of a local day at which the window may open or close, and changes of the clock in
  /// the hours around it.
  func edges(onDay day: Int) -> [Instant] {
    let wall = Int64(day) * 86_400
    let shown = Set([0, from % 1440, to % 1440]).flatMap {
      zone.instants(wall: wall + Int64($0 * 60))
    }
    let changes = zone.changes(in: wall - 30 * 3600..<wall + 54 * 3600)
    return shown + changes.map { Instant(milliseconds: $0 * 1000) }
  }
}

/// When rollouts of a service may grow: inside one of its windows, if it has any, and outside all
/// blackouts.
package struct Calendar: Hashable, Sendable {
  package var windows: [Window]
  package var blackouts: [Window]

  package init(windows: [Window] = [], blackouts: [Window] = []) {
    self.windows = windows
    self.blackouts = blackouts
  }

  /// How many days ahead `opening` and `closing` search: every date, February 29 too, comes within
  /// eight years.
  private static let horizon = 8 * 366

  package func isOpen(at instant: Instant) -> Bool {
    (windows.isEmpty || windows.contains { $0.contains(instant) })
      && !blackouts.contains { $0.contains(instant) }
  }

  /// The first moment from `instant` on at which it is open; nil: none within eight years.
  package func opening(from instant: Instant) -> Instant? {
    isOpen(at: instant) ? instant : next(after: instant, isOpen: true)
  }

  /// The first moment after `instant` at which it is closed; nil: it stays open for eight years.
  package func closing(after instant: Instant) -> Instant? { next(after: instant, isOpen: false) }

  private func next(after instant: Instant, isOpen wanted: Bool) -> Instant? {
    let all = windows + blackouts
    guard !all.isEmpty else { return nil }
    let today = CivilDay.number(of: instant.second)
    let edges = { (day: Int) in all.flatMap { $0.edges(onDay: day) } }
    // Local time is at most 26 hours from UTC, so the edges in a day of UTC belong to the five
    // local days around it.
    var near = (today - 2...today + 1).map(edges)
    for day in today...today + Self.horizon {
      near.append(edges(day + 2))
      let found = Set(near.joined()).filter { edge in
        edge > instant && edge.second / 86_400 == Int64(day)
      }
      if let edge = found.sorted().first(where: { isOpen(at: $0) == wanted }) { return edge }
      near.removeFirst()
    }
    return nil
  }

  /// Why it is closed at this moment, for display; nil: it is open.
  package func closed(at instant: Instant) -> String? {
    if let blackout = blackouts.first(where: { $0.contains(instant) }) {
      return "in the blackout \(blackout.text)"
    }
    return isOpen(at: instant) ? nil : "outside of its windows"
  }
}
