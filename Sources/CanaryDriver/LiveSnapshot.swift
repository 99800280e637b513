package import CanaryCore

/// What a driver knows beyond the saved state: each check's state and its latest values.
///
/// It is only shown; no decision rests on it.
package struct LiveSnapshot: Hashable, Sendable, Codable {
  /// One value of a check; nil: the measurement was not a number.
  package struct Point: Hashable, Sendable, Codable {
    package var at: Instant
    package var value: Double?
  }

  package var rollout: Int
  package var at: Instant
  package var soak: Soak
  package var checks: [CheckState]
  /// Oldest first, at most `most` for each check.
  package var recent: [CheckName: [Point]]

  /// As many values as fit beside a check on a wide screen.
  package static let most = 60

  /// Nil unless a stage soaks or is paused: at any other time the saved state is complete.
  package init?(_ state: ServiceState, at now: Instant) {
    guard let rollout = state.running, let soak = rollout.phase.soak else { return nil }
    self.rollout = rollout.number
    self.soak = soak
    self.at = now
    checks = rollout.checks
    recent = [:]
    note()
  }

  /// Updates the snapshot; false when a new one is needed, for another rollout or after the stage.
  package mutating func goOn(_ state: ServiceState, at now: Instant) -> Bool {
    guard let rollout = state.rollout, rollout.number == self.rollout,
      let soak = rollout.phase.soak
    else { return false }
    self.soak = soak
    self.at = now
    checks = rollout.checks
    note()
    return true
  }

  /// Adds the values that are new.
  private mutating func note() {
    for index in checks.indices {
      guard let measured = checks[index].measuredAt else { continue }
      // Added in place: copying every check's values would be most of the cost of a look.
      Self.add(
        Point(at: measured, value: checks[index].value),
        to: &recent[checks[index].name, default: []])
    }
  }

  private static func add(_ point: Point, to points: inout [Point]) {
    guard points.last?.at != point.at else { return }
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
