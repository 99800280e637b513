/// One table of the config, with all its keys.
///
/// Readers refuse every other key, and the reference and the JSON Schema are generated from the
/// same tables, so neither can describe a key that readers refuse.
package struct ConfigTable: Sendable {
  /// The form of a value.
  package indirect enum Shape: Sendable {
    case text
    case bool
    case number
    case integer
    /// A text such as `"500ms"`, `"30s"` or `"1h30m"`.
    case duration
    /// A share from 0 to 1, as `"1%"` or 0.01.
    case share
    /// A list of texts, such as a program and its arguments.
    case texts
    case choice([String])
    case table(ConfigTable)
    /// A table whose keys are names that you choose.
    case named(Shape)
    case list(Shape)
    /// One value of the shape, or a list of them.
    case oneOrMore(Shape)
    case either([Shape])
    /// The value `false`, and no other.
    case no
  }

  package struct Field: Sendable {
    package let key: String
    package let shape: Shape
    /// The default, as the reference shows it; nil: none.
    package let usual: String?
    package let isNeeded: Bool
    package let meaning: String
  }

  /// The table's heading in the reference.
  package let title: String
  package let fields: [Field]

  init(_ title: String, _ fields: [Field]) {
    self.title = title
    self.fields = fields
  }

  package var keys: [String] { fields.map(\.key) }
}

extension ConfigTable.Field {
  static func need(_ key: String, _ shape: ConfigTable.Shape, _ meaning: String) -> Self {
    Self(key: key, shape: shape, usual: nil, isNeeded: true, meaning: meaning)
  }

  static func may(
    _ key: String, _ shape: ConfigTable.Shape, _ usual: String? = nil, _ meaning: String
  ) -> Self {
    Self(key: key, shape: shape, usual: usual, isNeeded: false, meaning: meaning)
  }
}

extension TableReader {
  /// Reports every key that the table does not have, with the nearest one that it has.
  func refuseUnknown(_ table: ConfigTable) { refuseUnknown(known: table.keys) }
}
