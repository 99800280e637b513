/// Reads a moment as people write it: in RFC 3339, or as local time of a zone.
package enum TimeText {
  package static let rule =
    "must be a time such as \"2026-11-24T01:00:00+08:00\", \"2026-11-24 01:00\", \"tue 01:00\" or \"01:00\""

  /// Returns the moment; throws the rule that the text breaks.
  ///
  /// A text without an offset is local time of `zone`, and the first of two moments where the clock
  /// shows it twice. A time alone or with a weekday is the next one after `now`.
  package static func parse(_ text: String, zone: Zone, now: Instant) throws(Violation) -> Instant {
    let words = text.lowercased().split(separator: " ").map(String.init)
    switch words.count {
    case 1:
      if let minutes = Window.minutes(parsing: words[0]) {
        return try next(minutes, nil, zone, now)
      }
      return try exact(text, zone)
    case 2:
      if let days = Weekdays(parsing: words[0]), let minutes = Window.minutes(parsing: words[1]) {
        return try next(minutes, days, zone, now)
      }
      return try exact(words.joined(separator: "t"), zone)
    default: throw Violation(rule)
    }
  }

  /// The next moment after `now` at which the zone's clock shows the minute of the day, on one of
  /// `days` (nil: any).
  private static func next(
    _ minutes: Int, _ days: Weekdays?, _ zone: Zone, _ now: Instant
  ) throws(Violation) -> Instant {
    let today = CivilDay.number(of: zone.wall(now))
    for day in today...today + 8 where days?.contains(CivilDay.weekday(day)) ?? true {
      let wall = Int64(day) * 86_400 + Int64(minutes * 60)
      if let found = zone.instants(wall: wall).first(where: { $0 > now }) { return found }
    }
    throw Violation("is a time that the clock of \(zone.name) does not show in the next week")
  }

  /// Reads `2026-11-24T01:00[:00[.000]]` with `Z` or `+08:00`; without either, it is local time of
  /// the zone.
  private static func exact(_ text: String, _ zone: Zone) throws(Violation) -> Instant {
    let text = text.lowercased()
    let halves = text.split(separator: "t", maxSplits: 1, omittingEmptySubsequences: false)
    let date = halves[0].split(separator: "-", omittingEmptySubsequences: false).map(number)
    guard halves.count == 2, date.count == 3, let year = date[0], let month = date[1],
      let day = date[2], halves[0].utf8.count == 10,
      let civil = CivilDay(year: year, month: month, day: day)
    else { throw Violation(rule) }
    let clock = halves[1].prefix { $0 != "z" && $0 != "+" && $0 != "-" }
    guard let time = seconds(clock) else { throw Violation(rule) }
    let wall = Int64(civil.number) * 86_400 * 1000 + time
    let rest = halves[1].dropFirst(clock.count)
    if rest.isEmpty {
      guard let found = zone.instants(wall: wall / 1000).first else {
        throw Violation("is a time that the clock of \(zone.name) leaves out on that day")
      }
      return found + Span(milliseconds: wall % 1000)
    }
    if rest == "z" { return Instant(milliseconds: wall) }
    let offset = rest.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
      .map(number)
    guard offset.count == 2, let hours = offset[0], let minutes = offset[1], hours < 24,
      minutes < 60
    else { throw Violation(rule) }
    let shift = Int64(hours * 3600 + minutes * 60) * 1000
    return Instant(milliseconds: rest.first == "+" ? wall - shift : wall + shift)
  }

  private static func number(_ text: Substring) -> Int? {
    !text.isEmpty && text.utf8.count <= 4 && text.utf8.allSatisfy { (48...57).contains($0) }
      ? Int(text) : nil
  }

  /// Reads a time of day as milliseconds after midnight; nil for anything else.
  private static func seconds(_ text: Substring) -> Int64? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard (2...3).contains(parts.count),
      let minutes = Window.minutes(parsing: parts.prefix(2).joined(separator: ":")), minutes < 1440
    else { return nil }
    guard parts.count == 3 else { return Int64(minutes) * 60_000 }
    let whole = parts[2].prefix { $0 != "." }
    guard let second = number(whole), whole.utf8.count == 2, second < 60,
      let value = Double("0" + parts[2].dropFirst(2) + (whole == parts[2] ? ".0" : ""))
    else { return nil }
    return Int64(minutes * 60 + second) * 1000 + Int64((value * 1000).rounded(.down))
  }
}
