/// What `promote` asks for.
package struct PromoteRequest: Hashable, Sendable, Codable {
  package var to: PoolName
  package var release: String?
  package var plan: Plan
  package var reason: String?
  /// How long the former stable pool is kept after the promotion.
  package var retain: Span
  package var actor: Actor
  @Sparse package var hooks = Hooks()
  @Sparse package var meta = Meta()

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

/// What happens to a service: requests, answers to effects, and time.
///
/// An answer names the generation, rollout or stage that it belongs to, which shows a stale one.
package enum Event: Hashable, Sendable {
  /// A timer, a doorbell or a restart: do what is due.
  case woke
  /// Another process drives from now on; the time without a driver does not count as soaked.
  ///
  /// `isLost`: what let requests meet the canary is gone, as after a reboot, and no brake says why.
  case tookOver(Actor, isLost: Bool = false)
  /// The result of probing every server of the canary pool once; nil: the pool is ready.
  case looked(fault: Unready?, rollout: Int)
  case measured([Measurement], rollout: Int, stage: Int)
  /// Running workers serve this generation.
  case applied(Generation)
  /// Nginx does not serve this generation; the former files are back.
  case applyFailed(Generation, Fault)
  /// A later generation than asked for is in place: the store is older than the files, or was
  /// moved.
  case overtaken(Generation, by: Generation)
  indirect case promote(PromoteRequest)
  case revert(Actor, String?)
  /// Revert the rollout of this number, and no other: its driver is told to stop, or can't go on.
  case revertOnly(rollout: Int, Actor, Reason)
  case pause(Actor)
  case resume(Actor)
  /// Leave the stage; with a weight, for the later stage that has it.
  case advance(Actor, to: Weight? = nil)
  /// Install what the state says now, outside a rollout.
  case apply(Actor)
  indirect case schedule(Schedule)
  /// Drop the scheduled rollout.
  case cancel(Actor)
  indirect case freeze(Freeze)
  case thaw(Actor)
  case approve(Actor, String?)
  case reject(Actor, String?)
  /// A hook has ended.
  case ran(job: Int, JobEnd)
  /// The states of the checks that are measured once before a rollout.
  case preflighted([CheckState], rollout: Int)
  /// A standing guard was measured between rollouts.
  indirect case guarded(CheckState, StandingGuard.Then)
}
