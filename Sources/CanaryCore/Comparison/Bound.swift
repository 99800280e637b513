/// The bet that the canary fails more often than a bound, whatever stable does (formula 3 of docs/judge.md).
package enum Bound {
  /// The odds, as multiples of the bound's, that are bet on.
  private static let multiples = [2.0, 6, 30, 600]

  /// The failure rates that are bet on.
  package static func effects(_ bound: Double) -> [Double] {
    multiples.map { multiple in
      let odds = multiple * bound / (1 - bound)
      return odds / (1 + odds)
    }
  }

  /// What one request does to each bet, a Bernoulli likelihood ratio: factors for a good one and for a bad one.
  package static func factors(_ bound: Double) -> (good: [Double], bad: [Double]) {
    let effects = effects(bound)
    return (effects.map { (1 - $0) / (1 - bound) }, effects.map { $0 / bound })
  }

  /// Five times what stable fails by itself, no less than the floor and no more than the operator's bound.
  package static func automatic(stableRate: Double, most: Double, floor: Double = 0.005) -> Double {
    min(most, max(floor, 5 * stableRate))
  }

  /// An upper bound of a rate after so many requests; two standard errors and the rule of three.
  package static func upperRate(_ count: BadCount) -> Double {
    guard count.requests > 0 else { return 1 }
    let bad = Double(count.bad)
    return min(1, (bad + 2 * bad.squareRoot() + 3) / Double(count.requests))
  }
}
