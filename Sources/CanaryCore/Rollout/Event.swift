/// What is asked for when a rollout starts.
package struct PromoteRequest: Hashable, Sendable, Codable {
  package var to: Name
  package var release: String?
  package var plan: Plan
  package var reason: String?
  package var retain: Span
  package var actor: Actor
  package var hooks: Hooks?

  package init(
    to: Name, release: String? = nil, plan: Plan, reason: String? = nil, retain: Span, actor: Actor
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
  case applyFailed(Generation, String)
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

/// For which stage of which rollout something is measured.
package struct Occasion: Hashable, Sendable {
  package var rollout: Int
  package var stage: Int
  package var plan: Plan
  package var stable: Name
  package var canary: Name
  package var release: String?
  /// The generation that serves the stage.
  package var generation: Generation
  /// When the rollout and when the stage began.
  package var started: Instant
  package var since: Instant
  /// Since when the weight is surely served: a new driver finds the brake of the one before.
  package var trusted: Instant

  package var weight: Weight { plan.stages[stage].weight }
  package var soak: Span { plan.stages[stage].soak }

  package init(
    rollout: Int, stage: Int, plan: Plan, stable: Name, canary: Name, release: String? = nil,
    generation: Generation, started: Instant, since: Instant
  ) {
    self.rollout = rollout
    self.stage = stage
    self.plan = plan
    self.stable = stable
    self.canary = canary
    self.release = release
    self.generation = generation
    self.started = started
    self.since = since
    trusted = since
  }
}

/// What is to be done, once the state it belongs to is saved.
package enum Effect: Hashable, Sendable {
  /// Put the brake on; `why` is written into the flag file.
  case brake(String)
  indirect case apply(Routing, Generation)
  /// Lift the brake; only after Nginx answered with a configuration that needs none.
  case release
  /// Ask every server of the pool once.
  indirect case look(pool: Name, Readiness, rollout: Int)
  /// Measure these checks.
  indirect case measure([Check], Occasion)
  case wake(Instant)
  /// Ask these checks once, before anything else.
  case preflight([Check], pool: Name, rollout: Int)
  /// Run the hook, unless it runs or has run.
  indirect case run(Job)
  /// End these hooks if they run: nobody waits for them any more.
  case end([Int])
}

/// One line of the history; saved together with the state that it explains.
package struct Entry: Hashable, Sendable {
  package var rollout: Int
  package var time: Instant
  package var event: String
  package var weight: Weight?
  package var actor: Actor
  package var detail: String?

  package init(
    rollout: Int, time: Instant, event: String, weight: Weight? = nil, actor: Actor,
    detail: String? = nil
  ) {
    self.rollout = rollout
    self.time = time
    self.event = event
    self.weight = weight
    self.actor = actor
    self.detail = detail
  }
}

/// What the history keeps of one check in one stage.
package struct Kept: Hashable, Sendable {
  package enum What: Hashable, Sendable {
    /// The nth measurement of a check and the verdict on it; judged once more on the grounds, it says the same.
    indirect case measured(Measurement, number: Int, grounds: CheckState, Verdict)
    /// The check at the end of the stage, with its totals.
    indirect case end(CheckState)
  }

  package var rollout: Int
  package var stage: Int
  package var what: What

  package init(rollout: Int, stage: Int, _ what: What) {
    self.rollout = rollout
    self.stage = stage
    self.what = what
  }

  /// Whether the nth measurement of a check is one of those that are kept: the first 16 and, of each doubling after that,
  /// 8 more.
  ///
  /// So many measurements say how a stage went, and the number of rows grows with the logarithm of its length.
  package static func keeps(_ number: Int) -> Bool {
    var step = 1
    while number >= 16 * step { step *= 2 }
    return number % step == 0
  }
}

/// Why a request was not taken; nothing was touched.
package enum Refusal: Error, Hashable, Sendable {
  /// A rollout is running.
  case busy(String)
  /// What was asked makes no sense now.
  case wrong(String)
  /// There is nothing to do, and that is fine.
  case nothing(String)
}

/// The answer of the policy to one event.
package struct Decision: Hashable, Sendable {
  package var state: ServiceState
  package var effects: [Effect] = []
  package var entries: [Entry] = []
  package var kept: [Kept] = []
  package var refusal: Refusal?

  package init(_ state: ServiceState) { self.state = state }
}
