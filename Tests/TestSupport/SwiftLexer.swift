/// Bytes into tokens; comments and the text of literals are left out.
struct SwiftLexer {
  private let bytes: [UInt8]
  private var at = 0
  private var line = 1
  var tokens: [SwiftText.Token] = []
  var faults: [String] = []
  private static let symbols = (0...127).map { String(UnicodeScalar(UInt8($0))) }

  init(_ text: String) { bytes = Array(text.utf8) + [10, 0, 0, 0] }

  private func isWord(_ byte: UInt8) -> Bool {
    byte >= 97 && byte <= 122 || byte >= 65 && byte <= 90 || byte == 95 || byte == 36
      || byte >= 128 || byte >= 48 && byte <= 57
  }

  private mutating func add(_ kind: SwiftText.Kind, from start: Int) {
    let text = String(decoding: bytes[start..<at], as: UTF8.self)
    tokens.append(SwiftText.Token(kind: kind, text: text, line: line))
  }

  private mutating func fault(_ what: String, _ from: Int) { faults.append("\(from): \(what)") }

  /// Code, to the end of the text; in a string, to the parenthesis that ends its `\(`.
  mutating func code(inString: Bool) {
    var open = 0
    while at < bytes.count - 4 {
      let byte = bytes[at]
      switch byte {
      case 10:
        line += 1
        at += 1
      case 32, 9, 13: at += 1
      case UInt8(ascii: "/") where bytes[at + 1] == byte: while bytes[at] != 10 { at += 1 }
      case UInt8(ascii: "/") where bytes[at + 1] == UInt8(ascii: "*"): comment()
      case UInt8(ascii: "/") where isRegex: regex(hashes: 0)
      case UInt8(ascii: "\""): string(hashes: 0)
      case UInt8(ascii: "#"): hash()
      case UInt8(ascii: "`"):
        let start = at + 1
        repeat { at += 1 } while bytes[at] != byte && bytes[at] != 10
        add(.quoted, from: start)
        at += 1
      case _ where isWord(byte):
        let start = at
        let isNumber = byte >= 48 && byte <= 57
        at += 1
        while isWord(bytes[at])
          || isNumber && bytes[at] == UInt8(ascii: ".") && bytes[at + 1] >= 48
            && bytes[at + 1] <= 57
        {
          at += 1
        }
        add(isNumber ? .number : .word, from: start)
      default:
        if byte == UInt8(ascii: "(") { open += 1 }
        if byte == UInt8(ascii: ")") {
          open -= 1
          if inString, open < 0 { return }
        }
        tokens.append(
          SwiftText.Token(kind: .symbol, text: Self.symbols[Int(byte & 127)], line: line))
        at += 1
      }
    }
    if inString { fault("a string does not end", line) }
  }

  /// Block comments stand in each other.
  private mutating func comment() {
    let start = line
    var depth = 0
    while at < bytes.count - 4 {
      let two = (bytes[at], bytes[at + 1])
      if two == (UInt8(ascii: "/"), UInt8(ascii: "*")) {
        depth += 1
        at += 2
      } else if two == (UInt8(ascii: "*"), UInt8(ascii: "/")) {
        depth -= 1
        at += 2
        if depth == 0 { return }
      } else {
        if two.0 == 10 { line += 1 }
        at += 1
      }
    }
    fault("a comment does not end", start)
  }

  /// `#"…"#`, `#/…/#`, or what begins with a `#` otherwise.
  private mutating func hash() {
    var count = 0
    while bytes[at + count] == UInt8(ascii: "#") { count += 1 }
    if bytes[at + count] == UInt8(ascii: "\"") {
      at += count
      string(hashes: count)
    } else if bytes[at + count] == UInt8(ascii: "/") {
      at += count
      regex(hashes: count)
    } else {
      tokens.append(SwiftText.Token(kind: .symbol, text: "#", line: line))
      at += 1
    }
  }

  /// Whether a slash begins a literal: a value is expected, no blank follows, the line has another.
  private var isRegex: Bool {
    let before = tokens.last.map { "([{,;:=?!&|".contains($0.text) || $0.text == "return" } ?? true
    guard before, bytes[at + 1] != 32, bytes[at + 1] != 10 else { return false }
    return bytes[(at + 1)...].prefix { $0 != 10 }.contains(bytes[at])
  }

  private mutating func regex(hashes: Int) {
    let start = line
    at += 1
    while at < bytes.count - 4, !ends(UInt8(ascii: "/"), quotes: 1, hashes: hashes) {
      if bytes[at] == 10 { line += 1 }
      at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
    }
    if at >= bytes.count - 4 { fault("a regex does not end", start) }
    at += 1 + hashes
  }

  private func ends(_ quote: UInt8, quotes: Int, hashes: Int) -> Bool {
    guard bytes[at] == quote, at + quotes + hashes < bytes.count else { return false }
    for next in 0..<quotes where bytes[at + next] != quote { return false }
    for next in 0..<hashes where bytes[at + quotes + next] != UInt8(ascii: "#") { return false }
    return true
  }

  /// A literal from its first quote on; what is interpolated is code.
  private mutating func string(hashes: Int) {
    let start = line
    let quote = UInt8(ascii: "\"")
    var rest = at + 3
    while bytes[rest] == 32 { rest += 1 }
    // Only a line that ends here makes it one of several lines: #"""# is a quote.
    let isLong = bytes[at + 1] == quote && bytes[at + 2] == quote && bytes[rest] == 10
    at += isLong ? 3 : 1
    while at < bytes.count - 4 {
      let byte = bytes[at]
      if byte == UInt8(ascii: "\\") {
        at += 1
        var count = 0
        while count < hashes, bytes[at + count] == UInt8(ascii: "#") { count += 1 }
        guard count == hashes else { continue }
        at += count
        if bytes[at] == UInt8(ascii: "(") {
          at += 1
          code(inString: true)
        }
        if bytes[at] != 10 { at += 1 }
      } else if byte == quote, ends(quote, quotes: isLong ? 3 : 1, hashes: hashes) {
        at += (isLong ? 3 : 1) + hashes
        return
      } else {
        if byte == 10 {
          guard isLong else { break }
          line += 1
        }
        at += 1
      }
    }
    fault("a string does not end", start)
  }
}
