/// One line of at most so many characters, made of parts of which some may be shortened.
///
/// Shortened is the middle of a part, the longest ones first: the head of a text says what it is
/// about, and its end is often the verdict.
package struct FittedLine {
  private var parts: [(scalars: [Unicode.Scalar], isFlexible: Bool)] = []

  package init() {}

  /// Adds a part that stays as it is.
  package mutating func add(_ text: String) {
    parts.append((Array(Self.harmless(text).unicodeScalars), false))
  }

  /// Adds a part that may be shortened, such as a text of others.
  package mutating func add(flexible text: String) {
    parts.append((Array(Self.harmless(text).unicodeScalars), true))
  }

  /// How many characters it has as it is.
  package var width: Int { parts.reduce(0) { $0 + $1.scalars.count } }

  /// The line; longer than `width` only if the parts that stay are.
  package func text(_ width: Int) -> String {
    let fixed = parts.reduce(0) { $0 + ($1.isFlexible ? 0 : $1.scalars.count) }
    let lengths = parts.filter(\.isFlexible).map(\.scalars.count)
    var most = lengths.max() ?? 0
    while most > Self.least,
      lengths.reduce(fixed, { $0 + min($1, most) }) > width
    { most -= 1 }
    var text = ""
    for part in parts {
      text += part.isFlexible ? Self.shortened(part.scalars, to: most) : Self.string(part.scalars)
    }
    return text
  }

  /// No part is shortened to less, so that a name can still be told from others.
  private static let least = 8

  private static func shortened(_ scalars: [Unicode.Scalar], to most: Int) -> String {
    guard scalars.count > most, most > 1 else { return string(scalars) }
    let head = (most - 1 + 1) / 2
    return string(Array(scalars.prefix(head))) + "…"
      + string(Array(scalars.suffix(most - 1 - head)))
  }

  private static func string(_ scalars: [Unicode.Scalar]) -> String {
    var text = ""
    text.unicodeScalars.append(contentsOf: scalars)
    return text
  }

  /// On one line, and nothing in it that is not seen; a text of others may be very long.
  private static func harmless(_ text: String) -> String { Text.sanitized(text, limit: 2000) }
}
