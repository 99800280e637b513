/// Reads JSON of others, and JSON5, in one pass over its bytes.
///
/// Whoever answers a question chooses the text: the time that it takes grows with its length only,
/// and depth and count of its values are bounded.
package struct JSONReader {
  /// What is accepted beside strict JSON.
  package enum Dialect: Sendable { case strict, json5 }

  /// Why a text is not read, and the line and the column at which that shows, both from 1.
  package struct Fault: Error, Hashable, Sendable {
    package let line: Int
    package let column: Int
    package let reason: String
  }

  /// A key that a table has twice, and both lines.
  package struct Twice: Hashable, Sendable {
    /// The path of the key, as faults name it.
    package let path: String
    package let first: Int
    package let second: Int
  }

  /// Deeper than any config and any answer of an API; a bound for the stack.
  private static let deepest = 32
  /// No answer to a check needs so many: 64 bytes a value make 16 MiB.
  package static let mostNodes = 250_000

  var bytes: UnsafeBufferPointer<UInt8>
  var at = 0
  var line = 1
  private let isLoose: Bool
  private var nodesLeft: Int
  /// The keys and indexes on the way to the value that is being read.
  private var steps: [Step] = []
  private var twice: [Twice] = []

  private enum Step {
    case key(String)
    case index(Int)
  }

  /// The value of the text, and each key that a table has twice; the first one of those counts.
  package static func read(
    _ text: String, _ dialect: Dialect = .strict, mostNodes: Int = mostNodes
  ) throws(Fault) -> (node: Node, twice: [Twice]) {
    let bytes = Array(text.utf8)
    let result = bytes.withUnsafeBufferPointer { bytes -> Result<(Node, [Twice]), Fault> in
      var reader = JSONReader(bytes, dialect, mostNodes)
      do throws(Fault) {
        return .success((try reader.document(), reader.twice))
      } catch {
        return .failure(error)
      }
    }
    let (node, twice) = try result.get()
    return (node, twice)
  }

  private init(_ bytes: UnsafeBufferPointer<UInt8>, _ dialect: Dialect, _ mostNodes: Int) {
    self.bytes = bytes
    isLoose = dialect == .json5
    nodesLeft = mostNodes
  }

  // MARK: values

  private mutating func document() throws(Fault) -> Node {
    // A byte order mark.
    if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { at = 3 }
    let node = try value(0)
    try skip()
    guard at == bytes.count else { throw fault("something follows the value") }
    return node
  }

  private mutating func value(_ depth: Int) throws(Fault) -> Node {
    try skip()
    guard depth <= Self.deepest else { throw fault("it is nested more than \(Self.deepest) deep") }
    guard nodesLeft > 0 else { throw fault("it has too many values") }
    nodesLeft -= 1
    guard at < bytes.count else { throw fault("it ends too early") }
    switch bytes[at] {
    case UInt8(ascii: "{"): return try table(depth)
    case UInt8(ascii: "["): return try list(depth)
    case UInt8(ascii: "\""): return .text(try quoted(isLoose: isLoose))
    case UInt8(ascii: "'") where isLoose: return .text(try quoted(isLoose: true))
    default: return try bare()
    }
  }

  private mutating func table(_ depth: Int) throws(Fault) -> Node {
    at += 1
    var table: [String: Node] = [:]
    var lines: [String: Int] = [:]
    while !(try ends(with: UInt8(ascii: "}"), isFirst: table.isEmpty)) {
      let place = line
      let key = try key()
      try skip()
      guard at < bytes.count, bytes[at] == UInt8(ascii: ":") else {
        throw fault("a key must be followed by ':'")
      }
      at += 1
      steps.append(.key(key))
      let value = try value(depth + 1)
      if table[key] == nil {
        table[key] = value
        if isLoose { lines[key] = place }
      } else if let first = lines[key], twice.count < 100 {
        twice.append(Twice(path: path, first: first, second: place))
      }
      steps.removeLast()
    }
    return .table(table)
  }

  private mutating func list(_ depth: Int) throws(Fault) -> Node {
    at += 1
    var items: [Node] = []
    while !(try ends(with: UInt8(ascii: "]"), isFirst: items.isEmpty)) {
      steps.append(.index(items.count))
      items.append(try value(depth + 1))
      steps.removeLast()
    }
    return .list(items)
  }

  /// Whether a table or list ends here; moves on behind its end, or behind the comma before the next
  /// value.
  private mutating func ends(with end: UInt8, isFirst: Bool) throws(Fault) -> Bool {
    try skip()
    guard at < bytes.count else { throw fault("it ends too early") }
    if bytes[at] == end {
      at += 1
      return true
    }
    if isFirst { return false }
    guard bytes[at] == UInt8(ascii: ",") else {
      let place = lineBefore < line ? " after line \(lineBefore)" : ""
      throw fault("',' or '\(UnicodeScalar(end))' is missing\(place)")
    }
    at += 1
    try skip()
    guard at < bytes.count, bytes[at] == end else { return false }
    guard isLoose else { throw fault("a value is missing after ','") }
    at += 1
    return true
  }

  private mutating func key() throws(Fault) -> String {
    switch bytes[at] {
    case UInt8(ascii: "\""): return try quoted(isLoose: isLoose)
    case UInt8(ascii: "'") where isLoose: return try quoted(isLoose: true)
    default: break
    }
    let word = isLoose ? word() : ""
    guard let first = word.utf8.first, !(48...57).contains(first), first != 45, first != 43 else {
      throw fault("a key is missing")
    }
    return word
  }

  private mutating func bare() throws(Fault) -> Node {
    let start = at
    let word = word()
    switch word {
    case "null": return .null
    case "true": return .bool(true)
    case "false": return .bool(false)
    default: break
    }
    if let number = JSONNumber.parse(bytes[start..<at], isLoose: isLoose) { return .number(number) }
    at = start
    throw fault("a value is missing, or must be in quotes")
  }

  /// The bytes up to white space or a mark of the syntax.
  private mutating func word() -> String {
    let start = at
    while at < bytes.count, bytes[at] > 32, !Self.isMark(bytes[at]), !isWideSpace { at += 1 }
    return String(decoding: bytes[start..<at], as: UTF8.self)
  }

  private static func isMark(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "{"), UInt8(ascii: "}"),
      UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "\""), UInt8(ascii: "'"),
      UInt8(ascii: "/"):
      true
    default: false
    }
  }

  // MARK: space

  /// Skips white space, and in JSON5 comments.
  private mutating func skip() throws(Fault) {
    while at < bytes.count {
      switch bytes[at] {
      case 10:
        line += 1
        at += 1
      case 9, 13, 32: at += 1
      case 0xC2 where isWideSpace: at += 2
      case 0xEF where isWideSpace: at += 3
      case 11, 12:
        guard isLoose else { return }
        at += 1
      case UInt8(ascii: "/") where isLoose && follows(UInt8(ascii: "/"), 1):
        while at < bytes.count, bytes[at] != 10 { at += 1 }
      case UInt8(ascii: "/") where isLoose && follows(UInt8(ascii: "*"), 1): try skipComment()
      default: return
      }
    }
  }

  /// Whether a no-break space is here, or a byte order mark in the middle.
  private var isWideSpace: Bool {
    isLoose
      && (bytes[at] == 0xC2
        ? follows(0xA0, 1) : bytes[at] == 0xEF && follows(0xBB, 1) && follows(0xBF, 2))
  }

  private mutating func skipComment() throws(Fault) {
    at += 2
    while !(at + 1 < bytes.count && bytes[at] == UInt8(ascii: "*") && follows(47, 1)) {
      guard at < bytes.count else { throw fault("a comment does not end") }
      if bytes[at] == 10 { line += 1 }
      at += 1
    }
    at += 2
  }

  private func follows(_ byte: UInt8, _ step: Int) -> Bool {
    at + step < bytes.count && bytes[at + step] == byte
  }

  func fault(_ reason: String) -> Fault {
    let start = bytes[..<at].lastIndex(of: 10).map { $0 + 1 } ?? 0
    let column = String(decoding: bytes[start..<at], as: UTF8.self).count + 1
    return Fault(line: line, column: column, reason: reason)
  }

  /// The line of the last value before this place, where a mark after it was forgotten.
  private var lineBefore: Int {
    var (end, line) = (at, line)
    while end > 0, bytes[end - 1] <= 32 {
      if bytes[end - 1] == 10 { line -= 1 }
      end -= 1
    }
    return line
  }

  /// The path of the value that is being read, as faults name it.
  private var path: String {
    steps.reduce("") { path, step in
      switch step {
      case .key(let key): TableReader(.table([:]), at: path, faults: FaultList()).path(of: key)
      case .index(let index): "\(path)[\(index)]"
      }
    }
  }
}
