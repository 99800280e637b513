internal import CanaryCore

/// Documents for Kubernetes, and what of a plan they cannot say.
struct Manifest {
  private var documents: [JSON] = []
  private var notes: [String] = []

  mutating func add(_ kind: String, _ version: String, _ name: String, _ spec: [(String, JSON)]) {
    documents.append(
      .table([
        ("apiVersion", .text(version)), ("kind", .text(kind)),
        ("metadata", .table([("name", .text(name))])), ("spec", .table(spec)),
      ]))
  }

  mutating func note(_ text: String) {
    if !notes.contains(text) { notes.append(text) }
  }

  /// YAML: the notes as comments first.
  var text: String {
    notes.map { "# \(Text.sanitized($0, limit: 400))\n" }.joined()
      + documents.map { "---\n" + Self.yaml($0, indent: "") }.joined()
  }

  /// The JSON value as YAML in blocks; every text is quoted as JSON quotes it, which YAML reads too.
  private static func yaml(_ value: JSON, indent: String) -> String {
    switch value {
    case .table(let fields) where !fields.isEmpty:
      return fields.map { "\(indent)\($0.0):\(after($0.1, indent: indent))" }.joined()
    case .list(let items) where !items.isEmpty:
      return items.map { item in
        guard case .table(let fields) = item, !fields.isEmpty else {
          return "\(indent)-\(after(item, indent: indent))"
        }
        let inner = yaml(item, indent: indent + "  ")
        return "\(indent)- \(inner.dropFirst(indent.count + 2))"
      }.joined()
    default: return "\(indent)\(value.line)\n"
    }
  }

  private static func after(_ value: JSON, indent: String) -> String {
    switch value {
    case .table(let fields) where !fields.isEmpty: "\n" + yaml(value, indent: indent + "  ")
    case .list(let items) where !items.isEmpty: "\n" + yaml(value, indent: indent + "  ")
    default: " \(value.line)\n"
    }
  }

  // MARK: names and numbers

  /// A service's name as Kubernetes may have it (RFC 1123): small letters, digits and `-`.
  static func name(_ service: Service) -> String {
    let text = service.name.text.lowercased().map { $0 == "_" ? "-" : $0 }
    return String(String(text).trimmed("-"))
  }

  /// A weight in whole percent, at least 1; notes what is lost.
  mutating func percent(_ weight: Weight) -> Int {
    let whole = Int(weight.percent.rounded(.up))
    if Double(whole) != weight.percent {
      note("a weight of \(weight)% became \(whole): whole percents only")
    }
    return whole
  }

  static func seconds(_ span: Span) -> String { "\((span.milliseconds + 999) / 1000)s" }
}

extension String {
  fileprivate func trimmed(_ mark: Character) -> Substring {
    var text = self[...]
    while text.first == mark { text = text.dropFirst() }
    while text.last == mark { text = text.dropLast() }
    return text
  }
}
