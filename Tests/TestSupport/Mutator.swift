package import CanaryCore

/// Makes inputs that nobody thought of, from those of a corpus: always the same from the same dice.
package struct Mutator {
  private let corpus: [[UInt8]]
  /// No input is longer.
  package static let longest = 64 << 10

  package init(_ corpus: [[UInt8]]) { self.corpus = corpus }

  /// Numbers that parsers and sums trip over.
  private static let numbers = [
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551616",
    "2147483648", "1e308", "1e309", "-1e308", "5e-324", "-1", "-0", "0", "00", "0.1.2", "0x10",
    "nan", "NaN", "Infinity", "-Infinity", "1000000000000", "99999999999999.999",
  ].map { Array($0.utf8) }

  /// What means something to one of the formats, or to those who read them carelessly.
  private static let tokens = [
    "{", "}", "[", "]", "(", ")", ";", ",", ":", "\"", "'", "\\", "#", "$", "${", "//", "/*", "*/",
    "\n", "\r\n", "\t", " ", "\0", "{{", "}}", "{{#", "{{/", "- ", ", ", " : ", "null", "true",
    "include ", "\\u0000", "\\ud800", "~1", "\u{202E}", "\u{FEFF}", "\u{E9}",
  ].map { Array($0.utf8) }

  /// A continuation without a start, a start without its end, an overlong form, a surrogate, a byte of nothing.
  private static let invalid: [[UInt8]] = [
    [0x80], [0xC3], [0xE2, 0x82], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
    [0xFF],
  ]

  package func input(_ dice: inout Dice) -> [UInt8] {
    var bytes = some(corpus, &dice)
    for _ in 0...dice.below(4) { change(&bytes, &dice) }
    return Array(bytes.prefix(Self.longest))
  }

  private func change(_ bytes: inout [UInt8], _ dice: inout Dice) {
    let range = Self.range(bytes, &dice)
    let at = range.lowerBound
    switch dice.below(12) {
    case 0:
      guard at < bytes.count else { return }
      bytes[at] ^= 1 << UInt8(dice.below(8))
    case 1:
      guard at < bytes.count else { return }
      bytes[at] = UInt8(truncatingIfNeeded: dice.next())
    case 2: bytes.removeSubrange(range)
    case 3: bytes.insert(contentsOf: bytes[range], at: dice.below(bytes.count + 1))
    case 4:
      let copies = 1 + dice.below(40)
      bytes.insert(contentsOf: repeatElement(bytes[range], count: copies).joined(), at: at)
    case 5: bytes.insert(contentsOf: some(Self.tokens, &dice), at: at)
    case 6: replaceNumber(&bytes, from: at, by: some(Self.numbers, &dice))
    case 7:
      let other = some(corpus, &dice)
      bytes = Array(bytes[..<at]) + other[dice.below(other.count + 1)...]
    case 8:
      let other = some(corpus, &dice)
      bytes.insert(contentsOf: other[Self.range(other, &dice)], at: at)
    case 9: nest(&bytes, at: at, &dice)
    case 10:
      let token = [UInt8(truncatingIfNeeded: dice.next())]
      let length = 1 << dice.below(16)
      bytes.insert(contentsOf: repeatElement(token, count: length).joined(), at: at)
    default: bytes.insert(contentsOf: some(Self.invalid, &dice), at: at)
    }
  }

  private func some(_ list: [[UInt8]], _ dice: inout Dice) -> [UInt8] {
    list[dice.below(list.count)]
  }

  /// A place and what follows it: mostly a little.
  private static func range(_ bytes: [UInt8], _ dice: inout Dice) -> Range<Int> {
    let at = dice.below(bytes.count + 1)
    let length = dice.below(1 << (1 + dice.below(10)))
    return at..<min(bytes.count, at + length)
  }

  /// Puts the number in the place of the next one in the text.
  private func replaceNumber(_ bytes: inout [UInt8], from at: Int, by number: [UInt8]) {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard let start = bytes[at...].firstIndex(where: digits.contains) else {
      bytes.insert(contentsOf: number, at: at)
      return
    }
    let end = bytes[start...].firstIndex { !digits.contains($0) } ?? bytes.count
    bytes.replaceSubrange(start..<end, with: number)
  }

  /// Opens something again and again, and closes it as often, or not.
  private func nest(_ bytes: inout [UInt8], at: Int, _ dice: inout Dice) {
    let pairs = [
      ("[", "]"), ("{\"a\":", "}"), ("a {", "}"), ("{{#rows}}", "{{/rows}}"), ("(", ")"),
    ]
    let (open, close) = pairs[dice.below(pairs.count)]
    let depth = 1 << dice.below(13)
    var nested = Array(repeatElement(Array(open.utf8), count: depth).joined())
    if dice.chance(50) { nested += repeatElement(Array(close.utf8), count: depth).joined() }
    bytes.insert(contentsOf: nested, at: at)
  }
}
