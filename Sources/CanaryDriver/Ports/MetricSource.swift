package import CanaryCore

/// Takes measurements: of the checks of a stage, and of whether a pool is up.
package protocol MetricSource: Sendable {
  /// One measurement for each check; the checks are either a single one or all from the access log.
  ///
  /// It answers within the checks' timeout, at worst with an error, and never throws.
  func measure(_ checks: [Check], _ service: ServiceName, _ context: StageContext) async
    -> [Measurement]
  /// Probes every server of the pool once, and measures the guards; nil: the pool is ready.
  ///
  /// Otherwise it says which server or guard is at fault, and why.
  func checkReadiness(_ service: ServiceName, pool: PoolName, _ readiness: Readiness) async
    -> Unready?
  /// Why no server of the pool answers at all, within two seconds; nil: one does, or none is known.
  func silence(of service: ServiceName, pool: PoolName) async -> String?
  /// Saves what was read and not saved yet; called once when a rollout is over.
  func settle(_ service: ServiceName) async
  /// The state of each check after one measurement outside any stage, with nothing to compare.
  func measureOnce(_ checks: [Check], _ service: ServiceName, pool: PoolName) async -> [CheckState]
  /// One measurement of a check outside any stage.
  func measureAlone(_ check: Check, _ service: ServiceName, pool: PoolName) async -> Measurement
}

/// Runs each hook once, however often it is asked to.
package protocol JobRunner: Sendable {
  /// Returns when the hook has ended; waits for one that another process runs already.
  func run(_ job: Job) async -> JobEnd
  /// Stops hooks of a service that are not needed any more; returns at once.
  func end(_ jobs: [Int], of service: ServiceName)
}

/// The time of the host.
package protocol WallClock: Sendable {
  func now() -> Instant
  /// The time since the host started, which nobody can set: what waits goes by this.
  func uptime() -> Span
  /// Returns at the instant, or earlier: look at the clock again.
  func sleep(until instant: Instant) async
}

extension WallClock {
  /// By how much the wall clock is ahead of the time since the host's start.
  package var offset: Span { now() - Instant(milliseconds: 0) - uptime() }
}
