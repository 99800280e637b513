/// What one generation of a service's configuration does with its requests.
package struct Routing: Hashable, Sendable, Codable {
  package var stable: PoolName
  /// The other pool: the canary of a rollout, or the one that stable falls back to; nil: there is
  /// none.
  package var canary: PoolName?
  package var weight: Weight
  /// The pool that gets every new request while the brake is on: the one that a revert would go to.
  package var brake: PoolName
  /// Until when `brake` is the pool that was stable before the last promotion; nil: `brake` is
  /// stable.
  package var brakeUntil: Instant?
  /// Whether a stable pool that is entirely down may fall back to the canary.
  ///
  /// False after a revert: the canary is what was reverted.
  package var fallback: Bool
  /// Which requests reach the canary besides those that the weight draws; nil outside a stage.
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

  /// All requests go to stable; `other` takes them over while stable is entirely down.
  package static func resting(on stable: PoolName, other: PoolName? = nil) -> Routing {
    Routing(stable: stable, canary: other, weight: .none, brake: stable, fallback: true)
  }

  /// A stage of the plan: the canary gets the stage's weight, and the requests that the stage lets
  /// in.
  package static func stage(
    _ index: Int, of plan: Plan, stable: PoolName, canary: PoolName?, salt: String
  ) -> Routing {
    Routing(
      stable: stable, canary: canary, weight: plan.stages[index].weight, brake: stable,
      fallback: true, audience: plan.audience(stage: index, salt: salt))
  }

  /// All requests go back to stable, which does not fall back to the reverted canary.
  package static func reverted(to stable: PoolName, from canary: PoolName) -> Routing {
    Routing(stable: stable, canary: canary, weight: .none, brake: stable, fallback: false)
  }

  /// The roles are exchanged; until `until` the brake leads to the former stable pool.
  ///
  /// So a revert after a promotion needs no reload first.
  package static func promoted(
    _ pool: PoolName, over former: PoolName, until: Instant
  ) -> Routing {
    Routing(
      stable: pool, canary: former, weight: .none, brake: former, brakeUntil: until, fallback: true)
  }

  /// Any weight, to be rendered for display; never installed.
  package static func sample(
    stable: PoolName, canary: PoolName?, weight: Weight, audience: Audience?
  ) -> Routing {
    Routing(
      stable: stable, canary: canary, weight: weight, brake: stable, fallback: true,
      audience: audience)
  }

  /// Whether this is the routing of a revert, which any text serves that leads to stable by itself.
  package var isReverted: Bool { isClean && canary != nil && !fallback }

  /// Whether the routing sends no request to the canary, except as a fallback while stable is down.
  package var isClean: Bool { weight == .none && audience == nil }
}

/// Computes the exact integer weights of all servers in one upstream group.
package enum Share {
  /// Returns server weights, in lowest terms, that give the canary exactly the share w.
  ///
  /// With stable weights sᵢ of sum S, canary weights cⱼ of sum C and w in basis points, they are
  /// `sᵢ·C·(10000-w)` and `cⱼ·S·w`, divided by their greatest common divisor. A server counts in its
  /// sum as often as Nginx has peers for it; nil: once. Weights must be positive, and both pools must
  /// have servers when 0 < w < 10000. At 0 the canary's list is empty, at 10000 stable's.
  package static func weights(
    stable: [Int], canary: [Int], peers: (stable: [Int], canary: [Int])? = nil, weight: Weight
  ) -> (stable: [Int], canary: [Int]) {
    let stableSum = sum(stable, peers?.stable)
    let canarySum = sum(canary, peers?.canary)
    let points = weight.basisPoints
    if points == 0 || canary.isEmpty { return (reduced(stable), []) }
    if points == 10_000 { return ([], reduced(canary)) }
    let stableScaled = stable.map { $0 * canarySum * (10_000 - points) }
    let canaryScaled = canary.map { $0 * stableSum * points }
    let divisor = (stableScaled + canaryScaled).reduce(0, gcd)
    return (stableScaled.map { $0 / divisor }, canaryScaled.map { $0 / divisor })
  }

  /// Divides the weights by their greatest common divisor.
  package static func reduced(_ weights: [Int]) -> [Int] {
    let divisor = max(1, weights.reduce(0, gcd))
    return weights.map { $0 / divisor }
  }

  private static func sum(_ weights: [Int], _ peers: [Int]?) -> Int {
    guard let peers else { return weights.reduce(0, +) }
    return zip(weights, peers).reduce(0) { $0 + $1.0 * $1.1 }
  }

  private static func gcd(_ left: Int, _ right: Int) -> Int {
    var (a, b) = (left, right)
    while b != 0 { (a, b) = (b, a % b) }
    return a
  }
}
