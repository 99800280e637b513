package import CanaryCore
internal import CanaryDriver

extension World {
  /// The share of a pool as a running worker confirms it now, or why none does.
  package func confirmedShare(
    of pool: PoolName, _ state: ServiceState
  ) async -> Result<Weight, Fault> {
    let seen = await router.observe(state.service, [.header, .shares])
    guard let served = seen.shares else { return .failure(Fault("no worker of Nginx was asked")) }
    return Result { () throws(Fault) in
      try ConfirmedShares(try served.get(), state, seen.header)[pool]
    }
  }
}
