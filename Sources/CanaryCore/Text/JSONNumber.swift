/// Reads the numbers of JSON.
enum JSONNumber {
  private typealias Bytes = Slice<UnsafeBufferPointer<UInt8>>

  /// The number that these bytes spell; nil when they spell none.
  ///
  /// One that a `Double` cannot hold is infinite. With `isLoose`, by the rules of JSON5: a plus sign,
  /// a point at the start or end, hexadecimal digits, `Infinity` and `NaN` are numbers as well.
  static func parse(_ bytes: Slice<UnsafeBufferPointer<UInt8>>, isLoose: Bool) -> Double? {
    guard let first = bytes.first, bytes.count <= 400 else { return nil }
    let isSigned = first == 45 || (isLoose && first == 43)
    let digits = isSigned ? bytes.dropFirst() : bytes
    let text = String(decoding: digits, as: UTF8.self)
    let value: Double
    if isLoose, text == "Infinity" {
      value = .infinity
    } else if isLoose, text == "NaN" {
      value = .nan
    } else if isLoose, text.hasPrefix("0x") || text.hasPrefix("0X") {
      guard let whole = UInt64(text.dropFirst(2), radix: 16) else { return nil }
      value = Double(whole)
    } else {
      guard isDecimal(digits, isLoose: isLoose), let number = Double(text) else { return nil }
      value = number
    }
    return first == 45 ? -value : value
  }

  private static func isDecimal(_ bytes: Bytes, isLoose: Bool) -> Bool {
    var rest = bytes
    let whole = takeDigits(&rest)
    if whole == 0, !isLoose { return false }
    if whole > 1, bytes.first == 48 { return false }
    var decimals = 0
    if rest.first == 46 {
      rest = rest.dropFirst()
      decimals = takeDigits(&rest)
      if decimals == 0, !isLoose { return false }
    }
    guard whole + decimals > 0 else { return false }
    guard let mark = rest.first else { return true }
    guard mark == 101 || mark == 69 else { return false }
    rest = rest.dropFirst()
    if rest.first == 43 || rest.first == 45 { rest = rest.dropFirst() }
    return takeDigits(&rest) > 0 && rest.isEmpty
  }

  /// Drops the digits at the start, and returns how many there were.
  private static func takeDigits(_ rest: inout Bytes) -> Int {
    let before = rest.count
    rest = rest.drop { (48...57).contains($0) }
    return before - rest.count
  }
}
