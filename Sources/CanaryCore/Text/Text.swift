/// Bounds and checks texts from outside before canary shows or uses them.
package enum Text {
  /// The text on one line, safe to show: `U+FFFD` replaces control characters and marks that change
  /// text direction.
  ///
  /// In a text with more than `limit` characters, `…` replaces the middle. Scalars beyond the first
  /// `4 * limit` are dropped before that.
  package static func sanitized(_ text: String, limit: Int = 120) -> String {
    var out = ""
    for scalar in text.unicodeScalars.prefix(limit * 4) {
      switch scalar.value {
      case 0..<32, 127...159, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: out += "\u{FFFD}"
      default: out.unicodeScalars.append(scalar)
      }
    }
    guard out.count > limit else { return out }
    return out.prefix(limit * 2 / 3) + "…" + out.suffix(limit / 3)
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
