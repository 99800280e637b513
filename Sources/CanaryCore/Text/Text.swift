/// Bounds and checks texts from outside before canary shows or uses them.
package enum Text {
  /// The text on one line, safe to show: `U+FFFD` replaces every character that is not seen.
  ///
  /// In a text with more than `limit` characters, `…` replaces the middle. Scalars beyond the first
  /// `4 * limit` are dropped before that.
  package static func sanitized(_ text: String, limit: Int = 120) -> String {
    var out = ""
    for scalar in text.unicodeScalars.prefix(limit * 4) {
      out.unicodeScalars.append(isInvisible(scalar) ? "\u{FFFD}" : scalar)
    }
    guard out.count > limit else { return out }
    return out.prefix(limit * 2 / 3) + "…" + out.suffix(limit / 3)
  }

  /// The text on one line without the characters that are not seen, for a text that is kept.
  package static func visible(_ text: String, limit: Int = 500) -> String {
    var out = ""
    for scalar in text.unicodeScalars.prefix(limit * 4) {
      if !isInvisible(scalar) {
        out.unicodeScalars.append(scalar)
      } else if scalar.properties.isWhitespace {
        out += " "
      }
    }
    return String(out.prefix(limit))
  }

  /// Whether the character is not seen: a control character, a mark of direction or format, the end
  /// of a line or paragraph, or one that leaves no trace.
  ///
  /// With them, a text can look like another one, or show its words in another order.
  package static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return scalar.value < 32 || scalar.value == 127 }
    // What chooses between text and picture for the character before it.
    if scalar.value == 0xFE0E || scalar.value == 0xFE0F { return false }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: return true
    default: return scalar.properties.isDefaultIgnorableCodePoint
    }
  }

  /// Whether the text is 1 to 63 ASCII letters, digits, `-` or `_`, and begins with a letter or
  /// digit.
  static func isName(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard (1...63).contains(bytes.count), isAlphanumeric(bytes[0]) else { return false }
    return bytes.allSatisfy {
      isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
    }
  }

  /// Whether the byte is an ASCII letter or digit.
  static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }
}
