// Freezes and scheduled rollouts.

extension Policy {
  mutating func freeze(_ freeze: Freeze) {
    if let until = freeze.until, until <= now {
      decision.refusal = .wrong("\(until.iso8601) is over already")
      return
    }
    decision.state.freeze = freeze
    note(
      .frozen, decision.state.running?.number,
      weight: decision.state.running.flatMap { _ in decision.state.serving?.routing.weight },
      actor: freeze.actor,
      detail: "\(freeze.reason)\(freeze.until.map { "; until \($0.iso8601)" } ?? "")")
  }

  mutating func thaw(_ actor: Actor) {
    guard let freeze = decision.state.freeze(at: now) else {
      decision.refusal = .nothing("\(decision.state.service) is not frozen")
      return
    }
    decision.state.freeze = nil
    note(
      .thawed, decision.state.running?.number,
      weight: decision.state.running.flatMap { _ in decision.state.serving?.routing.weight },
      actor: actor, detail: freeze.words)
    decision.effects = [.wake(now)]
  }

  /// Schedules the rollout, or refuses to.
  ///
  /// A time outside every window is refused or, with `inWindow`, moved to the next opening.
  mutating func schedule(_ schedule: Schedule) {
    let request = schedule.request
    if let other = decision.state.scheduled {
      decision.refusal = .busy(
        "a rollout to \(other.request.to) is scheduled for \(other.at.iso8601) already; drop it with: canary cancel \(decision.state.service)"
      )
      return
    }
    guard request.to != decision.state.stable else {
      decision.refusal = .wrong("\(request.to) is the stable pool already")
      return
    }
    guard schedule.at >= now - .seconds(1) else {
      decision.refusal = .wrong("\(schedule.at.iso8601) is over already")
      return
    }
    var schedule = schedule
    guard let opening = rules.calendar.opening(from: schedule.at) else {
      decision.refusal = .wrong("no window of \(decision.state.service) ever opens")
      return
    }
    if schedule.inWindow {
      if opening != schedule.at { schedule.asked = schedule.at }
      schedule.at = opening
    } else if opening != schedule.at {
      decision.refusal = .wrong(
        "\(schedule.at.iso8601) is \(rules.calendar.closed(at: schedule.at) ?? "closed"); the next opens at \(opening.iso8601): say --at that, or --in-window"
      )
      return
    } else {
      let closing = rules.calendar.closing(after: schedule.at)
      let grace = schedule.at + Schedule.grace
      schedule.latest = rules.calendar.windows.isEmpty ? grace : closing ?? grace
    }
    decision.state.scheduled = schedule
    note(
      .scheduled, nil, actor: request.actor,
      detail: [
        "to \(request.to) at \(schedule.at.iso8601)\(schedule.inWindow ? ", in a window" : "")",
        request.release.map { "release \($0)" }, request.reason, request.meta.words,
      ].compactMap(\.self).joined(separator: ": "))
  }

  mutating func cancel(_ actor: Actor) {
    guard let schedule = decision.state.scheduled else {
      decision.refusal = .nothing("nothing is scheduled for \(decision.state.service)")
      return
    }
    decision.state.scheduled = nil
    note(
      .cancelled, nil, actor: actor,
      detail: "the rollout to \(schedule.request.to) of \(schedule.at.iso8601)")
  }

  /// Starts the scheduled rollout once its time has come and growth is allowed.
  ///
  /// Drops it when it has become too late, or when its pool is stable already.
  mutating func startScheduled() {
    guard let schedule = decision.state.scheduled, now >= schedule.earliest else { return }
    let held = whyNotGrow()
    if schedule.request.to == decision.state.stable {
      return miss(schedule, "\(schedule.request.to) is the stable pool already")
    }
    if let latest = schedule.latest, now > latest {
      return miss(schedule, held?.text ?? "nobody was there to begin it until \(latest.iso8601)")
    }
    if held != nil { return }
    decision.state.scheduled = nil
    start(schedule.request)
  }

  /// Drops the scheduled rollout and notes why it was not started.
  private mutating func miss(_ schedule: Schedule, _ why: String) {
    decision.state.scheduled = nil
    note(
      .missed, nil, actor: .canary,
      detail: "the rollout to \(schedule.request.to) of \(schedule.at.iso8601): \(why)")
  }
}
