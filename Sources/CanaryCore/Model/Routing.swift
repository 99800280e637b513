/// What one generation of a service's configuration does with its requests.
package struct Routing: Hashable, Sendable, Codable {
  package var stable: Name
  /// The other pool, when there is a choice; it may have no weight.
  package var canary: Name?
  package var weight: Weight
  /// The pool that the brake sends every new request to: where a revert would go.
  package var brake: Name
  /// Until when the brake leads back to the pool before the last promotion; nil: it always leads to stable.
  package var brakeUntil: Instant?
  /// Whether a stable pool that is entirely down may fall back to the canary.
  ///
  /// Never to one that was just reverted.
  package var fallback: Bool
  /// Who meets the canary besides those whom the weight draws; nil outside a rollout.
  package var audience: Audience?

  package init(
    stable: Name, canary: Name?, weight: Weight, brake: Name, brakeUntil: Instant? = nil,
    fallback: Bool, audience: Audience? = nil
  ) {
    self.stable = stable
    self.canary = canary
    self.weight = weight
    self.brake = brake
    self.brakeUntil = brakeUntil
    self.fallback = fallback
    self.audience = audience
  }

  /// Whether nobody is sent to the canary.
  package var isClean: Bool { weight == .none && audience == nil }
}

/// The exact integer weights of all servers in one upstream group.
package enum Share {
  /// Weights in the ratio of (1 - w) over the stable servers to w over the canary's, in lowest terms.
  ///
  /// With stable weights sᵢ of sum S, canary weights cⱼ of sum C and w in basis points: sᵢ · C · (10000 - w) and
  /// cⱼ · S · w, divided by their greatest common divisor. At 0 and at 10000 one side is empty.
  package static func weights(stable: [Int], canary: [Int], weight: Weight) -> (
    stable: [Int], canary: [Int]
  ) {
    let stableSum = stable.reduce(0, +)
    let canarySum = canary.reduce(0, +)
    let points = weight.basisPoints
    if points == 0 || canary.isEmpty { return (reduced(stable), []) }
    if points == 10_000 { return ([], reduced(canary)) }
    let stableScaled = stable.map { $0 * canarySum * (10_000 - points) }
    let canaryScaled = canary.map { $0 * stableSum * points }
    let divisor = (stableScaled + canaryScaled).reduce(0, gcd)
    return (stableScaled.map { $0 / divisor }, canaryScaled.map { $0 / divisor })
  }

  package static func reduced(_ weights: [Int]) -> [Int] {
    let divisor = max(1, weights.reduce(0, gcd))
    return weights.map { $0 / divisor }
  }

  private static func gcd(_ left: Int, _ right: Int) -> Int {
    var (a, b) = (left, right)
    while b != 0 { (a, b) = (b, a % b) }
    return a
  }
}
