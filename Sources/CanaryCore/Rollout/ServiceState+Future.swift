// The clock on the wall may be set back: a time that is still to come is no time.

extension ServiceState {
  /// The state without the times of its rollout that are later than now.
  ///
  /// What was measured then counts no more, and what waits begins to wait now. So nothing stands
  /// still until the clock is there again, and nothing from before passes a stage.
  func withoutFuture(at now: Instant) -> ServiceState {
    guard let rollout = running, rollout.hasFuture(after: now) else { return self }
    var state = self
    for index in rollout.checks.indices {
      state.rollout?.checks[index].forgetFuture(after: now)
    }
    switch rollout.phase {
    case .starting(_, let passes): state.rollout?.phase = .starting(since: now, passes: passes)
    case .soaking(let soak): state.rollout?.phase = .soaking(soak.withoutFuture(at: now))
    case .paused(let soak): state.rollout?.phase = .paused(soak.withoutFuture(at: now))
    case .applying, .finishing, .reverting, .promoted, .reverted: break
    }
    return state
  }
}

extension Rollout {
  fileprivate func hasFuture(after now: Instant) -> Bool {
    if case .starting(let since, _) = phase { return since > now }
    guard let soak = phase.soak else { return false }
    return soak.hasFuture(after: now)
      || checks.contains { $0.measuredAt.isAfter(now) || $0.brokenSince.isAfter(now) }
  }
}

extension Soak {
  fileprivate func hasFuture(after now: Instant) -> Bool {
    began > now || seen > now || over.isAfter(now) || confirmed.isAfter(now)
  }

  fileprivate func withoutFuture(at now: Instant) -> Soak {
    var soak = self
    soak.began = min(began, now)
    soak.seen = min(seen, now)
    soak.confirmed = confirmed.map { min($0, now) }
    // Set anew at the next look, after which every check is measured once more.
    if over.isAfter(now) { soak.over = nil }
    return soak
  }
}

extension CheckState {
  fileprivate mutating func forgetFuture(after now: Instant) {
    if brokenSince.isAfter(now) { brokenSince = now }
    guard measuredAt.isAfter(now) else { return }
    measuredAt = nil
    verdict = .inconclusive
    detail = "measured before the clock was set back"
  }
}

extension Instant? {
  fileprivate func isAfter(_ now: Instant) -> Bool { map { $0 > now } ?? false }
}
