internal import CanaryCore
internal import FoundationEssentials

/// The spellings of secrets that must not be shown, and the texts in which they are looked for.
struct Redaction: Sendable {
  /// One spelling of a secret.
  private struct Hidden: Hashable, Sendable {
    let bytes: [UInt8]
    /// How many bytes of its beginning are hidden too: a server may echo a part of what it got.
    let telling: Int
  }

  /// Longest first, so that a spelling that contains another one goes whole.
  private var hidden: [Hidden] = []

  /// The shortest secret: below, ordinary words would be cut up.
  private static let shortest = 4
  private static let dots = Array("•••".utf8)

  /// Hides a text from now on, as it is and as JSON, URLs, HTML and base64 spell it.
  mutating func hide(_ text: String, hidesBeginning: Bool) {
    guard text.utf8.count >= Self.shortest else { return }
    let base64 = Data(text.utf8).base64EncodedString().replacing("=", with: "")
    let percent = PlaceholderValues.percentEncoded(text)
    let quoted = String(JSONText.quoted(text).dropFirst().dropLast())
    let html = text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
      .replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    let spellings: Set<String> = [
      text, Self.decoded(text), quoted, quoted.replacing("/", with: "\\/"), percent,
      percent.lowercasedEscapes,
      percent.replacing("%20", with: "+"), html, base64,
      base64.replacing("+", with: "-").replacing("/", with: "_"),
    ]
    hidden += spellings.filter { $0.utf8.count >= Self.shortest }.map { spelling in
      let count = spelling.utf8.count
      // Half of a short secret gives it away, and a dozen bytes of any.
      let telling = hidesBeginning ? min(12, max(Self.shortest, count / 2)) : count
      return Hidden(bytes: Array(spelling.utf8), telling: telling)
    }
    hidden = Array(Set(hidden)).sorted { $0.bytes.count > $1.bytes.count }
  }

  /// The text without the percent escapes of URLs: a server may repeat what it has understood.
  private static func decoded(_ text: String) -> String {
    var out: [UInt8] = []
    var left = Array(text.utf8)[...]
    while let byte = left.popFirst() {
      if byte == UInt8(ascii: "%"), left.count >= 2,
        let value = UInt8(String(decoding: left.prefix(2), as: UTF8.self), radix: 16)
      {
        out.append(value)
        left = left.dropFirst(2)
      } else {
        out.append(byte)
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// The text with each hidden one replaced by dots, up to about `limit` bytes of the result.
  ///
  /// Looks at the whole text around each place, so that none is cut in half at the limit.
  func redacted(_ text: String, limit: Int = .max) -> String {
    let bytes = Array(text.utf8)
    var out: [UInt8] = []
    var at = 0
    while at < bytes.count, out.count < limit {
      let length = hidden.isEmpty ? 0 : hiddenLength(bytes, at)
      if length > 0 {
        out += Self.dots
        at += length
      } else {
        out.append(bytes[at])
        at += 1
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// How many bytes at this place are one of the hidden texts, or the beginning of one; 0: none.
  private func hiddenLength(_ bytes: [UInt8], _ at: Int) -> Int {
    var longest = 0
    for one in hidden where one.bytes[0] == bytes[at] {
      var count = 1
      while count < one.bytes.count, at + count < bytes.count,
        bytes[at + count] == one.bytes[count]
      {
        count += 1
      }
      if count >= one.telling { longest = max(longest, count) }
    }
    return longest
  }
}

extension String {
  /// The text with the digits of its percent escapes in lower case.
  fileprivate var lowercasedEscapes: String {
    var out = ""
    var left = 0
    for character in self {
      out += left > 0 ? character.lowercased() : String(character)
      left = character == "%" ? 2 : max(0, left - 1)
    }
    return out
  }
}
