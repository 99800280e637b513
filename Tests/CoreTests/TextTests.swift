import CanaryCore
import TestSupport
import Testing

/// Texts of others on a screen, a page and in JSON.
@Suite(.busy) struct TextTests {
  private static let unseen: [UInt32] =
    Array(0...31) + Array(127...159) + Array(0x200B...0x200F) + Array(0x2028...0x202E)
    + Array(0x2060...0x206F) + [0xAD, 0x61C, 0x180E, 0xFEFF, 0x3164, 0xE0001, 0xE0041]

  @Test func `what is not seen is shown as such, escaped or taken out`() {
    for value in Self.unseen {
      let scalar = UnicodeScalar(value) ?? " "
      let text = "a\(Character(scalar))b"
      #expect(Text.sanitized(text) == "a\u{FFFD}b", "\(value)")
      #expect(!Text.visible(text).unicodeScalars.contains(scalar), "\(value)")
      let quoted = JSONText.quoted(text)
      #expect(quoted.unicodeScalars.allSatisfy { (32...126).contains($0.value) }, "\(quoted)")
      #expect((try? JSONReader.read(quoted).node) == .text(text), "\(quoted)")
    }
    #expect(Text.visible("a\nb\u{2028}c\u{200B}d") == "a b cd")
    for text in ["周末 é ñ 😀 ❤\u{FE0F} \"x\" <y> ä", "العربية", "v1.2.3-rc.1+build"] {
      #expect(Text.sanitized(text) == text && Text.visible(text) == text)
    }
  }

  @Test func `a span is told in two parts, and never as more than it is`() {
    for (milliseconds, down, up) in [
      (0, "0 s", "0 s"), (20, "0.02 s", "0.02 s"), (1255, "1.25 s", "1.26 s"),
      (19_809, "19 s", "20 s"), (59_999, "59 s", "1 m"), (90_000, "1 m 30 s", "1 m 30 s"),
      (3_599_500, "59 m 59 s", "1 h"), (7_830_000, "2 h 10 m", "2 h 11 m"),
      (86_400_000, "1 d", "1 d"),
    ] as [(Int64, String, String)] {
      let span = Span(milliseconds: milliseconds)
      #expect(span.words == down && span.wordsAtMost == up, "\(span.words) \(span.wordsAtMost)")
    }
    #expect(
      Text.count(1, "try", "tries") == "1 try" && Text.count(1204, "request") == "1,204 requests")
  }
}
