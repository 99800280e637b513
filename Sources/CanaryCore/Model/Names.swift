/// A name of a service, pool, plan or check: letters, digits, `-` and `_`, so that it is safe in a file name,
/// in a variable of Nginx and in a line of its log.
package struct Name: Hashable, Comparable, Sendable, Codable, CustomStringConvertible,
  ExpressibleByStringLiteral
{
  package let text: String

  package static let rule =
    "1 to 63 letters, digits, '-' or '_', beginning with a letter or digit"

  package init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard (1...63).contains(bytes.count), let first = bytes.first, Self.isAlphanumeric(first),
      bytes.allSatisfy({
        Self.isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
      })
    else { return nil }
    self.text = text
  }

  /// A name written in code; a wrong one is a mistake of ours.
  package init(stringLiteral value: String) {
    guard let name = Name(value) else { preconditionFailure("'\(value)' is no name") }
    self = name
  }

  package init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let name = Name(text) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "name '\(text)'"))
    }
    self = name
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }

  package var description: String { text }

  /// The name as part of a variable of Nginx, whose names have no dash.
  package var variable: String { String(text.map { $0 == "-" ? "_" : $0 }) }

  package static func < (left: Self, right: Self) -> Bool { left.text < right.text }

  static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }
}

/// Finds the known word that a mistyped one was most likely meant to be.
package enum Spelling {
  /// The candidate with the smallest edit distance (Levenshtein), if it is near enough to be meant.
  package static func nearest(to word: String, among candidates: [String]) -> String? {
    guard word.utf8.count <= 64 else { return nil }
    let limit = max(1, word.count / 3 + (word.count > 3 ? 1 : 0))
    return candidates.map { ($0, distance(word.lowercased(), $0.lowercased())) }
      .filter { $0.1 <= limit }
      .min { ($0.1, $0.0) < ($1.1, $1.0) }?.0
  }

  static func distance(_ left: String, _ right: String) -> Int {
    let right = Array(right)
    var row = Array(0...right.count)
    for (i, character) in left.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for j in right.indices {
        let substitution = diagonal + (character == right[j] ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(substitution, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[right.count]
  }
}
