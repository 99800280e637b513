internal import CanaryCore

/// Whether an alert that the matchers select fires, by Alertmanager's API v2.
///
/// Silenced and inhibited alerts do not count, because they notify no one.
struct AlertsSource {
  let client: EndpointClient
  let url: String
  let facts: PlaceholderValues

  func measure(_ matchers: [String], _ check: Check, freshFor: Span) async -> Measurement.Reading {
    let filters = matchers.map { matcher in
      "filter="
        + PlaceholderValues.percentEncoded(Placeholder.fill(matcher, with: facts, in: .matcher))
    }
    let query =
      ["active=true", "silenced=false", "inhibited=false", "unprocessed=true"] + filters
    return await client.request(
      "\(url)/api/v2/alerts?\(query.joined(separator: "&"))", limit: check.timeout,
      accepts: { (200...299).contains($0) || $0 == 400 }
    ) { answer, secrets in
      read(answer, freshFor, secrets)
    }
  }

  private func read(_ answer: HTTPAnswer, _ freshFor: Span, _ secrets: Secrets)
    -> Measurement.Reading
  {
    let root = JSONAnswer.parse(answer.body)
    if answer.status == 400 {
      guard case .text(let why)? = root else {
        return .failed("\(EndpointClient.host(url)) \(EndpointClient.refusal(answer, secrets))")
      }
      return .failed("Alertmanager refused the matchers: \(secrets.excerpt(why, limit: 200))")
    }
    guard case .list(let alerts)? = root else {
      return .failed(
        "\(EndpointClient.host(url)) does not speak Alertmanager's API: \(secrets.excerpt(answer.body))"
      )
    }
    if let old = Freshness.fault(answer, freshFor) { return .nothing(old) }
    let firing = alerts.filter { alert in
      // Checked here as well: an old or foreign server may ignore the query's filters.
      JSONAnswer.at("/status/state", in: alert) != .text("suppressed")
    }
    guard !firing.isEmpty else { return .answer(true, "no alert fires") }
    let names = firing.prefix(3).map { alert -> String in
      guard case .text(let name)? = JSONAnswer.at("/labels/alertname", in: alert) else {
        return "?"
      }
      guard case .text(let summary)? = JSONAnswer.at("/annotations/summary", in: alert) else {
        return name
      }
      return "\(name) (\(summary))"
    }
    let more = firing.count > 3 ? " and \(firing.count - 3) more" : ""
    return .answer(
      false,
      "\(firing.count == 1 ? "an alert fires" : "\(firing.count) alerts fire"): \(secrets.excerpt(names.joined(separator: ", "), limit: 240))\(more)"
    )
  }
}
