/// What happens to a stage that has not passed by its deadline.
package enum OnDeadline: String, Hashable, Sendable, Codable, CaseIterable {
  case revert, pause
}

/// A weight that is held for at least its soak time.
package struct Stage: Hashable, Sendable, Codable {
  package var weight: Weight
  package var soak: Span
  package var deadline: Span
  package var onDeadline: OnDeadline
  /// The checks of this stage; nil: the plan's.
  package var checks: [Check]?
  /// Whether the service's `preview` clients reach the canary in this stage; nil: they do.
  package var preview: Bool?
  /// The clients among which the weight draws; nil: all of them.
  package var only: Selector?
  package var shadow: Shadow?
  /// The highest request rate that the canary gets in this stage; nil: the pool's own limit.
  package var limit: RequestRate?
  /// The approval that the rollout needs before it grows to this stage; nil: none.
  package var approval: ApprovalRule?

  /// Makes a stage; without a deadline, that is three times the soak, but at least ten minutes more
  /// than it.
  package init(weight: Weight, soak: Span, deadline: Span? = nil, onDeadline: OnDeadline = .revert)
  {
    self.weight = weight
    self.soak = soak
    self.deadline = deadline ?? max(soak * 3, soak + .minutes(10))
    self.onDeadline = onDeadline
  }
}

extension Stage {
  /// What this stage does apart from its weight, for display: testers only, `only`, copies, a
  /// limit; nil: nothing.
  package var words: String? {
    var parts: [String] = []
    if weight == .none, preview == true { parts.append("testers only") }
    if let only {
      let count = only.ranges.count + only.tags.count + only.headers.count + only.cookies.count
      parts.append("only those of \(count) \(count == 1 ? "rule" : "rules")")
    }
    if let shadow { parts.append("\(shadow.share)% copied") }
    if let limit { parts.append("at most \(limit)") }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }
}

/// What must hold before the first stage: every server of the canary pool answers several times in
/// a row.
package struct Readiness: Hashable, Sendable, Codable {
  /// The path that is requested; nil: a connection is enough.
  package var path: String?
  /// How many times in a row all servers must answer.
  package var times: Int
  /// How long the pool may take to become ready before the rollout ends.
  package var within: Span
  /// The kind of servers (`backend=`) that must answer the path; nil: all.
  ///
  /// Of the other servers any answer is enough.
  package var backend: Label?
  /// The service's standing guards, which must pass too.
  @Sparse package var guards: [Check] = []
  /// Whether the log must show every failure by then, because checks count them.
  @Sparse package var countsLog = false

  package init(path: String? = nil, times: Int = 3, within: Span = .seconds(30)) {
    self.path = path
    self.times = times
    self.within = within
  }
}

/// Ordered stages, and the checks that gate them.
package struct Plan: Hashable, Sendable, Codable {
  package var name: String
  package var stages: [Stage]
  package var checks: [Check]
  package var ready: Readiness
  /// The probability that comparisons revert a canary which is no worse than stable, over the whole
  /// rollout.
  ///
  /// Nil: `usualAlpha`.
  package var alpha: Double?
  /// Checks that are measured once before the first stage; each must pass.
  @Sparse package var before: [Check] = []

  package static let usualAlpha = 0.01

  package init(name: String, stages: [Stage], checks: [Check], ready: Readiness? = nil) {
    self.name = name
    self.stages = stages
    self.checks = checks
    self.ready = ready ?? Self.readiness(of: checks)
  }

  /// How long a sticky client must be remembered: the sum of all deadlines, and a day for pauses.
  package var span: Span { stages.reduce(.hours(24)) { $0 + $1.deadline } }

  /// Which requests reach the canary in a stage, besides those that its weight draws; `salt`
  /// belongs to the rollout.
  package func audience(stage index: Int, salt: String) -> Audience {
    let stage = stages[index]
    var audience = Audience(
      salt: salt, preview: stage.preview ?? true, only: stage.only, shadow: stage.shadow,
      limit: stage.limit, span: span)
    audience.seating = Seating(of: self)
    return audience
  }

  /// The checks of a stage, advisory ones included.
  package func checks(stage: Int) -> [Check] { stages[stage].checks ?? checks }

  /// The name and the path of the health check in the default checks.
  package static let usualHealth: (name: CheckName, path: String) = ("health", "/health")

  /// Moves the default health check to another path, or removes it when `path` is nil.
  ///
  /// Returns false, and changes nothing, when the plan does not contain the default health check.
  package mutating func replaceHealthPath(at path: String?) -> Bool {
    guard checks.contains(where: Self.isUsualHealth) else { return false }
    checks = Self.asking(path, checks)
    for index in stages.indices {
      stages[index].checks = stages[index].checks.map { Self.asking(path, $0) }
    }
    if ready.path == Self.usualHealth.path { ready.path = path }
    return true
  }

  private static func isUsualHealth(_ check: Check) -> Bool {
    check.name == usualHealth.name && check.source == .probe(path: usualHealth.path)
  }

  private static func asking(_ path: String?, _ checks: [Check]) -> [Check] {
    checks.compactMap { check in
      guard isUsualHealth(check) else { return check }
      guard let path else { return nil }
      var check = check
      check.source = .probe(path: path)
      return check
    }
  }

  /// Whether a check that gates counts what the access log has.
  package var countsLog: Bool {
    stages.indices.flatMap { checks(stage: $0) }.contains { $0.source.isFromLog && !$0.advisory }
  }

  /// Adds the service's standing guards: they must pass before the first stage, and they gate every
  /// stage.
  package mutating func addGuards(_ guards: [Check]) {
    guard !guards.isEmpty else { return }
    ready.guards = guards
    checks += guards
    for index in stages.indices {
      if let own = stages[index].checks { stages[index].checks = own + guards }
    }
  }

  /// Every comparison of the plan and its stages, once for each name; all of them share one budget
  /// for false alarms.
  package var comparisons: [ComparisonSpec] {
    var found: [ComparisonSpec] = []
    for check in checks + stages.flatMap({ $0.checks ?? [] }) {
      if let compared = check.compared, !found.contains(where: { $0.name == compared.name }) {
        found.append(compared)
      }
    }
    return found
  }

  /// The share of failures that the plan tolerates: the lowest `max` of its gating `error_rate`
  /// checks.
  ///
  /// 0.05 without such a check. Checks of single stages do not count.
  package var strictestErrorBound: Double {
    checks.filter { $0.source == .metric(.errorRate) && !$0.advisory }.compactMap(\.condition.max)
      .filter { $0 > 0 && $0 < 1 }.min() ?? 0.05
  }

  /// The default readiness: the path and backend of the first probe among the checks.
  package static func readiness(of checks: [Check]) -> Readiness {
    for check in checks {
      guard case .probe(let path) = check.source else { continue }
      var ready = Readiness(path: path)
      ready.backend = check.backend
      return ready
    }
    return Readiness()
  }
}
