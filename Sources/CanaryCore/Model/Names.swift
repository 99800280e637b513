/// A name that is safe in a file name, in an Nginx variable and in a line of Nginx's log.
///
/// It consists of letters, digits, `-` and `_`. Each kind of name is a type of its own, so that the
/// compiler refuses a service's name where a pool's is meant.
package protocol NameText: Hashable, Comparable, Sendable, Codable, CustomStringConvertible,
  ExpressibleByStringLiteral
{
  var text: String { get }
  /// Stores a text that has passed `Text.isName`.
  init(checked text: String)
}

package struct ServiceName: NameText {
  package let text: String
  package init(checked text: String) { self.text = text }
}

/// The name of a pool, such as `blue`.
package struct PoolName: NameText {
  package let text: String
  package init(checked text: String) { self.text = text }
}

/// The name of a check or of a standing guard.
package struct CheckName: NameText {
  package let text: String
  package init(checked text: String) { self.text = text }
}

/// Any other name in a config, such as that of a zone, a kind of servers or a log format.
package struct Label: NameText {
  package let text: String
  package init(checked text: String) { self.text = text }
}

extension NameText {
  package static var rule: String {
    "1 to 63 letters, digits, '-' or '_', beginning with a letter or digit"
  }

  /// Returns nil unless the text follows `rule`.
  package init?(_ text: String) {
    guard Text.isName(text) else { return nil }
    self.init(checked: text)
  }

  /// Makes a name from a literal in the code; traps on a text that breaks `rule`.
  package init(stringLiteral value: String) {
    guard let name = Self(value) else { preconditionFailure("'\(value)' is no name") }
    self = name
  }

  package init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let name = Self(text) else {
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

  /// The name as a part of an Nginx variable: `-` becomes `_`, because variables cannot contain
  /// dashes.
  package var variable: String { String(text.map { $0 == "-" ? "_" : $0 }) }

  package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}
