internal import CanaryCore

/// The status as people read it: the headline first, then what must not be overlooked, then facts.
package struct StatusText {
  private let report: StatusReport

  package init(_ report: StatusReport) { self.report = report }

  package var text: String {
    let state = report.state
    let headline = report.headline
    var lines = ["\(state.service)  \(headline.word)  \(headline.text(at: report.now))"]
    lines += acts(headline)
    if headline.kind != .undriven, let driver = report.driverWords, report.driver?.alive == false {
      lines.append(driver)
    }
    lines += alarms
    lines.append(
      "pools: \(report.pools.joined(separator: ", ")); \(weightWords), generation \(state.serving?.generation ?? state.generation)"
    )
    if let rollout = state.rollout {
      let release = rollout.release.map { " (\(Text.sanitized($0, limit: 60)))" } ?? ""
      let done = report.done.map { ", done at \($0.clockTime) at the earliest" } ?? ""
      lines.append(
        "rollout \(rollout.number): \(rollout.from) → \(rollout.to)\(release), by \(rollout.actor), \(rollout.started.iso8601)\(done)"
      )
      for check in rollout.checks where !rollout.phase.isOver { lines.append(line(check)) }
    }
    if let next = report.nextOfTry { lines.append(next) }
    for one in state.running == nil ? state.guards : [] {
      lines.append(
        "\(Wording.mark(one.verdict)) guard \(one.name): \(one.verdict.rawValue): \(one.detail)")
    }
    if let driver = report.driverWords, report.driver?.alive == true { lines.append(driver) }
    if report.unreadable > 0 {
      lines.append(
        "\(report.unreadable) log entries could not be parsed or matched to a pool")
    }
    return lines.enumerated().map { $0.offset == 0 ? $0.element : "  \($0.element)" }
      .joined(separator: "\n")
  }

  private func line(_ check: CheckState) -> String {
    "\(Wording.mark(check.verdict)) \(check.name): \(check.verdict.rawValue): \(check.detail)\(check.advisory ? " (advisory)" : "")"
  }

  /// The commands to type for what the headline asks for.
  private func acts(_ headline: Headline) -> [String] {
    let service = report.service.name
    let commands = headline.acts.map { act in
      switch act {
      case .approve: "let it go on: canary approve \(service)"
      case .reject: "send it back: canary reject \(service)"
      case .revert: "go back: canary revert \(service)"
      case .resume: "go on: canary resume \(service)"
      case .drive: "go on: canary controller"
      }
    }
    return commands.isEmpty ? [] : [commands.joined(separator: " · ")]
  }

  /// What you must not overlook beside the headline.
  private var alarms: [String] {
    let state = report.state
    var lines = report.nginx
    if let fault = report.weightFault { lines.append("\(fault)") }
    if let weight = report.weight, weight < report.lastWeight, state.running?.phase.soak != nil {
      let why = report.unseen?.description ?? "its set of seats is gone, as after a reboot"
      lines.append(
        "the stage has \(report.lastWeight)%, but Nginx gives the canary \(weight)%: \(why)")
    }
    if let freeze = state.freeze(at: report.now) {
      lines.append("❄ \(freeze.words); canary thaw ends it")
    }
    return lines
  }

  private var weightWords: String {
    if let weight = report.weight { return "canary weight \(weight)%" }
    return
      "canary weight unknown, because Nginx cannot be asked (\(report.lastWeight)% when it last could)"
  }
}
