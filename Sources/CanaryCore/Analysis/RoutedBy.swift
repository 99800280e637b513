/// How a request came to its pool.
package enum RoutedBy: UInt8, Sendable {
  /// By chance, or by its key; only these requests are compared.
  case drawn = 100  // d
  /// Sent to the canary by `preview`.
  case preview = 112  // p
  /// Kept out by `never`.
  case never = 110  // n
  /// Not among the clients that may be drawn in this stage.
  case excluded = 120  // x
  /// A copy of another request.
  case shadow = 115  // s

  package var letter: String { String(UnicodeScalar(rawValue)) }

  /// Reads a letter of its own, or the name of a seat; nil: neither.
  ///
  /// A seat is a drawn number, such as `17` or `0.25`, also behind `o` (drawn among `only`) or `x`
  /// (not among them), or a word: `preview`, `never`.
  init?(_ field: Slice<UnsafeBufferPointer<UInt8>>) {
    guard let first = field.first, field.count <= Self.longestSeat else { return nil }
    let rest = field.dropFirst()
    let isNumber = rest.allSatisfy { $0 == 46 || (48...57).contains($0) }
    let isWord = rest.allSatisfy { (97...122).contains($0) }
    switch first {
    case 48...57 where isNumber, 111 where isNumber && !rest.isEmpty: self = .drawn
    case 120 where isNumber: self = .excluded
    case 112 where isWord: self = .preview
    case 110 where isWord: self = .never
    case 100 where rest.isEmpty: self = .drawn
    case 115 where rest.isEmpty: self = .shadow
    default: return nil
    }
  }

  private static let longestSeat = 16
}
