/// A point of wall-clock time, in whole milliseconds since 1970 (UTC).
///
/// No arithmetic on it can fail: a time beyond `furthest`, on either side, counts as `furthest`. The
/// core never reads a clock: the time is always an argument.
package struct Instant: Hashable, Comparable, Sendable, Codable {
  package let milliseconds: Int64

  /// In milliseconds, some 285,000 years: a Double holds it exactly, and the difference of two times,
  /// or a count of seconds made of one, is far from the end of its type.
  private static let furthest: Int64 = 9_000_000_000_000_000

  package init(milliseconds: Int64) {
    self.milliseconds = max(-Self.furthest, min(Self.furthest, milliseconds))
  }

  /// The time of a count of seconds since 1970; 1970 itself for NaN.
  package init(seconds: Double) {
    self.init(milliseconds: Int64(saturating: seconds * 1000))
  }

  package init(from decoder: any Decoder) throws {
    self.init(milliseconds: try decoder.singleValueContainer().decode(Int64.self))
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(milliseconds)
  }

  /// Whether at least `span` has passed since `last`; true when `last` is nil or still to come: the
  /// clock has been set back.
  package static func isPast(_ span: Span, since last: Instant?, at now: Instant) -> Bool {
    last.map { now < $0 || now - $0 >= span } ?? true
  }

  /// Whole seconds since 1970, rounded down.
  package var second: Int64 {
    milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000
  }

  /// This instant, rounded down to a whole second.
  package var wholeSecond: Instant { Instant(milliseconds: second * 1000) }

  package static func < (left: Self, right: Self) -> Bool { left.milliseconds < right.milliseconds }
  package static func + (left: Self, right: Span) -> Self {
    Self(milliseconds: left.milliseconds + right.milliseconds)
  }
  package static func - (left: Self, right: Span) -> Self {
    Self(milliseconds: left.milliseconds - right.milliseconds)
  }
  package static func - (left: Self, right: Self) -> Span {
    Span(milliseconds: left.milliseconds - right.milliseconds)
  }
}

/// A length of time in whole milliseconds, written as in a config: `500ms`, `30s`, `1h30m`.
///
/// No arithmetic on it can fail: one beyond `furthest`, on either side, counts as `furthest`.
package struct Span: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  /// Converts a duration of the standard library, truncated to whole milliseconds.
  package init(_ duration: Duration) {
    let parts = duration.components
    self.init(
      milliseconds: parts.seconds.saturatingProduct(1000)
        .saturatingSum(parts.attoseconds / 1_000_000_000_000_000))
  }

  package let milliseconds: Int64

  /// In milliseconds: as far as two times can be apart.
  private static let furthest: Int64 = 18_000_000_000_000_000

  package init(milliseconds: Int64) {
    self.milliseconds = max(-Self.furthest, min(Self.furthest, milliseconds))
  }
  /// The span of a count of seconds; zero for NaN.
  package static func seconds(_ count: Double) -> Span {
    Span(milliseconds: Int64(saturating: count * 1000))
  }
  package static func minutes(_ count: Int64) -> Span {
    Span(milliseconds: count.saturatingProduct(60_000))
  }
  package static func hours(_ count: Int64) -> Span {
    Span(milliseconds: count.saturatingProduct(3_600_000))
  }
  package static let zero = Span(milliseconds: 0)

  /// The longest span that a config may contain: ten years, so that no sum of spans can overflow.
  package static let longest = Span.hours(24 * 3653)

  package init(from decoder: any Decoder) throws {
    self.init(milliseconds: try decoder.singleValueContainer().decode(Int64.self))
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(milliseconds)
  }

  /// Reads `1h30m`, `90s`, `1.5s`, `250ms` or `2d`; nil for anything else, a negative span, and one
  /// above `longest`.
  package init?(parsing text: String) {
    let units: [(name: String, milliseconds: Double)] = [
      ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]
    var rest = Substring(text)
    var total = 0.0
    guard !rest.isEmpty, text.utf8.count <= 32 else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { ("0"..."9").contains($0) || $0 == "." }
      rest = rest.dropFirst(digits.count)
      let letters = rest.prefix { ("a"..."z").contains($0) }
      rest = rest.dropFirst(letters.count)
      guard let number = Double(digits), let unit = units.first(where: { $0.name == letters })
      else { return nil }
      total += number * unit.milliseconds
    }
    guard total.isFinite, total <= Double(Span.longest.milliseconds) else { return nil }
    self.init(milliseconds: Int64(saturating: total))
  }

  package var seconds: Double { Double(milliseconds) / 1000 }

  package var description: String {
    if milliseconds < 0 { return "-" + Span(milliseconds: -milliseconds).description }
    if milliseconds == 0 { return "0s" }
    var rest = milliseconds
    var text = ""
    for (name, size) in [
      ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]
      as [(String, Int64)]
    where rest >= size {
      text += "\(rest / size)\(name)"
      rest %= size
    }
    return text
  }

  /// Without its milliseconds, unless it is shorter than a second: what a reader can use.
  package var inWholeSeconds: Span {
    abs(milliseconds) < 1000 ? self : Span(milliseconds: milliseconds / 1000 * 1000)
  }

  package static func < (left: Self, right: Self) -> Bool { left.milliseconds < right.milliseconds }
  package static func + (left: Self, right: Self) -> Self {
    Self(milliseconds: left.milliseconds + right.milliseconds)
  }
  package static func - (left: Self, right: Self) -> Self {
    Self(milliseconds: left.milliseconds - right.milliseconds)
  }
  package static func * (left: Self, right: Int64) -> Self {
    Self(milliseconds: left.milliseconds.saturatingProduct(right))
  }
  /// The part of a span; the whole span for a divisor below 1, which parts nothing.
  package static func / (left: Self, right: Int64) -> Self {
    Self(milliseconds: left.milliseconds / max(1, right))
  }
}
