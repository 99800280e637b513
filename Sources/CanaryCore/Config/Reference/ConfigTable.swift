/// One table of the config, with every key that it knows: readers refuse what is not here, and the reference and the
/// JSON Schema are made from it, so that neither can tell of a key that is not read.
package struct ConfigTable: Sendable {
  /// What a value looks like.
  package indirect enum Shape: Sendable {
    case text
    case bool
    case number
    case integer
    /// `"500ms"`, `"30s"`, `"1h30m"`.
    case duration
    /// `"1%"` or 0.01.
    case share
    /// A program and its arguments, or any other list of texts.
    case texts
    case choice([String])
    case table(ConfigTable)
    /// A table whose keys are names that the user chooses.
    case named(Shape)
    case list(Shape)
    /// One or a list of them.
    case oneOrMore(Shape)
    case either([Shape])
    /// `false`, and nothing else of that kind.
    case no
  }

  package struct Field: Sendable {
    package let key: String
    package let shape: Shape
    /// What holds without it, as people write it; nil: nothing; `needed` otherwise.
    package let usual: String?
    package let isNeeded: Bool
    package let meaning: String
  }

  /// Its heading in the reference.
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
  /// Notes every key that the table does not know, with the nearest one that it does.
  func refuseUnknown(_ table: ConfigTable) { refuseUnknown(known: table.keys) }
}
