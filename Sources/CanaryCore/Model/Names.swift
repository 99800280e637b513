/// What the names of services, pools and checks have in common: letters, digits, `-` and `_`, so that each is safe in a
/// file name, in a variable of Nginx and in a line of its log.
///
/// Each kind of name is a type of its own: a service cannot be handed over where a pool is meant.
package protocol NameText: Hashable, Comparable, Sendable, Codable, CustomStringConvertible,
  ExpressibleByStringLiteral
{
  var text: String { get }
  /// The text has passed `isName`.
  init(checked text: String)
}

/// The name of a service.
package struct ServiceName: NameText {
  package let text: String
  package init(checked text: String) { self.text = text }
}

/// The name of a pool, such as `blue`.
package struct PoolName: NameText {
  package let text: String
  package init(checked text: String) { self.text = text }
}

/// The name of a check or of a guard.
package struct CheckName: NameText {
  package let text: String
  package init(checked text: String) { self.text = text }
}

/// Any other name of a config, such as that of a zone, of a kind of servers or of a log format.
package struct Label: NameText {
  package let text: String
  package init(checked text: String) { self.text = text }
}

extension NameText {
  package static var rule: String {
    "1 to 63 letters, digits, '-' or '_', beginning with a letter or digit"
  }

  /// Nil unless the text keeps to `rule`.
  package init?(_ text: String) {
    guard Text.isName(text) else { return nil }
    self.init(checked: text)
  }

  /// A name written in code; a wrong one is a programming error.
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

  /// The name as part of a variable of Nginx, whose names have no dash.
  package var variable: String { String(text.map { $0 == "-" ? "_" : $0 }) }

  package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}
