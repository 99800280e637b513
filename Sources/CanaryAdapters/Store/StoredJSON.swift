internal import CanaryCore
internal import FoundationEssentials

/// Reads what the store keeps as JSON; anybody who may write there may have changed it.
enum StoredJSON {
  /// Why a text is none of this version's.
  struct Damage: Error {}

  static func decode<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
    guard hasPlainNumbers(text) else { throw Damage() }
    let value = try JSONDecoder().decode(type, from: Data(text.utf8))
    guard (value as? any Checkable)?.isSound ?? true else { throw Damage() }
    return value
  }

  /// Whether no whole number is so large that the next sum with it would end the program.
  ///
  /// No count, time or sequence gets to 17 digits; `Double`s of that size are written with an
  /// exponent. The smallest `Int64` stands for "never".
  private static func hasPlainNumbers(_ text: String) -> Bool {
    var number: [UInt8] = []
    var isText = false
    var isEscaped = false
    var isFraction = false
    for byte in text.utf8 {
      switch byte {
      case _ where isEscaped: isEscaped = false
      case UInt8(ascii: "\\") where isText: isEscaped = true
      case UInt8(ascii: "\""): isText.toggle()
      case _ where isText: break
      case 48...57: if !isFraction { number.append(byte) }
      case UInt8(ascii: "."):
        isFraction = true
        number = []
      // An exponent: the digits before it are a Double's.
      case UInt8(ascii: "e"), UInt8(ascii: "E"): number = []
      default:
        if number.count > 16, number != Self.never { return false }
        number = []
        isFraction = false
      }
    }
    return number.count <= 16
  }

  private static let never = Array("9223372036854775808".utf8)
}
