internal import CanaryCore

extension HeadlineFacts {
  /// The headline while no rollout runs.
  var rest: Headline {
    let frozen = state.freeze(at: now).map { fact($0.words) } ?? []
    if let scheduled = state.scheduled {
      let release = scheduled.request.release.map { " (\(Text.sanitized($0, limit: 40)))" } ?? ""
      let later = scheduled.inWindow ? " or in a later window" : ""
      let warning =
        report.hasController ? "" : "no controller is running, so it will not start"
      return make(
        .scheduled,
        [
          fact(warning),
          [
            .text(
              "a rollout to \(scheduled.request.to)\(release) begins at \(scheduled.at.iso8601)\(later)"
            )
          ], fact("all traffic is on \(state.named(state.stable))"), frozen,
        ], report.hasController ? [] : [.drive])
    }
    guard let rollout = state.rollout else {
      return make(
        .idle,
        [fact("no rollout yet"), fact("all traffic is on \(state.named(state.stable))"), frozen])
    }
    switch rollout.phase {
    case .promoted(let until):
      var facts = [fact("\(state.named(rollout.to)) is stable")]
      if let held = rollout.held { facts.append(fact(held.text)) }
      if until > now {
        facts.append([.text("\(state.named(rollout.from)) is kept until \(until.iso8601)")])
      }
      return make(.promoted, facts + [frozen])
    case .reverted(let reason):
      return make(
        .reverted,
        [
          fact("all traffic is on \(state.named(rollout.from)): \(reason.text)"),
          fact(reason.hint ?? ""),
          frozen,
        ])
    case .starting, .applying, .soaking, .paused, .finishing, .reverting:
      return make(.idle, [fact(Wording.sentence(state))])
    }
  }
}
