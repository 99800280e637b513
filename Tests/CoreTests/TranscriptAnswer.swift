import CanaryCore

extension TranscriptWorld {
  /// A decision in words: its effects in their order, what the history notes, and the state.
  func answer(_ decision: Decision) -> [String] {
    var lines: [String] = []
    switch decision.refusal {
    case .busy(let why): lines.append("refused, busy: \(why)")
    case .wrong(let why): lines.append("refused, wrong: \(why)")
    case .nothing(let why): lines.append("refused, nothing to do: \(why)")
    case nil: break
    }
    lines += decision.effects.map(words)
    for entry in decision.entries {
      let weight = entry.weight.map { " at \($0)%" } ?? ""
      let detail = entry.detail.map { ": \($0)" } ?? ""
      let hint = entry.hint.map { " · \($0)" } ?? ""
      lines.append("note \(entry.event.rawValue)\(weight) by \(entry.actor)\(detail)\(hint)")
    }
    return lines + ["\(decision.state.word.rawValue): \(Wording.sentence(decision.state))"]
  }

  private func words(_ effect: Effect) -> String {
    switch effect {
    case .brake(let why, let pool): "brake on, to \(pool): \(why)"
    case .forgetFormer: "forget the former pool"
    case .apply(let routing, let generation):
      "apply \(words(routing)) as generation \(generation)"
    case .release: "lift the brake"
    case .look(let pool, let ready, _):
      "look whether every server of \(pool) answers\(ready.path.map { " \($0)" } ?? "")"
    case .measure(let checks, _): "measure \(names(checks))"
    case .wake(let at): at <= now ? "wake at once" : "wake in \(at - now)"
    case .preflight(let checks, _, _): "ask \(names(checks)) before anything else"
    case .run(let job): "run \(job.words)"
    case .end(let jobs): "end the hooks \(jobs.map(String.init).joined(separator: ", "))"
    }
  }

  private func names(_ checks: [Check]) -> String {
    checks.map(\.name.text).joined(separator: ", ")
  }

  private func words(_ routing: Routing) -> String {
    let canary = routing.canary?.text ?? "nobody"
    if let until = routing.brakeUntil {
      return "100% on \(routing.stable), the brake leading to \(canary) until \(until.iso8601),"
    }
    if routing.isClean {
      return "100% on \(routing.stable)\(routing.fallback ? "" : " and never \(canary)")"
    }
    return "\(routing.weight)% on \(canary)"
  }
}
