/// The earliest times at which the stages of a rollout begin and end.
///
/// It assumes that every check passes at once, and that approvals and hooks take no time.
package struct Forecast: Hashable, Sendable {
  package struct Step: Hashable, Sendable {
    package var stage: Int
    package var begins: Instant
    /// The end of its soak; the stage lasts until the next one may begin.
    package var soaked: Instant
    /// Whether the stage waits for a window to open; without windows it could begin sooner.
    package var waits: Bool
  }
  package var steps: [Step] = []
  /// When the canary is stable; nil when a window that it needs never opens.
  package var promoted: Instant?

  /// The forecast of a whole rollout that starts at `start`.
  package init(_ plan: Plan, calendar: Calendar, from start: Instant) {
    self.init(plan, calendar: calendar, stage: 0, ready: start)
  }

  /// The forecast of the stages that a running rollout has not begun yet.
  package static func rest(of rollout: Rollout, calendar: Calendar, now: Instant) -> Forecast {
    switch rollout.phase {
    case .starting: Forecast(rollout.plan, calendar: calendar, from: now)
    case .soaking(let soak), .paused(let soak):
      Forecast(
        rollout.plan, calendar: calendar, stage: soak.next(in: rollout.plan),
        ready: now
          + max(.zero, soak.advanced ? .zero : rollout.plan.stages[soak.stage].soak - soak.served))
    case .applying(let stage, _):
      Forecast(
        rollout.plan, calendar: calendar, stage: stage + 1,
        ready: now + rollout.plan.stages[stage].soak)
    case .finishing, .reverting, .promoted, .reverted:
      Forecast(rollout.plan, calendar: calendar, stage: rollout.plan.stages.count, ready: now)
    }
  }

  private init(_ plan: Plan, calendar: Calendar, stage: Int, ready: Instant) {
    var ready = ready
    for index in stage..<max(stage, plan.stages.count) {
      guard let begins = calendar.opening(from: ready) else { return }
      let soaked = begins + plan.stages[index].soak
      steps.append(Step(stage: index, begins: begins, soaked: soaked, waits: begins > ready))
      ready = soaked
    }
    promoted = ready
  }
}
