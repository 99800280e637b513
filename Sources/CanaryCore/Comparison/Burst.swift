/// Bounds what one short moment may add to a bet, because one moment is one event: a server that
/// stops for a second makes all its requests of that second slow.
///
/// A bet that is cut off at a most is still fair: the least of a capital that never rises on
/// average and a constant never does either. Only latencies are bet on like this; a failure is a
/// failure each time.
struct Burst: Hashable, Sendable, Codable {
  private var products: [Double]
  private var applied: [Double]
  private var moment: Int64 = .min

  /// The length of a moment, in milliseconds: longer than most stops.
  private static let length: Int64 = 3000
  /// The most by which one moment multiplies a bet: two of them, which a stop may touch, are less
  /// than what reverts.
  private static let most = 15.0
  /// Far below it nothing is left to win back within a moment.
  private static let least = 1e-100

  init(effects: Int) {
    products = Array(repeating: 1, count: effects)
    applied = products
  }

  /// Applies factors to a capital; `change` multiplies them into what this moment has come to.
  @inline(__always)
  mutating func apply(
    to capital: inout [Double], at milliseconds: Int64, _ change: (inout [Double]) -> Void
  ) {
    let now = milliseconds / Self.length
    if now != moment {
      moment = now
      for index in products.indices {
        products[index] = 1
        applied[index] = 1
      }
    }
    change(&products)
    for index in products.indices {
      let new = min(Self.most, products[index])
      capital[index] = min(1e100, capital[index] * new / applied[index])
      applied[index] = new
      if new < Self.least {
        products[index] = 1
        applied[index] = 1
      }
    }
  }
}
