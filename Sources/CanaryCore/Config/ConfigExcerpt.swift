/// The part of a config's text that concerns one service.
///
/// A revert needs no more: reading 10,000 services takes a second, and a fault in one of them must
/// not stand in the way of the others.
package struct ConfigExcerpt {
  private var bytes: [UInt8]
  private var at = 0

  /// The text with every other service blanked out, line by line as long as before.
  ///
  /// Nil when the service is not there, or when the text is not read for certain: then only the
  /// whole of it tells what is wrong.
  package static func text(_ text: String, keeping service: String) -> String? {
    var excerpt = ConfigExcerpt(bytes: Array(text.utf8))
    guard excerpt.blankOthers(than: service) else { return nil }
    return String(decoding: excerpt.bytes, as: UTF8.self)
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private mutating func blankOthers(than service: String) -> Bool {
    var isFound = false
    var tables = 0
    let isWhole = members { excerpt, key, _ in
      guard key == "services" else { return excerpt.skipValue() }
      tables += 1
      var blanks: [Range<Int>] = []
      let isRead = excerpt.members { inner, name, start in
        guard inner.skipValue() else { return false }
        if name == service {
          isFound = true
        } else {
          // With its comma, if it has one.
          let end = inner.at
          inner.skipSpace()
          blanks.append(start..<(inner.peek == UInt8(ascii: ",") ? inner.at + 1 : end))
        }
        return true
      }
      for range in blanks {
        for index in range where excerpt.bytes[index] != 10 { excerpt.bytes[index] = 32 }
      }
      return isRead
    }
    return isWhole && isFound && tables == 1
  }

  // MARK: JSON5

  private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard peek == byte else { return false }
    at += 1
    return true
  }

  /// Reads a table; `value` gets each key and where it starts, and moves on behind the value.
  private mutating func members(
    _ value: (inout ConfigExcerpt, String, Int) -> Bool
  ) -> Bool {
    skipSpace()
    guard take(UInt8(ascii: "{")) else { return false }
    while true {
      skipSpace()
      if take(UInt8(ascii: "}")) { return true }
      let start = at
      guard let key = key() else { return false }
      skipSpace()
      guard take(UInt8(ascii: ":")) else { return false }
      skipSpace()
      guard value(&self, key, start) else { return false }
      skipSpace()
      if !take(UInt8(ascii: ",")), peek != UInt8(ascii: "}"), bytes[at - 1] != UInt8(ascii: ",") {
        return false
      }
    }
  }

  /// A key, in quotes or bare; nil for one with an escape.
  private mutating func key() -> String? {
    let start = at
    if peek == UInt8(ascii: "\"") || peek == UInt8(ascii: "'") {
      guard skipText() else { return nil }
      let inside = bytes[(start + 1)..<(at - 1)]
      return inside.contains(UInt8(ascii: "\\")) ? nil : String(decoding: inside, as: UTF8.self)
    }
    while let byte = peek, Text.isAlphanumeric(byte) || byte == 95 || byte == 36 || byte > 127 {
      at += 1
    }
    return at > start ? String(decoding: bytes[start..<at], as: UTF8.self) : nil
  }

  private mutating func skipValue() -> Bool {
    var depth = 0
    let start = at
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return at > start }
        depth -= 1
        if depth == 0 {
          at += 1
          return true
        }
      case UInt8(ascii: ","): if depth == 0 { return at > start }
      case UInt8(ascii: "\""), UInt8(ascii: "'"):
        guard skipText() else { return false }
        if depth == 0 { return true }
        continue
      case UInt8(ascii: "/"):
        let before = at
        skipSpace()
        if at > before { continue }
      default: break
      }
      at += 1
    }
    return false
  }

  /// Skips a text in quotes; false when it does not end.
  private mutating func skipText() -> Bool {
    let quote = bytes[at]
    at += 1
    while let byte = peek {
      at += byte == UInt8(ascii: "\\") ? 2 : 1
      if byte == quote { return at <= bytes.count }
    }
    return false
  }

  /// Skips blanks and comments.
  private mutating func skipSpace() {
    while let byte = peek {
      let next = at + 1 < bytes.count ? bytes[at + 1] : 0
      if byte == UInt8(ascii: "/"), next == UInt8(ascii: "/") {
        while let byte = peek, byte != 10 { at += 1 }
      } else if byte == UInt8(ascii: "/"), next == UInt8(ascii: "*") {
        at += 2
        while at + 1 < bytes.count, bytes[at] != 42 || bytes[at + 1] != 47 { at += 1 }
        at = min(bytes.count, at + 2)
      } else if byte == 32 || (9...13).contains(byte) {
        at += 1
      } else {
        return
      }
    }
  }
}
