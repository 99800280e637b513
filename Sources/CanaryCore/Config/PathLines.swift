/// Finds the line of each key and item of a JSON5 text, by the paths that faults have.
///
/// Foundation decodes the config but does not report lines. This scanner accepts any JSON5, and
/// reports where another text first stops being JSON5.
package struct PathLines {
  private var lines: [String: Int] = [:]
  /// The line at which the structure of the text stops being JSON5; nil: it never does.
  package private(set) var fault: Int?

  private let bytes: [UInt8]
  private var at = 0
  private var line = 1

  /// The deepest nesting that is read: deeper than any config, and a bound for the stack.
  private static let deepest = 200

  package init(_ text: String) {
    bytes = Array(text.utf8)
    value("", 0)
    skip()
    if at < bytes.count { stop() }
  }

  /// The line of a path, or of its nearest enclosing path that the text contains; nil: it contains
  /// none of them.
  package subscript(path: String) -> Int? {
    var path = Substring(path)
    while true {
      if let found = lines[String(path)] { return found }
      guard let end = path.lastIndex(where: { $0 == "." || $0 == "[" || $0 == ":" }) else {
        return lines[String(path)]
      }
      path = path[..<end]
    }
  }

  /// Records the fault, if it is the first, and ends the scan.
  private mutating func stop() {
    if fault == nil { fault = line }
    at = bytes.count
  }

  /// Skips white space (with a byte order mark and no-break spaces) and comments.
  private mutating func skip() {
    while at < bytes.count {
      switch bytes[at] {
      case 10:
        line += 1
        at += 1
      case 32, 9, 13, 0xC2, 0xA0, 0xEF, 0xBB, 0xBF: at += 1
      case 47 where at + 1 < bytes.count && bytes[at + 1] == 47:
        while at < bytes.count, bytes[at] != 10 { at += 1 }
      case 47 where at + 1 < bytes.count && bytes[at + 1] == 42:
        at += 2
        while at + 1 < bytes.count, !(bytes[at] == 42 && bytes[at + 1] == 47) {
          if bytes[at] == 10 { line += 1 }
          at += 1
        }
        at += 2
      default: return
      }
    }
  }

  private mutating func value(_ path: String, _ depth: Int) {
    skip()
    guard at < bytes.count, depth < Self.deepest else { return stop() }
    switch bytes[at] {
    case 123: table(path, depth)
    case 91: list(path, depth)
    case 34, 39: _ = quoted()
    default:
      let start = at
      while at < bytes.count, !Self.ends.contains(bytes[at]) { at += 1 }
      if at == start { stop() }
    }
  }

  /// The bytes that end a bare word: white space, `,`, `:`, `]`, `}`, `{`, `[`, `/` and quotes.
  private static let ends: Set<UInt8> = [9, 10, 13, 32, 34, 39, 44, 47, 58, 91, 93, 123, 125]

  private mutating func table(_ path: String, _ depth: Int) {
    at += 1
    while true {
      skip()
      guard at < bytes.count else { return stop() }
      if bytes[at] == 125 {
        at += 1
        return
      }
      let place = line
      guard let key = key() else { return stop() }
      let inner = Self.step(path, key)
      if lines[inner] == nil { lines[inner] = place }
      skip()
      guard at < bytes.count, bytes[at] == 58 else { return stop() }
      at += 1
      value(inner, depth + 1)
      guard goesOn(125) else { return }
    }
  }

  private mutating func list(_ path: String, _ depth: Int) {
    at += 1
    var index = 0
    while true {
      skip()
      guard at < bytes.count else { return stop() }
      if bytes[at] == 93 {
        at += 1
        return
      }
      let inner = "\(path)[\(index)]"
      lines[inner] = line
      value(inner, depth + 1)
      index += 1
      guard goesOn(93) else { return }
    }
  }

  /// Skips the comma after a value; false, and a fault, unless a comma or the closing byte `end`
  /// follows.
  private mutating func goesOn(_ end: UInt8) -> Bool {
    skip()
    guard at < bytes.count, bytes[at] == 44 || bytes[at] == end else {
      stop()
      return false
    }
    if bytes[at] == 44 { at += 1 }
    return true
  }

  private mutating func key() -> String? {
    if bytes[at] == 34 || bytes[at] == 39 { return quoted() }
    let start = at
    while at < bytes.count, !Self.ends.contains(bytes[at]) { at += 1 }
    return at == start ? nil : String(decoding: bytes[start..<at], as: UTF8.self)
  }

  private mutating func quoted() -> String? {
    let quote = bytes[at]
    at += 1
    var text: [UInt8] = []
    while at < bytes.count, bytes[at] != quote {
      if bytes[at] == 10 { line += 1 }
      if bytes[at] == 92, at + 1 < bytes.count { at += 1 }
      text.append(bytes[at])
      at += 1
    }
    guard at < bytes.count else {
      stop()
      return nil
    }
    at += 1
    return String(decoding: text, as: UTF8.self)
  }

  /// The path with one more key, spelled as in faults.
  private static func step(_ path: String, _ key: String) -> String {
    TableReader(.table([:]), at: path, faults: FaultList()).path(of: key)
  }
}
