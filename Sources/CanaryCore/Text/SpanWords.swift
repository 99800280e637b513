extension Span {
  /// The span for a person, in at most two parts: `0.02 s`, `19 s`, `1 m 30 s`, `2 h 10 m`.
  ///
  /// Rounded down, so that a time that must be reached is never told too early. What is to be
  /// read again by a program is `description`.
  package var words: String { words(.down) }

  /// The same, rounded up, for a time within which something was done or will be.
  package var wordsAtMost: String { words(.up) }

  /// The whole seconds of a span of at least one, so that it is not told to the millisecond.
  package var whole: Span {
    milliseconds < 1000 ? self : Span(milliseconds: milliseconds / 1000 * 1000)
  }

  private enum Rounding { case down, up }

  private func words(_ rounding: Rounding) -> String {
    if milliseconds < 0 { return "-" + Span(milliseconds: -milliseconds).words(rounding) }
    let round = { (size: Int64) -> Int64 in
      let whole = milliseconds / size * size
      return rounding == .up && whole < milliseconds ? whole.saturatingSum(size) : whole
    }
    // Rounding up may reach the next size: 59.9 s is 1 m.
    for (limit, size) in [(10_000, 10), (60_000, 1000)] as [(Int64, Int64)] {
      let rounded = milliseconds < 1000 ? milliseconds : round(size)
      guard rounded < limit else { continue }
      return ValueFormat.decimal(Double(rounded) / 1000, places: 3) + " s"
    }
    for (limit, step) in Self.steps {
      let rounded = round(step)
      guard rounded < limit else { continue }
      return Self.parts(rounded)
    }
    return Self.parts(round(86_400_000))
  }

  /// Below each limit, what a span is rounded to.
  private static let steps: [(limit: Int64, step: Int64)] = [
    (3_600_000, 1000), (86_400_000, 60_000), (100 * 86_400_000, 3_600_000),
  ]

  private static func parts(_ milliseconds: Int64) -> String {
    var rest = milliseconds
    var parts: [String] = []
    for (name, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)]
      as [(String, Int64)]
    {
      if rest >= size { parts.append("\(rest / size) \(name)") }
      rest %= size
    }
    return parts.joined(separator: " ")
  }
}
