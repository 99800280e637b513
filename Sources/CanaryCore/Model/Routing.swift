/// What one generation of a service's configuration does with its requests.
package struct Routing: Hashable, Sendable, Codable {
  package var stable: PoolName
  /// The other pool, when there is a choice; it may have no weight.
  package var canary: PoolName?
  package var weight: Weight
  /// The pool that the brake sends every new request to: where a revert would go.
  package var brake: PoolName
  /// Until when the brake leads back to the pool before the last promotion; nil: it always leads to stable.
  package var brakeUntil: Instant?
  /// Whether a stable pool that is entirely down may fall back to the canary.
  ///
  /// Never to one that was just reverted.
  package var fallback: Bool
  /// Who meets the canary besides those whom the weight draws; nil outside a rollout.
  package var audience: Audience?

  init(
    stable: PoolName, canary: PoolName?, weight: Weight, brake: PoolName,
    brakeUntil: Instant? = nil,
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

  /// Everything on stable; the other pool helps out when stable is entirely down.
  package static func resting(on stable: PoolName, other: PoolName? = nil) -> Routing {
    Routing(stable: stable, canary: other, weight: .none, brake: stable, fallback: true)
  }

  /// A stage: the canary has the weight, and those whom the plan lets in.
  package static func stage(
    _ index: Int, of plan: Plan, stable: PoolName, canary: PoolName?, salt: String
  ) -> Routing {
    Routing(
      stable: stable, canary: canary, weight: plan.stages[index].weight, brake: stable,
      fallback: true, audience: plan.audience(stage: index, salt: salt))
  }

  /// Everything back on the pool that was stable, which never falls back to the other.
  package static func reverted(to stable: PoolName, from canary: PoolName) -> Routing {
    Routing(stable: stable, canary: canary, weight: .none, brake: stable, fallback: false)
  }

  /// The roles exchanged; until then the brake still leads to the former pool, so that a revert needs no reload first.
  package static func promoted(
    _ pool: PoolName, over former: PoolName, until: Instant
  ) -> Routing {
    Routing(
      stable: pool, canary: former, weight: .none, brake: former, brakeUntil: until, fallback: true)
  }

  /// Any weight, to be looked at; `audience` is that of a rollout.
  package static func sample(
    stable: PoolName, canary: PoolName?, weight: Weight, audience: Audience?
  ) -> Routing {
    Routing(
      stable: stable, canary: canary, weight: weight, brake: stable, fallback: true,
      audience: audience)
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
