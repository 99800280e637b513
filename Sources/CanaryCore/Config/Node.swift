/// A parsed JSON5 value that no rule has been applied to yet.
package indirect enum Node: Hashable, Sendable {
  case null
  case bool(Bool)
  case number(Double)
  case text(String)
  case list([Node])
  case table([String: Node])

  /// The value as you would recognise it in the file, long ones shortened.
  package var shown: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .number(let value):
      value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    case .text(let text): "\"\(Self.withoutSecrets(text))\""
    case .list(let items): items.isEmpty ? "[]" : "[ \(items.count) items ]"
    case .table(let keys):
      keys.isEmpty ? "{}" : "{ \(keys.keys.sorted().prefix(3).joined(separator: ", ")) }"
    }
  }
}

extension Node {
  /// A text as a fault may show it: of a URL without its user, its password and its query.
  private static func withoutSecrets(_ text: String) -> String {
    guard let scheme = text.firstRange(of: "://") else { return text }
    var rest = text[scheme.upperBound...]
    var shown = String(text[..<scheme.upperBound])
    let host = rest.prefix { !"/?#".contains($0) }
    if let at = host.lastIndex(of: "@") {
      shown += "•••"
      rest = rest[at...]
    }
    guard let mark = rest.firstIndex(where: { "?#".contains($0) }) else { return shown + rest }
    return shown + rest[...mark] + "•••"
  }
}

/// Collects the faults found while a tree of nodes is read, so that one run reports them all.
package final class FaultList {
  package private(set) var problems = Problems()
  package init() {}
  package func add(_ path: String, _ node: Node?, _ rule: String) {
    problems.add(Problem(path, found: node?.shown, rule))
  }
}

/// Reads the keys of one table of a config, and reports every value that breaks its rule.
///
/// Each read returns nil without the key and after a fault.
package struct TableReader {
  package let path: String
  private let table: [String: Node]
  private let faults: FaultList

  /// Makes a reader of the node; nil reads as an empty table, any other node that is no table is
  /// reported.
  package init(_ node: Node?, at path: String, faults: FaultList) {
    self.path = path
    self.faults = faults
    switch node {
    case .table(let table): self.table = table
    case nil: table = [:]
    case .some(let other):
      faults.add(path, other, "must be a table: { … }")
      table = [:]
    }
  }

  /// The path of a key in this table, as faults name it: `services.chat`, with quotes around
  /// unusual keys.
  package func path(of key: String) -> String {
    let plain =
      (1...64).contains(key.utf8.count)
      && key.utf8.allSatisfy { Text.isAlphanumeric($0) || $0 == 95 || $0 == 45 }
    let shown = plain ? key : "\"\(Text.sanitized(key, limit: 40))\""
    return path.isEmpty ? shown : "\(path).\(shown)"
  }

  /// Returns a reader of the same table without one key, for a reader that does not know it.
  package func without(_ key: String) -> TableReader {
    TableReader(.table(table.filter { $0.key != key }), at: path, faults: faults)
  }

  package var keys: [String] { table.keys.sorted() }
  package func has(_ key: String) -> Bool { table[key] != nil }
  package func node(_ key: String) -> Node? { table[key] }
  /// Reports that the value at a key breaks a rule.
  package func fault(_ key: String, _ rule: String) { faults.add(path(of: key), table[key], rule) }
  /// The same of a value that may be a secret, which no message shows.
  package func faultHiding(_ key: String, _ rule: String) {
    faults.add(path(of: key), nil, rule)
  }
  /// Reports that the table as a whole breaks a rule.
  package func faultHere(_ rule: String) { faults.add(path, nil, rule) }
  /// Reports a fault of an item without a key of its own, such as `servers[0]`.
  package func faultAt(_ step: String, _ node: Node, _ rule: String) {
    faults.add(path.isEmpty ? step : "\(path).\(step)", node, rule)
  }

  /// Reports every key that is not among the known ones, with the nearest of them.
  package func refuseUnknown(known: [String]) {
    for key in table.keys.sorted() where !known.contains(key) {
      let near = Spelling.nearest(to: key, among: known)
      let advice = near.map { "did you mean '\($0)'?" } ?? "known: \(known.joined(separator: ", "))"
      faults.add(path(of: key), nil, "is not a known key; \(advice)")
    }
  }

  /// Returns what `make` makes of the node at the key; when `make` returns nil, reports that the
  /// node breaks `rule`.
  package func read<Value>(_ key: String, _ rule: String, _ make: (Node) -> Value?) -> Value? {
    guard let node = table[key] else { return nil }
    if let value = make(node) { return value }
    faults.add(path(of: key), node, rule)
    return nil
  }

  package func text(
    _ key: String, _ rule: String = "must be a text", where fits: (String) -> Bool = { _ in true }
  )
    -> String?
  {
    read(key, rule) {
      if case .text(let text) = $0, fits(text) { return text }
      return nil
    }
  }

  package func bool(_ key: String) -> Bool? {
    read(key, "must be true or false") {
      if case .bool(let value) = $0 { return value }
      return nil
    }
  }

  /// Reads a whole number in the range.
  package func int(_ key: String, in range: ClosedRange<Int>) -> Int? {
    read(key, "must be a whole number from \(range.lowerBound) to \(range.upperBound)") {
      guard case .number(let value) = $0, value == value.rounded(), abs(value) < 1e15 else {
        return nil
      }
      return range.contains(Int(value)) ? Int(value) : nil
    }
  }

  package func span(_ key: String, atLeast least: Span = .zero) -> Span? {
    let bound = least > .zero ? " of at least \(least)" : ""
    return read(
      key,
      "must be a duration such as \"500ms\", \"30s\", \"5m\" or \"1h30m\"\(bound), at most ten years"
    ) {
      guard case .text(let text) = $0, let span = Span(parsing: text), span >= least else {
        return nil
      }
      return span
    }
  }

  package func list(_ key: String) -> [Node]? {
    read(key, "must be a list: [ … ]") {
      if case .list(let items) = $0 { return items }
      return nil
    }
  }

  /// Reads a list of texts; reports each item that does not fit, and returns the others.
  package func texts(_ key: String, _ rule: String, where fits: (String) -> Bool) -> [String]? {
    guard let items = list(key) else { return nil }
    return items.enumerated().compactMap { index, item in
      if case .text(let text) = item, fits(text) { return text }
      faults.add("\(path(of: key))[\(index)]", item, rule)
      return nil
    }
  }

  /// Returns a reader of the table at the key; of an empty table without the key.
  package func table(_ key: String) -> TableReader {
    TableReader(table[key], at: path(of: key), faults: faults)
  }

  /// Reads `node` instead of the one at the key, and reports its faults under that key.
  package func readInner<Value>(_ key: String, _ node: Node, _ read: (TableReader) -> Value)
    -> Value
  {
    read(TableReader(node, at: path(of: key), faults: faults))
  }

  /// Returns readers of the tables in the list at the key; none without the key.
  package func tables(_ key: String) -> [TableReader] {
    (list(key) ?? []).enumerated().map { index, item in
      TableReader(item, at: "\(path(of: key))[\(index)]", faults: faults)
    }
  }
}
