/// How long a stage has been served.
///
/// Only the time that a driver watched counts.
package struct Soak: Hashable, Sendable, Codable {
  package var stage: Int
  package var began: Instant
  package var served = Span.zero
  /// When a driver last looked.
  package var seen: Instant
  /// Whether `advance` cut the soak short; checks still gate.
  package var advanced = false
  /// The stage that `advance` named as the next one; nil: the one after this.
  package var target: Int?
  /// When the soak was over; nil: not yet.
  ///
  /// Only measurements made since then let the stage pass.
  package var over: Instant?
  /// The generation that Nginx must confirm after a change of driver; nil: none.
  ///
  /// Until it does, nothing is measured and no time counts.
  package var confirming: Generation?
  /// When a new driver had it confirmed, and lifted the brake; nil: the driver never changed.
  package var confirmed: Instant?

  package init(stage: Int, began: Instant) {
    self.stage = stage
    self.began = began
    seen = began
  }

  /// The stage after this one.
  package func next(in plan: Plan) -> Int {
    guard let target, target > stage, plan.stages.indices.contains(target) else {
      return stage + 1
    }
    return target
  }

  /// The most time that one look may add: a driver that was stopped did not watch in the meantime.
  package static let longestStep = Span.seconds(5)

  /// Adds the time since the last look to `served`, and sets `over` when that is enough.
  ///
  /// With `isHeld`, `served` does not grow beyond the soak, so that the deadline stands still.
  package mutating func watch(_ stage: Stage, until now: Instant, isHeld: Bool = false) {
    let step = now - seen
    if step > .zero {
      let sum = served + min(step, Self.longestStep)
      served = isHeld ? max(served, min(sum, stage.soak)) : sum
    }
    seen = now
    if over == nil, advanced || served >= stage.soak { over = now }
  }
}

/// The phase of a rollout.
///
/// Every phase that waits says what it waits for.
package enum Phase: Hashable, Sendable, Codable {
  /// No traffic yet: every server of the canary pool must answer its probe first.
  case starting(since: Instant, passes: Int)
  /// Nginx was asked for the routing of a stage.
  case applying(stage: Int, Generation)
  case soaking(Soak)
  case paused(Soak)
  /// Nginx was asked for the configuration with the roles exchanged.
  case finishing(Generation, until: Instant)
  /// Nginx was asked for a configuration without the canary, and is asked until it serves it.
  case reverting(Generation, Reason)
  case promoted(until: Instant)
  case reverted(Reason)

  package var isOver: Bool {
    switch self {
    case .promoted, .reverted: true
    case .starting, .applying, .soaking, .paused, .finishing, .reverting: false
    }
  }

  /// The soak of a stage that soaks or is paused; nil in every other phase.
  package var soak: Soak? {
    switch self {
    case .soaking(let soak), .paused(let soak): soak
    case .starting, .applying, .finishing, .reverting, .promoted, .reverted: nil
    }
  }

  /// The generation whose answer is awaited, nil: none; any other answer is stale.
  package var awaited: Generation? {
    switch self {
    case .applying(_, let generation), .finishing(let generation, _), .reverting(let generation, _):
      generation
    case .soaking(let soak), .paused(let soak): soak.confirming
    case .starting, .promoted, .reverted: nil
    }
  }
}

/// One attempt to make the canary the stable pool.
package struct Rollout: Hashable, Sendable, Codable {
  package var number: Int
  package var from: PoolName
  package var to: PoolName
  package var release: String?
  @Boxed package var plan: Plan
  package var reason: String?
  @Sparse package var meta = Meta()
  package var actor: Actor
  /// How long the former stable pool is kept after the promotion.
  package var retain: Span
  package var started: Instant
  package var ended: Instant?
  package var phase: Phase
  package var checks: [CheckState] = []
  @Sparse package var hooks = Hooks()
  /// Whether the hooks before the rollout were queued.
  @Sparse package var opened = false
  /// What the canary's servers last answered instead of being ready; nil: they are, or none was
  /// asked.
  package var unready: String?
  /// The states of the checks before the rollout; nil: not measured yet.
  package var preflight: [CheckState]?
  /// The last stage that Nginx was asked for; nil before the first.
  package var reached: Int?
  /// When Nginx was first asked for that stage; nil: it was not, or by a version that kept no time.
  package var asked: Instant?
  /// The last stage that passed; only kept for a rollout with hooks.
  package var passed: Int?
  /// The last stage whose hooks before it were queued.
  package var hooked: Int?
  package var approval: PendingApproval?
  /// Why the rollout does not grow now; nil: it is not held.
  package var held: Hold?
  /// Why the rollout goes back as soon as the pool that was stable answers; nil: it need not.
  package var doomed: Reason?
  /// When Nginx is to be asked to name only the pool in play: after a revert without a reload, and
  /// again after it refused; nil: as soon as the former pool is not kept any more.
  package var tidyAfter: Instant?
  /// When the history last noted, for each check, that its source does not answer.
  @Sparse package var told: [CheckName: Instant] = [:]

  /// The rule of the approvals that the rollout still waits for; nil: none.
  package var awaitedApproval: ApprovalRule? {
    guard let approval, let rule = plan.stages[approval.stage].approval,
      approval.given.count < rule.count
    else { return nil }
    return rule
  }

  /// The stage that is being applied, soaks or is paused; nil in every other phase.
  package var stage: Int? {
    switch phase {
    case .applying(let stage, _): stage
    case .soaking(let soak), .paused(let soak): soak.stage
    case .starting, .finishing, .reverting, .promoted, .reverted: nil
    }
  }
}

/// What Nginx was last confirmed to serve.
package struct Serving: Hashable, Sendable, Codable {
  package var generation: Generation
  package var routing: Routing
  package init(generation: Generation, routing: Routing) {
    self.generation = generation
    self.routing = routing
  }
}

/// Everything that is known of one service between two events.
package struct ServiceState: Hashable, Sendable, Codable {
  package var service: ServiceName
  package var stable: PoolName
  /// The pool that is not stable: the default target of `promote`, and the fallback of a stable
  /// pool that is down.
  package var other: PoolName?
  /// The highest generation ever given out.
  package var generation = Generation(0)
  @Boxed package var serving: Serving? = nil
  /// The generation that an `apply` outside a rollout waits for; nil: none.
  package var asked: Generation?
  /// The routing of that generation.
  @Boxed package var askedRouting: Routing? = nil
  @Boxed package var rollout: Rollout? = nil
  /// What each pool runs, as far as a `promote` said so.
  @Sparse package var releases: [PoolName: String] = [:]
  /// The last state of each standing guard, measured between rollouts.
  @Sparse package var guards: [CheckState] = []
  @Boxed package var scheduled: Schedule? = nil
  @Boxed package var freeze: Freeze? = nil
  /// Hooks that are to run, in this order.
  @Sparse package var jobs: [Job] = []
  /// The number of the newest job.
  @Sparse package var jobCount = 0

  package init(service: ServiceName, stable: PoolName, other: PoolName?) {
    self.service = service
    self.stable = stable
    self.other = other
  }

  package var running: Rollout? {
    guard let rollout, !rollout.phase.isOver else { return nil }
    return rollout
  }

  /// The freeze that is in force at this time; nil: none.
  package func freeze(at now: Instant) -> Freeze? {
    freeze.flatMap { $0.until.map { now < $0 } ?? true ? $0 : nil }
  }

  /// The hook to run at this time: the first one in the queue that is due; nil: none.
  ///
  /// Hooks that take the former pool away wait until Nginx names it no more.
  package func job(at now: Instant) -> Job? {
    let isNamed = asked != nil || (tidyDue.map { $0 <= now } ?? false)
    return jobs.first { ($0.due.map { $0 <= now } ?? true) && !(isNamed && $0.hook.retained) }
  }

  /// When Nginx is to be asked for a configuration that names only the pool in play; nil: it has
  /// one, or a rollout runs.
  ///
  /// After a promotion once the former pool is no longer kept; after a revert without a reload,
  /// some seconds later.
  package var tidyDue: Instant? {
    guard running == nil, asked == nil, let rollout, let serving,
      serving.routing != .resting(on: stable)
    else { return nil }
    let due: Instant
    switch rollout.phase {
    case .promoted(let until): due = until
    case .reverted:
      guard let after = rollout.tidyAfter else { return nil }
      due = after
    case .starting, .applying, .soaking, .paused, .finishing, .reverting: return nil
    }
    return max(due, rollout.tidyAfter ?? due)
  }

  /// When the service needs its driver again; nil: no pending work.
  package var pending: Pending? {
    if running != nil || asked != nil { return .now }
    let jobs = jobs.map { $0.due.map(Pending.at) ?? .now }
    let others = [scheduled?.earliest, tidyDue].compactMap { $0.map(Pending.at) }
    return (jobs + others).min()
  }

  /// What Nginx should serve while no rollout runs.
  ///
  /// Only the pools in play are named: the former one as long as it is kept after a promotion, and
  /// before the first rollout the one to fall back to.
  package func resting(at now: Instant) -> Routing {
    if rollout == nil { return .resting(on: stable, other: other) }
    if let rollout, case .promoted(let until) = rollout.phase, now < until,
      let other, other == rollout.from
    {
      return .promoted(stable, over: other, until: until)
    }
    return .resting(on: stable)
  }
}

extension ServiceState {
  /// Whether only time and measurements lie between two states: same phase, same stage, no
  /// decision.
  package func isProgress(from before: ServiceState) -> Bool {
    // What may differ is made alike; everything else must then be equal.
    var alike = before
    alike.rollout?.checks = rollout?.checks ?? []
    switch (before.rollout?.phase, rollout?.phase) {
    case (.soaking(let old)?, .soaking(let new)?):
      alike.rollout?.phase = .soaking(old.watched(as: new))
    case (.paused(let old)?, .paused(let new)?):
      alike.rollout?.phase = .paused(old.watched(as: new))
    default: break
    }
    return alike == self
  }

  /// How long mere progress may stay unsaved; a crash repeats at most this much of a soak.
  package var progressInterval: Span {
    guard let stage = rollout?.stage, let soak = rollout?.plan.stages[stage].soak else {
      return .zero
    }
    return max(.seconds(0.5), min(soak / 120, .seconds(30)))
  }
}

extension Soak {
  /// A copy with the served time and the last look of the other.
  fileprivate func watched(as other: Soak) -> Soak {
    var soak = self
    soak.served = other.served
    soak.seen = other.seen
    return soak
  }
}
