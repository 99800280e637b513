extension JSONReader {
  /// Reads a text in quotes, from its first quote to behind its last.
  ///
  /// With `isLoose`, by the rules of JSON5: a backslash may stand before any character, and before
  /// the end of a line, which it takes away.
  mutating func quoted(isLoose: Bool) throws(Fault) -> String {
    let quote = bytes[at]
    at += 1
    let start = at
    while at < bytes.count, bytes[at] != quote, bytes[at] != UInt8(ascii: "\\"), bytes[at] >= 32 {
      at += 1
    }
    // Most texts have nothing to decode.
    if at < bytes.count, bytes[at] == quote {
      at += 1
      return String(decoding: bytes[start..<(at - 1)], as: UTF8.self)
    }
    var out = Array(bytes[start..<at])
    while at < bytes.count, bytes[at] != quote {
      switch bytes[at] {
      case UInt8(ascii: "\\"): try escape(&out, isLoose)
      case 10: throw fault("a text does not end on its line")
      case 0..<32 where !isLoose: throw fault("a text has a control character")
      default:
        out.append(bytes[at])
        at += 1
      }
    }
    guard at < bytes.count else { throw fault("a text does not end") }
    at += 1
    return String(decoding: out, as: UTF8.self)
  }

  private mutating func escape(_ out: inout [UInt8], _ isLoose: Bool) throws(Fault) {
    at += 1
    guard at < bytes.count else { throw fault("a text does not end") }
    let byte = bytes[at]
    at += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
    case UInt8(ascii: "b"): out.append(8)
    case UInt8(ascii: "f"): out.append(12)
    case UInt8(ascii: "n"): out.append(10)
    case UInt8(ascii: "r"): out.append(13)
    case UInt8(ascii: "t"): out.append(9)
    case UInt8(ascii: "u"): out += Array(String(try scalar()).utf8)
    case _ where !isLoose: throw fault("a text has an unknown escape")
    case UInt8(ascii: "v"): out.append(11)
    case UInt8(ascii: "0"): out.append(0)
    case UInt8(ascii: "x"):
      let value = try hexadecimal(2)
      out += Array(String(UnicodeScalar(UInt8(value))).utf8)
    case 13:
      if at < bytes.count, bytes[at] == 10 { at += 1 }
      line += 1
    case 10: line += 1
    default: out.append(byte)
    }
  }

  /// Reads the digits of `\u`, and those of a second one where two make a character.
  private mutating func scalar() throws(Fault) -> Character {
    var value = try hexadecimal(4)
    if (0xD800..<0xDC00).contains(value), at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"),
      bytes[at + 1] == UInt8(ascii: "u")
    {
      at += 2
      let low = try hexadecimal(4)
      guard (0xDC00..<0xE000).contains(low) else { throw fault("a text has half a character") }
      value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00)
    }
    guard let scalar = UnicodeScalar(value) else { throw fault("a text has half a character") }
    return Character(scalar)
  }

  private mutating func hexadecimal(_ digits: Int) throws(Fault) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<digits {
      guard at < bytes.count, let digit = Character(UnicodeScalar(bytes[at])).hexDigitValue else {
        throw fault("a text has an escape that is cut short")
      }
      value = value << 4 | UInt32(digit)
      at += 1
    }
    return value
  }
}
