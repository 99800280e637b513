package import CanaryCore

/// Describes a check of a plan in words.
package enum CheckWords {
  /// What the check measures and what must hold, in one line.
  package static func text(_ check: Check) -> String {
    var text: String
    let shown = ValueFormat(check.source)
    switch check.source {
    case .metric(let metric): text = "\(metric.rawValue) over \(check.window)"
    case .shadow(let metric): text = "\(metric.shadowName) over \(check.window)"
    case .probe(let path):
      let asked =
        GRPCHealth.service(path).map { $0.isEmpty ? "gRPC health" : "gRPC health of \($0)" }
        ?? "GET \(path)"
      text = "\(asked) on every server of the canary"
    case .command(let words): text = words.joined(separator: " ")
    case .prometheus(let query, _): text = "PromQL \(Text.sanitized(query, limit: 80))"
    case .http(let request):
      text = "\(request.method) \(Text.sanitized(plain(request.url), limit: 80))"
    case .certificate(let host): text = "certificate of \(host), good for"
    case .checksum(let path, let digest): text = "SHA-256 of \(path) is \(digest.prefix(12))…"
    case .alerts(let matchers): text = "no alert with \(matchers.joined(separator: ", "))"
    }
    if let max = check.condition.max { text += " ≤ \(shown.text(max))" }
    if let min = check.condition.min { text += " ≥ \(shown.text(min))" }
    if let versus = check.condition.versus {
      text += ", no worse than stable"
      if let margin = versus.worseBy {
        text += " by \(ValueFormat.decimal(margin * 100, places: 2)) points"
      }
      if let longer = versus.longerBy { text += " by \(longer)" }
      if !versus.demandsEvidence { text += " as far as the traffic tells" }
    }
    if check.lasting > .zero { text += ", broken for \(check.lasting)" }
    if check.failures > 1 { text += ", broken \(check.failures) times in a row" }
    return text + (check.advisory ? " (advisory)" : "")
  }

  /// The last value, formatted with its unit; the verdict of a check without value or bound.
  package static func value(_ state: CheckState, _ check: Check?) -> String {
    // The number of a yes-or-no check has no meaning for a reader.
    guard let value = state.value, let check,
      check.condition.hasBound || check.condition.versus != nil
    else { return state.verdict.rawValue }
    return ValueFormat(check.source).text(value)
  }

  /// The bound that the value must keep to, short enough for a column.
  package static func bound(_ check: Check) -> String {
    let shown = ValueFormat(check.source)
    var parts: [String] = []
    if let max = check.condition.max { parts.append("≤ \(shown.text(max))") }
    if let min = check.condition.min { parts.append("≥ \(shown.text(min))") }
    if check.condition.versus != nil { parts.append("as stable") }
    return parts.isEmpty ? "answers" : parts.joined(separator: ", ")
  }

  /// What a check said when it was measured once, with advice unless it passes.
  package static func told(_ check: Check, _ state: CheckState) -> String {
    "\(check.name): \(state.detail)" + (state.verdict == .pass ? "" : ". \(advice(check))")
  }

  /// What you can do about a check that does not pass.
  package static func advice(_ check: Check) -> String {
    switch check.source {
    case .certificate(let host):
      "Renew the certificate, and look: openssl s_client -connect \(host)"
    case .checksum(let path, _): "Copy \(path) anew, or correct sha256"
    case .alerts: "See Alertmanager, or silence what is known"
    case .prometheus: "See the query in Prometheus"
    case .http(let request): "Try: curl -i '\(plain(request.url))'"
    case .probe(let path): "Bring the pool up, and try: curl -i http://SERVER\(path)"
    case .command(let words): "Run it by hand: \(words.joined(separator: " "))"
    case .metric, .shadow: "Wait for requests"
    }
  }

  /// A URL without its query, which may hold a secret.
  private static func plain(_ url: String) -> String { String(url.prefix { $0 != "?" }) }
}

extension Rollout {
  /// How many stages were passed; of a reverted rollout, those before the stage in which it was
  /// reverted.
  package var passedStages: Int {
    if case .promoted = phase { return plan.stages.count }
    return stage ?? reached ?? 0
  }

  /// The check with that name in the stage that is held, otherwise in the last stage reached.
  package func rule(_ name: CheckName) -> Check? {
    let at = stage ?? reached ?? 0
    guard plan.stages.indices.contains(at) else { return nil }
    return plan.checks(stage: at).first { $0.name == name }
  }

  /// The checks before the rollout as lines of a table; empty before they are measured.
  package var preflightWords: [String] {
    zip(plan.before, preflight ?? []).map { check, state in
      let mark = state.verdict == .pass ? "✓" : check.advisory ? "!" : "✗"
      return "  \(mark) \(CheckWords.told(check, state))"
    }
  }
}
