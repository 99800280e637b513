/// How much worse the canary is at most than stable beside it, on average over one stage.
///
/// Formula 4 of docs/judge.md: a time-uniform empirical-Bernstein bound (Howard, Ramdas, McAuliffe,
/// Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", 2021). It holds
/// however often it is read.
package struct Excess: Hashable, Sendable, Codable {
  /// The number of strata.
  package private(set) var count = 0
  /// The sum over all strata of the canary's rate minus stable's.
  package private(set) var sum = 0.0
  /// The sum of the squared distances of these differences from what was expected of them.
  package private(set) var variation = 0.0

  package init() {}

  /// A bound with these figures, which were computed elsewhere.
  package init(count: Int, sum: Double, variation: Double) {
    self.count = count
    self.sum = sum
    self.variation = variation
  }

  /// The risk that a stage passes although the canary is worse by the margin.
  package static let risk = 0.05
  private static let lambdas = [0.95, 0.7, 0.5, 0.3, 0.15, 0.07, 0.03, 0.01]
  private static let weights = [0.4, 0.15, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05]
  private static let costs = lambdas.map(cost)
  private static let prices = weights.map { Mathematics.log(1 / (risk * $0)) }

  /// ψ_E(λ) = -ln(1 - λ) - λ, for differences of at most 1.
  package static func cost(_ lambda: Double) -> Double { -Mathematics.log1p(-lambda) - lambda }

  @inline(__always)
  mutating func add(_ stratum: Stratum) {
    let difference = stratum.canary.rate - stratum.stable.rate
    let expected = max(0, sum / Double(count + 1))
    variation += (difference - expected) * (difference - expected)
    sum += difference
    count += 1
  }

  /// The logarithm of the evidence against "worse by the margin or more"; from ln(1 / risk) on it
  /// is excluded.
  package func logEvidence(margin: Double) -> Double {
    let terms = Self.lambdas.indices.map { index in
      Mathematics.log(Self.weights[index]) + Self.lambdas[index]
        * (Double(count) * margin - sum) - Self.costs[index] * variation
    }
    let most = terms.max() ?? 0
    return most + Mathematics.log(terms.reduce(0) { $0 + Mathematics.exp($1 - most) })
  }

  /// Whether the data exclude a canary that is worse by the margin.
  package func excludes(margin: Double) -> Bool {
    logEvidence(margin: margin) >= Mathematics.log(1 / Self.risk)
  }

  /// The upper bound of the average excess; nil before the first stratum.
  package var upper: Double? {
    guard count > 0 else { return nil }
    return Self.lambdas.indices.map { index in
      (Self.prices[index] + Self.costs[index] * variation + Self.lambdas[index] * sum)
        / (Self.lambdas[index] * Double(count))
    }.min()
  }

  /// How many strata in all will exclude the margin, if they go on like this; nil: none will.
  package func strataNeeded(margin: Double) -> Int? {
    let mean = count > 0 ? sum / Double(count) : 0
    let spread = count > 0 ? variation / Double(count) : 0
    let needed = Self.lambdas.indices.compactMap { index -> Double? in
      let gain = Self.lambdas[index] * (margin - mean) - Self.costs[index] * spread
      return gain > 0 ? Self.prices[index] / gain : nil
    }.min()
    return needed.map { Int(min($0, 1e12).rounded(.up)) }
  }
}
