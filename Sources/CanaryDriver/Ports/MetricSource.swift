package import CanaryCore

/// Measures: every check of a stage, and whether a pool is up.
package protocol MetricSource: Sendable {
  /// One measurement for each of the checks, which are either one check or all from the access log.
  ///
  /// It answers within the checks' timeout, with an error if need be, and never throws.
  func measure(_ checks: [Check], _ service: ServiceName, _ context: StageContext) async
    -> [Measurement]
  /// Probes every server of the pool once, and the guards; nil when all answer, else which does not, and how.
  func checkReadiness(_ service: ServiceName, pool: PoolName, _ readiness: Readiness) async
    -> String?
  /// Keeps what was seen and not kept yet; called once when a rollout is over.
  func settle(_ service: ServiceName) async
  /// What each of the checks says when it is measured once, with nothing to compare and outside of any stage.
  func measureOnce(_ checks: [Check], _ service: ServiceName, pool: PoolName) async -> [CheckState]
  /// One measurement of a check that stands outside of any stage.
  func measureAlone(_ check: Check, _ service: ServiceName, pool: PoolName) async -> Measurement
}

/// Runs hooks, each once, whoever asks and however often.
package protocol JobRunner: Sendable {
  /// Returns when the hook has ended; one that runs already, started by another process, is waited for.
  func run(_ job: Job) async -> JobEnd
  /// Ends hooks of a service that are not needed any more; returns at once.
  func end(_ jobs: [Int], of service: ServiceName)
}

/// The time of the host.
package protocol WallClock: Sendable {
  func now() -> Instant
  /// Returns at the instant, or earlier when the task is cancelled.
  func sleep(until instant: Instant) async
}
