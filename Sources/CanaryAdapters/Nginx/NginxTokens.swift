/// The words and punctuation of an Nginx file, each with its place in the text.
struct NginxTokens {
  enum Token: Equatable {
    case word(String)
    case open, close, end
  }

  private let bytes: [UInt8]
  private var at = 0
  /// The line, from 1, in which the last token starts.
  private(set) var line = 1
  private var counted = 0
  /// The bytes of the last token.
  private(set) var range = 0..<0
  /// The first word of the directive that is being read.
  private var first: String?

  init(_ text: String) { bytes = Array(text.utf8) }

  private mutating func countLines() {
    for index in counted..<at where bytes[index] == 10 { line += 1 }
    counted = at
  }

  mutating func next() -> Token? {
    while at < bytes.count {
      countLines()
      switch bytes[at] {
      case 9, 10, 13, 32: at += 1
      case UInt8(ascii: "#"): while at < bytes.count, bytes[at] != 10 { at += 1 }
      case UInt8(ascii: "{"): return open()
      case UInt8(ascii: "}"): return mark(.close)
      case UInt8(ascii: ";"): return mark(.end)
      case UInt8(ascii: "\""), UInt8(ascii: "'"): return word(quoted: bytes[at])
      default: return word(quoted: nil)
      }
    }
    return nil
  }

  private mutating func mark(_ token: Token) -> Token {
    range = at..<(at + 1)
    at += 1
    first = nil
    return token
  }

  private mutating func open() -> Token {
    let isLua = first?.hasSuffix("_by_lua_block") == true
    let token = mark(.open)
    if isLua { skipLua() }
    return token
  }

  private mutating func word(quoted quote: UInt8?) -> Token {
    let start = at
    let text = quote.map { quoted($0) } ?? plain()
    range = start..<at
    if first == nil { first = text }
    return .word(text)
  }

  private mutating func quoted(_ quote: UInt8) -> String {
    at += 1
    let start = at
    while at < bytes.count, bytes[at] != quote {
      at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
    }
    at = min(at, bytes.count)
    let inside = start..<at
    at = min(at + 1, bytes.count)
    return Self.unescaped(bytes[inside])
  }

  private mutating func plain() -> String {
    let start = at
    while at < bytes.count, ![9, 10, 13, 32, 59, 123].contains(bytes[at]) {
      switch bytes[at] {
      case UInt8(ascii: "\\"): at += 2
      // `${name}` is part of a word.
      case UInt8(ascii: "$") where at + 1 < bytes.count && bytes[at + 1] == UInt8(ascii: "{"):
        at += 2
      default: at += 1
      }
    }
    at = min(at, bytes.count)
    return Self.unescaped(bytes[start..<at])
  }

  /// A word as Nginx reads it: a backslash only quotes what would have another meaning.
  ///
  /// So `\.` of a regular expression keeps its backslash.
  private static func unescaped(_ bytes: ArraySlice<UInt8>) -> String {
    guard bytes.contains(UInt8(ascii: "\\")) else { return String(decoding: bytes, as: UTF8.self) }
    var out: [UInt8] = []
    var at = bytes.startIndex
    while at < bytes.endIndex {
      let byte = bytes[at]
      at += 1
      guard byte == UInt8(ascii: "\\"), at < bytes.endIndex else {
        out.append(byte)
        continue
      }
      switch bytes[at] {
      case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"): out.append(bytes[at])
      case UInt8(ascii: "t"): out.append(9)
      case UInt8(ascii: "r"): out.append(13)
      case UInt8(ascii: "n"): out.append(10)
      default: out += [byte, bytes[at]]
      }
      at += 1
    }
    return String(decoding: out, as: UTF8.self)
  }

  // MARK: Lua

  /// Skips the program of a `…_by_lua_block`, up to its last brace.
  ///
  /// In Lua an apostrophe may stand in a comment, and `#` is an operator.
  private mutating func skipLua() {
    var depth = 0
    while at < bytes.count {
      switch bytes[at] {
      case UInt8(ascii: "{"):
        depth += 1
        at += 1
      case UInt8(ascii: "}"):
        if depth == 0 { return }
        depth -= 1
        at += 1
      case UInt8(ascii: "\""), UInt8(ascii: "'"): _ = quoted(bytes[at])
      case UInt8(ascii: "["): if !skipLong() { at += 1 }
      case UInt8(ascii: "-") where at + 1 < bytes.count && bytes[at + 1] == UInt8(ascii: "-"):
        at += 2
        if at < bytes.count, bytes[at] == UInt8(ascii: "["), skipLong() { continue }
        while at < bytes.count, bytes[at] != 10 { at += 1 }
      default: at += 1
      }
    }
  }

  /// Skips `[==[ … ]==]`; false when there is none here.
  private mutating func skipLong() -> Bool {
    var end = at + 1
    while end < bytes.count, bytes[end] == UInt8(ascii: "=") { end += 1 }
    guard end < bytes.count, bytes[end] == UInt8(ascii: "[") else { return false }
    let level = end - at - 1
    let close =
      [UInt8(ascii: "]")] + Array(repeating: UInt8(ascii: "="), count: level)
      + [UInt8(ascii: "]")]
    at = end + 1
    while at < bytes.count, !bytes[at...].starts(with: close) { at += 1 }
    at = min(at + close.count, bytes.count)
    return true
  }
}
