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
}

/// What a line of the log says of how its request came to its pool: a letter, or the name of a seat.
struct LoggedSeat {
  var way: RoutedBy
  /// The circle of an `only` that the seat lies in, the first of which is 1; nil: in none.
  var circle: Int?
  /// The lower bound of a drawn seat, in basis points; nil: the line names none.
  var bound: Int?

  init(_ way: RoutedBy) { self.way = way }

  /// A drawn seat with this lower bound, in basis points.
  init(drawn bound: Int) {
    way = .drawn
    self.bound = bound
  }

  /// Nil: neither a letter of `RoutedBy` nor the name of a seat.
  ///
  /// A seat is a drawn number, such as `17` or `0.25`, also behind `o` (drawn among `only`) or `x`
  /// (not among them), or a word: `preview`, `never`.
  init?(_ field: Slice<UnsafeBufferPointer<UInt8>>) {
    guard let first = field.first, field.count <= Self.longest else { return nil }
    let rest = field.dropFirst()
    let isNumber = rest.allSatisfy { $0 == 46 || (48...57).contains($0) }
    let isWord = rest.allSatisfy { (97...122).contains($0) }
    switch first {
    case 48...57 where isNumber:
      self.init(.drawn)
      bound = Self.points(field)
    case 111 where isNumber && !rest.isEmpty:
      self.init(.drawn)
      let circle = rest.prefix { $0 != 46 }
      self.circle = circle.reduce(0) { $0 &* 10 &+ Int($1 &- 48) }
      bound = Self.points(rest.dropFirst(circle.count + 1))
    case 120 where isNumber: self.init(.excluded)
    case 112 where isWord: self.init(.preview)
    case 110 where isWord: self.init(.never)
    case 100 where rest.isEmpty: self.init(.drawn)
    case 115 where rest.isEmpty: self.init(.shadow)
    default: return nil
    }
  }

  private static let longest = 16

  /// A percentage with at most two decimals in basis points; nil: it is none.
  private static func points(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Int? {
    var (sum, decimals) = (0, -1)
    for byte in text {
      if byte == 46 {
        guard decimals < 0 else { return nil }
        decimals = 0
      } else {
        sum = sum &* 10 &+ Int(byte &- 48)
        if decimals >= 0 { decimals += 1 }
      }
    }
    guard !text.isEmpty, text.count <= 5, decimals <= 2 else { return nil }
    return sum * (decimals <= 0 ? 100 : decimals == 1 ? 10 : 1)
  }
}
