internal import CanaryCore
internal import CanaryDriver

/// The share of each pool, as a running worker confirmed it at the time of the command.
struct ConfirmedShares {
  /// A pool that is not here gets nothing.
  private var shares: [PoolName: Weight] = [:]

  subscript(_ pool: PoolName) -> Weight { shares[pool] ?? .none }

  /// Reads what a worker said by what is saved and by what the generated file says.
  ///
  /// Throws where neither knows the generation that is served.
  init(_ served: ServedShares, _ state: ServiceState, _ header: GeneratedHeader?) throws(Fault) {
    switch served {
    case .seats(let base, let other, let seats):
      let seating =
        state.serving?.routing.audience?.seating ?? state.rollout.map { Seating(of: $0.plan) }
        ?? Seating()
      divide(base, other, seating.share(of: seats))
    case .text(let generation, let isBraked, let stays):
      let saved = state.serving.flatMap { $0.generation == generation ? $0.routing : nil }
      let written = header.flatMap { $0.generation == generation ? $0.routing : nil }
      guard let routing = saved ?? written else {
        throw Fault(
          "the workers of Nginx serve generation \(generation), which is neither saved nor on disk")
      }
      if isBraked {
        shares = [stays ? routing.stable : routing.brake: .all]
      } else {
        divide(routing.stable, routing.canary, routing.weight)
      }
    }
  }

  private mutating func divide(_ base: PoolName, _ other: PoolName?, _ share: Weight) {
    let share = other == nil ? .none : share
    if let other { shares[other] = share }
    shares[base] = Weight(percent: 100 - share.percent)
  }
}
