/// The id that Nginx's userid module gives a client, as the draw reads it (`$uid_got$uid_set`).
package enum UserID {
  /// The name of a service's cookie.
  package static func cookie(of service: ServiceName) -> String { "canary_\(service.variable)" }

  /// The key that a client with this cookie is drawn by; nil: Nginx gives it a new id.
  ///
  /// The module takes 22 digits of base64, whatever follows, as 16 bytes, and shows them as four
  /// numbers of its host: `NAME=` and 32 hexadecimal digits.
  package static func key(_ name: String, _ value: String) -> String? {
    guard value.utf8.count >= 22, let bytes = decode(value.utf8.prefix(22)),
      // The last number tells an id from none.
      bytes[12...] != [0, 0, 0, 0]
    else { return nil }
    var text = "\(name)="
    for start in stride(from: 0, to: 16, by: 4) {
      // The least significant byte comes first, as on every host that canary is built for.
      for byte in bytes[start..<(start + 4)].reversed() {
        let digits = String(byte, radix: 16, uppercase: true)
        text += byte < 16 ? "0\(digits)" : digits
      }
    }
    return text
  }

  /// 16 bytes, of which those that the digits do not fill are zero; nil: not base64.
  private static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var (bits, count, digits) = (UInt32(0), 0, 0)
    for byte in text {
      // A `=` ends the digits.
      if byte == 61 { break }
      guard let digit = digit(byte) else { return nil }
      bits = bits << 6 | digit
      count += 6
      digits += 1
      guard count >= 8 else { continue }
      count -= 8
      bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
    }
    guard digits % 4 != 1 else { return nil }
    return bytes + Array(repeating: 0, count: 16 - bytes.count)
  }

  private static func digit(_ byte: UInt8) -> UInt32? {
    switch byte {
    case 65...90: UInt32(byte - 65)
    case 97...122: UInt32(byte - 97) + 26
    case 48...57: UInt32(byte - 48) + 52
    case 43: 62
    case 47: 63
    default: nil
    }
  }
}
