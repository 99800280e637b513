/// Why a rollout went back; the kind decides the exit status.
package struct Reason: Hashable, Sendable, Codable {
  package enum Kind: String, Hashable, Sendable, Codable {
    /// A gate failed, or a stage passed its deadline.
    case gate
    /// A person, or a signal to the driver.
    case person
    /// Nginx, the disk or a server.
    case outside
  }
  package var kind: Kind
  package var text: String
  /// What to do about it; nil where there is nothing to do.
  package var hint: String?

  package init(_ kind: Kind, _ text: String, hint: String? = nil) {
    self.kind = kind
    self.text = text
    self.hint = hint
  }
}

/// The hold of one stage.
///
/// Only time that a driver watched counts.
package struct Soak: Hashable, Sendable, Codable {
  package var stage: Int
  package var began: Instant
  package var served = Span.zero
  package var seen: Instant
  /// The soak was cut short by `advance`; checks still gate.
  package var advanced = false
  /// Since when the soak has been over.
  ///
  /// What a check said before that does not let the stage pass.
  package var over: Instant?
  /// A new driver first has Nginx confirm what it serves; until then nothing is measured and no time counts.
  package var confirming: Generation?
  /// When a new driver had it confirmed, and lifted the brake; nil: it was never in doubt.
  package var confirmed: Instant?

  package init(stage: Int, began: Instant) {
    self.stage = stage
    self.began = began
    seen = began
  }

  /// Longest step that one look may add: a driver that was stopped for an hour did not watch that hour.
  package static let longestStep = Span.seconds(5)

  /// Counts the time since the last look as served, and notes when that was enough.
  ///
  /// While a stage that could be left may not grow, its deadline stands still.
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

/// Where a rollout is.
///
/// Every waiting state says what it waits for.
package enum Phase: Hashable, Sendable, Codable {
  /// The canary must answer its probe on every server before it gets any traffic.
  case starting(since: Instant, passes: Int)
  /// Nginx was asked for a stage's weight.
  case applying(stage: Int, Generation)
  case soaking(Soak)
  case paused(Soak)
  /// Nginx was asked for the configuration with the roles exchanged.
  case finishing(Generation, until: Instant)
  /// Nginx was asked for a configuration without the canary; asked again until it is there.
  case reverting(Generation, Reason)
  case promoted(until: Instant)
  case reverted(Reason)

  package var isOver: Bool {
    switch self {
    case .promoted, .reverted: true
    case .starting, .applying, .soaking, .paused, .finishing, .reverting: false
    }
  }

  /// Of a stage that is held.
  package var soak: Soak? {
    switch self {
    case .soaking(let soak), .paused(let soak): soak
    case .starting, .applying, .finishing, .reverting, .promoted, .reverted: nil
    }
  }

  /// The generation whose answer is awaited; any other answer is stale.
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
  package var actor: Actor
  package var retain: Span
  package var started: Instant
  package var ended: Instant?
  package var phase: Phase
  package var checks: [CheckState] = []
  @Sparse package var hooks = Hooks()
  /// The hooks before the rollout were asked for.
  @Sparse package var opened = false
  /// What the checks before the rollout said.
  package var preflight: [CheckState]?
  /// The last stage that Nginx was asked for; nil before the first.
  package var reached: Int?
  /// The last stage that has passed, and the last one whose hooks before it were asked for.
  package var passed: Int?
  package var hooked: Int?
  package var approval: PendingApproval?
  package var held: Hold?
  /// When people were last told that a source does not answer.
  @Sparse package var told: [CheckName: Instant] = [:]

  /// The approval that is still waited for.
  package var awaitedApproval: ApprovalRule? {
    guard let approval, let rule = plan.stages[approval.stage].approval,
      approval.given.count < rule.count
    else { return nil }
    return rule
  }

  /// The stage that is held or asked for; nil before the first and after the last.
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

/// All that is known of one service between two events.
package struct ServiceState: Hashable, Sendable, Codable {
  package var service: ServiceName
  package var stable: PoolName
  /// The other pool: what a promote goes to when nothing else is said, and what a stable that is down falls back to.
  package var other: PoolName?
  /// The highest generation ever handed out.
  package var generation = Generation(0)
  @Boxed package var serving: Serving? = nil
  /// What an `apply` outside a rollout was last asked for.
  package var asked: Generation?
  @Boxed package var rollout: Rollout? = nil
  /// What the standing guards last said between rollouts.
  @Sparse package var guards: [CheckState] = []
  @Boxed package var scheduled: Schedule? = nil
  @Boxed package var freeze: Freeze? = nil
  /// Hooks that are to be run, in their order.
  @Sparse package var jobs: [Job] = []
  /// The number of the last job.
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

  /// The freeze that holds at that time.
  package func freeze(at now: Instant) -> Freeze? {
    freeze.flatMap { $0.until.map { now < $0 } ?? true ? $0 : nil }
  }

  /// The hook whose turn it is.
  package func job(at now: Instant) -> Job? {
    jobs.first { $0.due.map { $0 <= now } ?? true }
  }

  /// When somebody must look at the service again; nil: no pending work.
  package var pending: Pending? {
    if running != nil || asked != nil { return .now }
    let jobs = jobs.map { $0.due.map(Pending.at) ?? .now }
    return (jobs + [scheduled.map { .at($0.at) }].compactMap(\.self)).min()
  }

  /// What Nginx should serve when nothing is going on.
  package var resting: Routing {
    switch rollout?.phase {
    case .reverted?:
      if let other { return .reverted(to: stable, from: other) }
    case .promoted(let until)?:
      if let other, let rollout, other == rollout.from {
        return .promoted(stable, over: other, until: until)
      }
    case .starting?, .applying?, .soaking?, .paused?, .finishing?, .reverting?, nil: break
    }
    return .resting(on: stable, other: other)
  }
}

extension ServiceState {
  /// Whether nothing but time and measurements lies between two states: no phase, no stage, nothing that was decided.
  package func isProgress(from before: ServiceState) -> Bool {
    // What may differ is made alike; the rest, and so the whole, must then be equal.
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

  /// For how long mere progress need not be saved: so much of a soak is served again after a crash, at most.
  package var progressInterval: Span {
    guard let stage = rollout?.stage, let soak = rollout?.plan.stages[stage].soak else {
      return .zero
    }
    return max(.seconds(0.5), min(soak / 120, .seconds(30)))
  }
}

extension Soak {
  /// With as much time served as the other.
  fileprivate func watched(as other: Soak) -> Soak {
    var soak = self
    soak.served = other.served
    soak.seen = other.seen
    return soak
  }
}
