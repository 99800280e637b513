internal import CanaryCore

/// Instant queries to Prometheus, or to a server with the same API: Thanos, VictoriaMetrics, Mimir.
struct PrometheusSource {
  let client: EndpointClient
  let url: String
  let facts: PlaceholderValues
  let now: @Sendable () -> Instant

  func measure(_ query: String, _ reduce: Reduce?, _ check: Check, freshFor: Span) async
    -> Measurement.Reading
  {
    let filled = Placeholder.fill(query, with: facts, in: .promQL)
    // POST, because a query may be longer than a server accepts in a URL.
    let form = [
      "query=\(PlaceholderValues.percentEncoded(filled))",
      "timeout=\(max(1, check.timeout.milliseconds))ms",
      // Without it, Prometheus would return samples that are up to five minutes old.
      "lookback_delta=\(freshFor.milliseconds)ms",
    ].joined(separator: "&")
    return await client.request(
      "\(url)/api/v1/query", method: "POST",
      headers: ["Content-Type": Secret(.plain("application/x-www-form-urlencoded"))], body: form,
      limit: check.timeout,
      // A faulty query is answered with 400 or 422, and the reason as JSON.
      accepts: { (200...299).contains($0) || $0 == 400 || $0 == 422 }
    ) { answer, secrets in
      read(answer, reduce, freshFor, secrets)
    }
  }

  private func read(
    _ answer: HTTPAnswer, _ reduce: Reduce?, _ freshFor: Span, _ secrets: Secrets
  ) -> Measurement.Reading {
    guard let root = JSONAnswer.parse(answer.body),
      case .text(let status)? = JSONAnswer.at("/status", in: root)
    else {
      return .failed(
        "\(EndpointClient.host(url)) does not speak Prometheus's API; it answered \(answer.status): \(secrets.excerpt(answer.body))"
      )
    }
    let warnings = Self.warnings(root, secrets)
    guard status == "success" else {
      let why = JSONAnswer.at("/error", in: root).map(Self.text) ?? "no reason given"
      return .failed("Prometheus refused the query: \(secrets.excerpt(why, limit: 200))")
    }
    if let old = Freshness.fault(answer, freshFor) { return .nothing(old + warnings) }
    let result = JSONAnswer.at("/data/result", in: root)
    switch JSONAnswer.at("/data/resultType", in: root) {
    case .text("scalar"):
      guard case .list(let pair)? = result, pair.count == 2 else { return Self.odd }
      return value([pair], reduce: nil, freshFor, warnings)
    case .text("vector"):
      guard case .list(let series)? = result else { return Self.odd }
      return vector(series, reduce, freshFor, warnings, secrets)
    case .text(let other):
      return .failed(
        "the query answers with a \(secrets.excerpt(other, limit: 40)); it must be a scalar or an instant vector"
      )
    case .none, .some: return Self.odd
    }
  }

  private func vector(
    _ series: [Node], _ reduce: Reduce?, _ freshFor: Span, _ warnings: String, _ secrets: Secrets
  ) -> Measurement.Reading {
    if series.isEmpty {
      return .nothing("no series with a sample of the last \(freshFor)\(warnings)")
    }
    if series.count > 1, reduce == nil {
      let names = series.prefix(3).map { JSONAnswer.at("/metric", in: $0).map(Self.labels) ?? "?" }
      let more = series.count > 3 ? " and \(series.count - 3) more" : ""
      return .failed(
        "the query answers with \(series.count) series: \(secrets.excerpt(names.joined(separator: ", "), limit: 240))\(more); aggregate them, or say reduce: \"max\", \"min\", \"sum\" or \"mean\""
      )
    }
    let pairs = series.compactMap { one -> [Node]? in
      guard case .list(let pair)? = JSONAnswer.at("/value", in: one), pair.count == 2 else {
        return nil
      }
      return pair
    }
    guard pairs.count == series.count else { return Self.odd }
    return value(pairs, reduce: reduce, freshFor, warnings)
  }

  /// The reading from pairs of a time and a value as text, reduced to one value.
  ///
  /// Not finite, or an old sample: no data. Several values without `reduce` do not come here.
  private func value(
    _ pairs: [[Node]], reduce: Reduce?, _ freshFor: Span, _ warnings: String
  ) -> Measurement.Reading {
    var values: [Double] = []
    for pair in pairs {
      guard let time = JSONAnswer.time(pair[0]), let value = JSONAnswer.number(pair[1]) else {
        return Self.odd
      }
      if let old = Freshness.fault(time, now: now(), freshFor) { return .nothing(old + warnings) }
      values.append(value)
    }
    let value = values.count == 1 ? values[0] : reduce.map { $0(values) } ?? .nan
    guard value.isFinite else {
      let text = value.isNaN ? "NaN" : value > 0 ? "+Inf" : "-Inf"
      let hint = value.isNaN ? ", as 0 / 0 is when there was no traffic" : ""
      return .nothing("the query's value is \(text)\(hint)\(warnings)")
    }
    return warnings.isEmpty ? .value(value, requests: nil) : .noted(value, warnings)
  }

  private static let odd = Measurement.Reading.failed("the answer is none of Prometheus's API")

  private static func warnings(_ root: Node, _ secrets: Secrets) -> String {
    let all = ["/warnings", "/infos"].flatMap { pointer -> [String] in
      guard case .list(let items)? = JSONAnswer.at(pointer, in: root) else { return [] }
      return items.map(text)
    }
    return all.isEmpty
      ? "" : " (Prometheus warns: \(secrets.excerpt(all.joined(separator: "; "), limit: 200)))"
  }

  private static func text(_ node: Node) -> String {
    if case .text(let text) = node { return text }
    return node.shown
  }

  private static func labels(_ node: Node) -> String {
    guard case .table(let table) = node else { return node.shown }
    let name = table["__name__"].map(text) ?? ""
    let rest = table.filter { $0.key != "__name__" }.sorted { $0.key < $1.key }
    return name + "{" + rest.map { "\($0.key)=\"\(text($0.value))\"" }.joined(separator: ",") + "}"
  }
}
