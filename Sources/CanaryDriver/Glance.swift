package import CanaryCore

/// What the driver of a rollout knows beyond what is saved: what each check said last, and its values of the last minutes.
///
/// For eyes only: nothing is decided on it.
package struct Glance: Hashable, Sendable, Codable {
  /// One value of a check; nil when it was no number.
  package struct Point: Hashable, Sendable, Codable {
    package var at: Instant
    package var value: Double?
  }

  package var rollout: Int
  package var at: Instant
  package var soak: Soak
  package var checks: [CheckState]
  /// Oldest first, at most `most` a check.
  package var recent: [Name: [Point]]

  /// As many as fit beside a check on a wide screen.
  package static let most = 60

  /// Nil unless a stage is held: at any other time what is saved is all there is.
  package init?(_ state: ServiceState, at now: Instant, after last: Glance?) {
    guard let rollout = state.running else { return nil }
    switch rollout.phase {
    case .soaking(let soak), .paused(let soak): self.soak = soak
    case .starting, .applying, .finishing, .reverting, .promoted, .reverted: return nil
    }
    self.rollout = rollout.number
    at = now
    checks = rollout.checks
    recent = last?.rollout == rollout.number ? last?.recent ?? [:] : [:]
    for check in checks {
      guard let measured = check.measuredAt, recent[check.name]?.last?.at != measured else {
        continue
      }
      recent[check.name, default: []].append(Point(at: measured, value: check.value))
      if let count = recent[check.name]?.count, count > Self.most {
        recent[check.name]?.removeFirst(count - Self.most)
      }
    }
  }

  /// The state with what is newer here.
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
