package import CanaryCore

/// What a driver knows beyond the saved state: each check's state and its latest values.
///
/// It is only shown; no decision rests on it.
package struct LiveSnapshot: Hashable, Sendable, Codable {
  /// One value of a check; nil: the measurement was not a number.
  package struct Point: Hashable, Sendable, Codable {
    package var at: Instant
    package var value: Double?

    package init(at: Instant, value: Double?) {
      self.at = at
      self.value = value
    }
  }

  package var rollout: Int
  package var at: Instant
  package var soak: Soak
  package var checks: [CheckState]
  /// Oldest first, at most `most` for each check.
  package var recent: [CheckName: [Point]]

  /// As many columns as fit beside a check on a wide screen.
  package static let most = 60

  /// How long a time one column is, the same for all checks of a stage.
  package static func step(soak: Span) -> Span { soak < .minutes(5) ? .seconds(1) : .seconds(5) }

  /// Nil unless a stage soaks or is paused: at any other time the saved state is complete.
  package init?(_ state: ServiceState, at now: Instant) {
    guard let rollout = state.running, let soak = rollout.phase.soak else { return nil }
    self.rollout = rollout.number
    self.soak = soak
    self.at = now
    checks = rollout.checks
    recent = [:]
    note(rollout)
  }

  /// Updates the snapshot; false when a new one is needed, for another rollout or after the stage.
  package mutating func goOn(_ state: ServiceState, at now: Instant) -> Bool {
    guard let rollout = state.rollout, rollout.number == self.rollout,
      let soak = rollout.phase.soak
    else { return false }
    self.soak = soak
    self.at = now
    checks = rollout.checks
    note(rollout)
    return true
  }

  /// Adds the values that are new.
  private mutating func note(_ rollout: Rollout) {
    let rules = rollout.plan.checks(stage: soak.stage)
    let step = Self.step(soak: rollout.plan.stages[soak.stage].soak)
    for index in checks.indices.prefix(rules.count) {
      guard let measured = checks[index].measuredAt else { continue }
      // Added in place: copying every check's values would be most of the cost of a look.
      Self.add(
        Point(at: measured, value: checks[index].value), step: step,
        isLowWorse: rules[index].condition.max == nil && rules[index].condition.versus == nil,
        to: &recent[checks[index].name, default: []])
    }
  }

  /// Of several values in one column, the worst stays.
  private static func add(
    _ point: Point, step: Span, isLowWorse: Bool, to points: inout [Point]
  ) {
    guard let last = points.last, last.at != point.at else {
      if points.isEmpty { points.append(point) }
      return
    }
    if last.at.column(step) == point.at.column(step) {
      if let old = last.value, point.value.map({ isLowWorse ? old < $0 : old > $0 }) ?? true {
        points[points.count - 1].at = point.at
      } else {
        points[points.count - 1] = point
      }
      return
    }
    points.append(point)
    if points.count > most { points.removeFirst() }
  }

  /// The saved state, with all that is newer here.
  package func over(_ state: ServiceState) -> ServiceState {
    guard let rollout = state.running, rollout.number == self.rollout else { return state }
    var state = state
    switch rollout.phase {
    case .soaking(let saved) where saved.stage == soak.stage && soak.seen >= saved.seen:
      state.rollout?.phase = .soaking(soak)
    case .paused(let saved) where saved.stage == soak.stage && soak.seen >= saved.seen:
      state.rollout?.phase = .paused(soak)
    case .starting, .applying, .soaking, .paused, .finishing, .reverting, .promoted, .reverted:
      return state
    }
    state.rollout?.checks = checks
    return state
  }
}

extension Instant {
  /// Which column of that length the instant is in, since 1970.
  package func column(_ step: Span) -> Int64 { milliseconds / max(1, step.milliseconds) }
}
