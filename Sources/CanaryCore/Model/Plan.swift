/// What happens to a stage that has not passed by its deadline.
package enum OnDeadline: String, Hashable, Sendable, Codable, CaseIterable {
  case revert, pause
}

/// A weight, held for at least its soak time.
package struct Stage: Hashable, Sendable, Codable {
  package var weight: Weight
  package var soak: Span
  package var deadline: Span
  package var onDeadline: OnDeadline
  /// The checks of this stage, where they differ from the plan's.
  package var checks: [Check]?
  /// Whether those whom the service lets preview reach the canary; nil: they do.
  package var preview: Bool?
  /// Nobody else is drawn by the weight.
  package var only: Selector?
  package var shadow: Shadow?
  /// The most that the canary is given in this stage.
  package var limit: RequestRate?
  /// Who must agree before the rollout grows to this stage.
  package var approval: ApprovalRule?

  /// Without a deadline: three times the soak, at least ten minutes more than it.
  package init(weight: Weight, soak: Span, deadline: Span? = nil, onDeadline: OnDeadline = .revert)
  {
    self.weight = weight
    self.soak = soak
    self.deadline = deadline ?? max(soak * 3, soak + .minutes(10))
    self.onDeadline = onDeadline
  }
}

extension Stage {
  /// Who meets the canary in this stage, beside its weight; nil when nobody is chosen.
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

/// What must hold before the first stage: every server of the canary pool answers, several times running.
package struct Readiness: Hashable, Sendable, Codable {
  /// The path that is asked; nil: a connection is enough.
  package var path: String?
  package var times: Int
  package var within: Span
  /// The kind of servers that the path is asked of; the others need only answer.
  package var backend: Label?
  /// Guards of the service that must pass as well.
  @Sparse package var guards: [Check] = []

  package init(path: String? = nil, times: Int = 3, within: Span = .seconds(30)) {
    self.path = path
    self.times = times
    self.within = within
  }
}

/// Ordered stages and what gates them.
package struct Plan: Hashable, Sendable, Codable {
  package var name: String
  package var stages: [Stage]
  package var checks: [Check]
  package var ready: Readiness
  /// The chance, over the whole rollout, that a canary which is no worse than stable is reverted by a comparison; nil: 1 %.
  package var alpha: Double?
  /// Asked once before the first stage; each must pass.
  @Sparse package var before: [Check] = []

  package static let usualAlpha = 0.01

  package init(name: String, stages: [Stage], checks: [Check], ready: Readiness? = nil) {
    self.name = name
    self.stages = stages
    self.checks = checks
    self.ready = ready ?? Self.readiness(of: checks)
  }

  /// How long a client must be remembered for: all deadlines, and a day for pauses.
  package var span: Span { stages.reduce(.hours(24)) { $0 + $1.deadline } }

  /// Who meets the canary in a stage; the salt is the rollout's own.
  package func audience(stage index: Int, salt: String) -> Audience {
    let stage = stages[index]
    return Audience(
      salt: salt, preview: stage.preview ?? true, only: stage.only, shadow: stage.shadow,
      limit: stage.limit, span: span)
  }

  /// The checks that gate a stage.
  package func checks(stage: Int) -> [Check] { stages[stage].checks ?? checks }

  /// The name and the path of the health check in a plan that names no checks.
  package static let usualHealth: (name: CheckName, path: String) = ("health", "/health")

  /// Asks for health at another path, or not at all; false when the plan has no health check of the usual kind.
  package mutating func askHealth(at path: String?) -> Bool {
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

  /// Takes in the guards of a service: they must pass before the first stage, and gate every one.
  package mutating func stand(_ guards: [Check]) {
    guard !guards.isEmpty else { return }
    ready.guards = guards
    checks += guards
    for index in stages.indices {
      if let own = stages[index].checks { stages[index].checks = own + guards }
    }
  }

  /// Every comparison that some stage makes, each once; together they share one budget for false alarms.
  package var comparisons: [ComparisonSpec] {
    var found: [ComparisonSpec] = []
    for check in checks + stages.flatMap({ $0.checks ?? [] }) {
      if let compared = check.compared, !found.contains(where: { $0.name == compared.name }) {
        found.append(compared)
      }
    }
    return found
  }

  /// The highest rate of failures that a check of the plan accepts; 5 % without one.
  package var acceptedFailures: Double {
    checks.filter { $0.source == .metric(.errorRate) && !$0.advisory }.compactMap(\.condition.max)
      .filter { $0 > 0 && $0 < 1 }.min() ?? 0.05
  }

  /// What readiness asks when nothing else is said: the first probe among the checks.
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
