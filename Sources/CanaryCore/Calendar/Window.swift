/// A stretch of the day on some days, by the clock on the wall of a zone; from its first minute up to, but not with, its last.
///
/// It is open whenever that clock shows a time in it: a time that is left out in spring opens nothing, and one that comes
/// twice in autumn opens it twice. Across midnight it belongs to the day on which it begins.
package struct Window: Hashable, Sendable {
  /// Nil: every day.
  package var days: Weekdays?
  /// Nil: every date; with days as well, both must fit.
  package var dates: Dates?
  /// Minutes after midnight.
  package var from: Int
  /// Minutes after midnight, at most 1440; when not after `from`, on the next day.
  package var to: Int
  package var zone: Zone
  /// As a person wrote it.
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

  /// `01:30`, up to `24:00`, in minutes after midnight.
  package static func minutes(parsing text: String) -> Int? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2,
      parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy { (48...57).contains($0) } }),
      let hour = Int(parts[0]), let minute = Int(parts[1]), minute < 60,
      hour * 60 + minute <= 1440
    else { return nil }
    return hour * 60 + minute
  }

  /// Whether the day is one on which the window begins.
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

  /// Every moment of a local day, and the hours around it, at which it may open or close.
  func edges(onDay day: Int) -> [Instant] {
    let wall = Int64(day) * 86_400
    let shown = Set([0, from % 1440, to % 1440]).flatMap {
      zone.instants(wall: wall + Int64($0 * 60))
    }
    let changes = zone.changes(in: wall - 30 * 3600..<wall + 54 * 3600)
    return shown + changes.map { Instant(milliseconds: $0 * 1000) }
  }
}

/// When a service may grow: inside one of its windows, if it has any, and outside of every blackout.
package struct Calendar: Hashable, Sendable {
  package var windows: [Window]
  package var blackouts: [Window]

  package init(windows: [Window] = [], blackouts: [Window] = []) {
    self.windows = windows
    self.blackouts = blackouts
  }

  /// How far ahead an opening is looked for: every date comes within eight years.
  private static let horizon = 8 * 366

  package func isOpen(at instant: Instant) -> Bool {
    (windows.isEmpty || windows.contains { $0.contains(instant) })
      && !blackouts.contains { $0.contains(instant) }
  }

  /// The first moment, not before that one, at which it is open; nil when there is none.
  package func opening(from instant: Instant) -> Instant? {
    isOpen(at: instant) ? instant : next(after: instant, isOpen: true)
  }

  /// The first moment after that one at which it is closed; nil when it stays open.
  package func closing(after instant: Instant) -> Instant? { next(after: instant, isOpen: false) }

  private func next(after instant: Instant, isOpen wanted: Bool) -> Instant? {
    let all = windows + blackouts
    guard !all.isEmpty else { return nil }
    let today = CivilDay.number(of: instant.second)
    let edges = { (day: Int) in all.flatMap { $0.edges(onDay: day) } }
    // No wall is further than 26 hours from UTC, so what lies in a day of UTC are edges of five days around it.
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

  /// Why it is closed at a moment, for a person; nil when it is open.
  package func closed(at instant: Instant) -> String? {
    if let blackout = blackouts.first(where: { $0.contains(instant) }) {
      return "in the blackout \(blackout.text)"
    }
    return isOpen(at: instant) ? nil : "outside of its windows"
  }
}
