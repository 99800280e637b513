/// A bet that the canary fails more often than a bound, whatever stable does (formula 3 of
/// docs/judge.md).
package enum Bound {
  /// The odds that are bet on, as multiples of the bound's odds.
  package static let multiples = [2.0, 6, 30, 600]

  /// The failure rates that are bet on.
  package static func effects(_ bound: Double, _ multiples: [Double] = multiples) -> [Double] {
    multiples.map { multiple in
      let odds = multiple * bound / (1 - bound)
      return odds / (1 + odds)
    }
  }

  /// The factors by which one good request and one bad request change each bet.
  ///
  /// They are Bernoulli likelihood ratios.
  package static func factors(_ bound: Double, _ multiples: [Double] = multiples) -> (
    good: [Double], bad: [Double]
  ) {
    let effects = effects(bound, multiples)
    return (effects.map { (1 - $0) / (1 - bound) }, effects.map { $0 / bound })
  }

  /// The bound: five times stable's own failure rate, at least `floor` and at most `most`.
  package static func automatic(stableRate: Double, most: Double, floor: Double = 0.005) -> Double {
    min(most, max(floor, 5 * stableRate))
  }

  /// An upper bound of a failure rate: two standard errors and the rule of three; 1 when empty.
  package static func upperRate(_ count: BadCount) -> Double {
    guard count.requests > 0 else { return 1 }
    let bad = Double(count.bad)
    return min(1, (bad + 2 * bad.squareRoot() + 3) / Double(count.requests))
  }
}
