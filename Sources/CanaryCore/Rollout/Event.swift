/// What is asked for when a rollout starts.
package struct PromoteRequest: Hashable, Sendable, Codable {
  package var to: PoolName
  package var release: String?
  package var plan: Plan
  package var reason: String?
  package var retain: Span
  package var actor: Actor
  @Sparse package var hooks = Hooks()

  package init(
    to: PoolName, release: String? = nil, plan: Plan, reason: String? = nil, retain: Span,
    actor: Actor
  ) {
    self.to = to
    self.release = release
    self.plan = plan
    self.reason = reason
    self.retain = retain
    self.actor = actor
  }
}

/// What happens to a service.
///
/// An answer carries what it answers, so that a stale one is known.
package enum Event: Hashable, Sendable {
  /// A timer, a doorbell or a restart: pay what is owed.
  case woke
  /// Another process drives from now on; time that nobody watched is not counted.
  case tookOver(Actor)
  /// One look at every server of the canary pool: nil when all answered.
  case looked(fault: String?, rollout: Int)
  case measured([Measurement], rollout: Int, stage: Int)
  case applied(Generation)
  case applyFailed(Generation, Fault)
  /// A later generation than the one asked for is in place: the store is older than the files, or was moved.
  case overtaken(Generation, by: Generation)
  indirect case promote(PromoteRequest)
  case revert(Actor, String?)
  case pause(Actor)
  case resume(Actor)
  case advance(Actor)
  case apply(Actor)
  indirect case schedule(Schedule)
  /// Drops what is scheduled.
  case cancel(Actor)
  indirect case freeze(Freeze)
  case thaw(Actor)
  case approve(Actor, String?)
  case reject(Actor, String?)
  /// A hook has ended.
  case ran(job: Int, JobEnd)
  /// What the checks before a rollout said, each asked once.
  case preflighted([CheckState], rollout: Int)
  /// A standing guard of the service has spoken, between rollouts.
  indirect case guarded(CheckState, StandingGuard.Then)
}
