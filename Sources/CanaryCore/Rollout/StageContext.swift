/// The stage of a rollout that a measurement is made for.
package struct StageContext: Hashable, Sendable {
  package var rollout: Int
  package var stage: Int
  package var plan: Plan
  package var stable: PoolName
  package var canary: PoolName
  package var release: String?
  /// The generation that serves the stage.
  package var generation: Generation
  /// When the rollout began.
  package var started: Instant
  /// When the router was first asked for the stage; no request met it before.
  package var asked: Instant
  /// When the stage began: the router had seen it in force.
  package var since: Instant
  /// Since when the weight is certainly served.
  ///
  /// Later than `since` after a change of driver, since the former one may have left the brake on.
  package var trusted: Instant

  package var weight: Weight { plan.stages[stage].weight }
  package var soak: Span { plan.stages[stage].soak }

  /// Without `asked`, the stage counts as asked for when it began.
  package init(
    rollout: Int, stage: Int, plan: Plan, stable: PoolName, canary: PoolName,
    release: String? = nil, generation: Generation, started: Instant, asked: Instant? = nil,
    since: Instant
  ) {
    self.rollout = rollout
    self.stage = stage
    self.plan = plan
    self.stable = stable
    self.canary = canary
    self.release = release
    self.generation = generation
    self.started = started
    self.asked = min(asked ?? since, since)
    self.since = since
    trusted = since
  }
}
