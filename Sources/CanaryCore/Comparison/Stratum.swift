/// A number of requests, and how many of them were bad.
package struct BadCount: Hashable, Sendable, Codable {
  package var requests: Int
  package var bad: Int

  package init(_ requests: Int = 0, bad: Int = 0) {
    self.requests = requests
    self.bad = bad
  }

  package var rate: Double { requests == 0 ? 0 : Double(bad) / Double(requests) }

  @inline(__always)
  mutating func add(_ isBad: Bool) {
    requests &+= 1
    if isBad { bad &+= 1 }
  }
}

/// Concurrent requests of both pools, about a second's, in which chance alone chose the pool.
///
/// A stratum never spans a change of weight.
package struct Stratum: Hashable, Sendable, Codable {
  package var stable: BadCount
  package var canary: BadCount
  /// When its first request ended, in milliseconds since 1970.
  package var began: Int64 = 0

  package init(stable: BadCount = BadCount(), canary: BadCount = BadCount()) {
    self.stable = stable
    self.canary = canary
  }

  package var isEmpty: Bool { stable.requests == 0 && canary.requests == 0 }

  /// Whether it is complete: one canary and four stable requests or, after a second, one of each.
  ///
  /// This depends on arrivals only, never on outcomes, which would bias the bet.
  @inline(__always)
  func isComplete(at milliseconds: Int64) -> Bool {
    canary.requests > 0
      && (stable.requests >= 4 || (stable.requests > 0 && milliseconds - began >= 1000))
  }

  /// The fewest and the most canary failures that the margins allow.
  private var limits: (low: Int, high: Int) {
    let bad = stable.bad + canary.bad
    return (max(0, bad - stable.requests), min(bad, canary.requests))
  }

  /// The logarithm of the bet "canary odds = psi × stable odds" against "at most psi0 ×" (formula 1
  /// of docs/judge.md).
  ///
  /// It is the exact conditional likelihood given both margins, bounded in closed form. Its
  /// expectation is at most 1 when the canary is no worse.
  package func logBet(psi: Double, psi0: Double = 1) -> Double {
    let (low, high) = limits
    guard high > low else { return 0 }
    let spread = Double(high - low)
    let bad = Double(stable.bad + canary.bad)
    let total = Double(stable.requests + canary.requests)
    let a = (bad * Double(canary.requests) / total - Double(low)) / spread
    return Double(canary.bad - low) * Mathematics.log(psi / psi0) - spread
      * (Mathematics.log1p(a * (psi - 1)) - Mathematics.log1p(a * (psi0 - 1)))
  }

  /// Multiplies each capital by the bet at its multiple of psi0, mostly without a logarithm.
  @inline(__always)
  package func bet(_ grid: [Double], psi0: Double = 1, into capital: inout [Double]) {
    let (low, high) = limits
    guard high > low else { return }
    let spread = high - low
    let total = Double(stable.requests + canary.requests)
    let a =
      (Double(stable.bad + canary.bad) * Double(canary.requests) / total - Double(low))
      / Double(spread)
    let hits = canary.bad - low
    for index in grid.indices {
      let psi = grid[index]
      let step = (1 + a * (psi0 - 1)) / (1 + a * (psi * psi0 - 1))
      if spread == 1 {
        capital[index] *= hits == 1 ? psi * step : step
      } else {
        capital[index] *= Self.power(psi, hits) * Self.power(step, spread)
      }
      // Far beyond every decision, and far below an overflow.
      if capital[index] > 1e100 { capital[index] = 1e100 }
    }
  }

  @inline(__always)
  private static func power(_ base: Double, _ exponent: Int) -> Double {
    if exponent > 64 { return Mathematics.exp(Double(exponent) * Mathematics.log(base)) }
    var result = 1.0
    var factor = base
    var rest = exponent
    while rest > 0 {
      if rest & 1 == 1 { result *= factor }
      factor *= factor
      rest >>= 1
    }
    return result
  }

  /// How strongly this stratum alone speaks against the canary: the mean bet at psi 6, 30, 1000.
  package var lean: Double {
    [6.0, 30, 1000].reduce(0) { $0 + Mathematics.exp(min(230, logBet(psi: $1))) } / 3
  }
}
