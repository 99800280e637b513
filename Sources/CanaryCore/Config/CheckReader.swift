/// Reads one check of a plan.
package struct CheckReader {
  private let table: TableReader
  /// The default of `Versus.demandsEvidence`, for a comparison that does not set `evidence`.
  private let demandsEvidence: Bool

  init(_ table: TableReader, demandsEvidence: Bool = true) {
    self.table = table
    self.demandsEvidence = demandsEvidence
  }

  static let evidenceRule = "must be \"comparison\" or \"thresholds\""

  func read() -> Check? {
    table.refuseUnknown(.check)
    let name = table.text("name", "must be a name of \(CheckName.rule)") { CheckName($0) != nil }
      .flatMap(
        CheckName.init)
    if !table.has("name") { table.faultHere("must have a name") }
    let reader = SourceReader(table)
    let source = reader.read()
    let condition = readCondition(source)
    let every = table.span("every", atLeast: Span(milliseconds: 100))
    let window = table.span("window", atLeast: .seconds(1))
    let lasting = table.span("for")
    let failures = table.int("failures", in: 1...1_000_000)
    let warmup = table.span("warmup")
    let warmupRequests = table.int("warmup_requests", in: 0...1_000_000)
    if warmupRequests != nil, condition.versus == nil {
      table.fault("warmup_requests", "needs versus: \"stable\"")
    }
    let minRequests = table.int("min_requests", in: 0...1_000_000_000)
    let timeout = table.span("timeout", atLeast: Span(milliseconds: 10))
    let advisory = table.bool("advisory")
    let expected = reader.readExpected(source)
    let endpoint = reader.readEndpoint(source)
    let backend = table.name("backend")
    guard let name, let source else { return nil }
    // `requests` and `request_rate` count requests themselves, so a minimum would defeat them: none
    // by default.
    let floor =
      source.logMetric.map { [.requests, .requestRate].contains($0) ? 0 : 20 } ?? 0
    var check = Check(
      name: name, source: source, condition: condition, every: every, window: window ?? .minutes(1),
      lasting: lasting ?? .zero, failures: failures ?? 1, warmup: warmup ?? .zero,
      minRequests: minRequests ?? floor, timeout: timeout ?? .seconds(5),
      advisory: advisory ?? false)
    check.hasOwnWarmup = warmup != nil
    check.warmupRequests = warmupRequests
    check.expected = expected
    check.endpoint = endpoint
    check.backend = backend
    return check
  }

  private func readCondition(_ source: Source?) -> Condition {
    let max = bound("max", source)
    let min = bound("min", source)
    if let max, let min, min > max { table.fault("min", "must not be above max") }
    let versus = readVersus(source)
    let hasCondition = table.has("max") || table.has("min") || table.has("versus")
    switch source {
    case .metric(.tinyRate)? where max != nil || min != nil || !hasCondition:
      table.faultHere(
        "must have versus: \"stable\", and no bound: what is tiny is told by stable's answers")
    case .metric(let metric)? where !hasCondition:
      table.faultHere("must have a max, a min or versus: \"stable\" for \(metric.rawValue)")
    case .shadow(let metric)? where !hasCondition:
      table.faultHere("must have a max or a min for \(metric.shadowName)")
    case .prometheus? where !hasCondition:
      table.faultHere("must have a max or a min to judge the query's value by")
    case .http(let request)? where request.pointer != nil && !hasCondition:
      table.faultHere("must have a max or a min to judge the number at `json` by")
    case .http(let request)? where request.pointer == nil:
      if table.has("min") {
        table.fault("min", "needs `json`: where in the answer the number stands, as in \"/data/0\"")
      }
    case .probe? where table.has("min"):
      table.fault("min", "has no meaning for a probe; its max is the longest time to answer")
    case .alerts?, .checksum?:
      for key in ["max", "min"] where table.has(key) {
        table.fault(
          key,
          "has no meaning for \(source?.usualEndpoint == nil ? "a checksum" : "alerts: none may fire")"
        )
      }
    case .certificate?:
      if table.has("max") { table.fault("max", "has no meaning for a certificate, only min") }
      if !table.has("min") { return Condition(min: Span.hours(24 * 30).seconds) }
    case .metric?, .shadow?, .probe?, .command?, .prometheus?, .http?, nil: break
    }
    return Condition(max: max, min: min, versus: versus)
  }

  private func readVersus(_ source: Source?) -> Versus? {
    let versus = table.text("versus", "must be \"stable\"") { $0 == "stable" }
    let (worseBy, longerBy) = readMargin(source)
    let evidence = table.text("evidence", Self.evidenceRule) {
      ["comparison", "thresholds"].contains($0)
    }
    guard table.has("versus") else {
      for key in ["worse_by", "evidence"] where table.has(key) {
        table.fault(key, "needs versus: \"stable\"")
      }
      return nil
    }
    if let source, case .metric(let metric) = source {
      if ComparisonKind(metric) == nil {
        table.fault("versus", "compares rates and latencies; \(metric.rawValue) has no sides")
      }
    } else if source != nil {
      table.fault(
        "versus",
        "compares what the access log says (metric: a rate or a latency); write the comparison into the query"
      )
    }
    guard versus != nil else { return nil }
    return Versus(
      worseBy: worseBy, longerBy: longerBy,
      demandsEvidence: evidence.map { $0 == "comparison" } ?? demandsEvidence)
  }

  /// Reads `worse_by`: a share of the requests or, of a latency, also a duration.
  private func readMargin(_ source: Source?) -> (share: Double?, longer: Span?) {
    var isLatency = false
    if case .metric(let metric)? = source { isLatency = metric.quantile != nil }
    let rule =
      isLatency
      ? "must be a share above 0 such as \"2%\", at most 1, or a duration such as \"2ms\""
      : "must be a share above 0 such as \"1%\" or 0.01, at most 1"
    let margin = table.read("worse_by", rule) { node -> (share: Double?, longer: Span?)? in
      if let share = Self.share(node) { return share > 0 ? (share, nil) : nil }
      guard isLatency, case .text(let text) = node, let span = Span(parsing: text), span > .zero
      else { return nil }
      return (nil, span)
    }
    return margin ?? (nil, nil)
  }

  /// Reads a bound in the unit of its source.
  ///
  /// A share for rates; a duration, in seconds, for latencies, probes, certificates and HTTP
  /// checks without `json`; a number for other metrics of the log; any of the three for other
  /// sources.
  private func bound(_ key: String, _ source: Source?) -> Double? {
    if source?.logMetric?.isShare == true {
      return table.read(key, "must be a share such as \"5%\" or 0.05, from 0 to 1") { node in
        Self.share(node)
      }
    }
    let isTime: Bool
    switch source {
    case .metric(let metric)?, .shadow(let metric)?: isTime = metric.quantile != nil
    case .probe?, .certificate?: isTime = true
    case .http(let request)?: isTime = request.pointer == nil
    case .command?, .prometheus?, .alerts?, .checksum?, nil: isTime = false
    }
    if isTime {
      return table.read(key, "must be a duration such as \"1s\" or \"250ms\"") { node in
        guard case .text(let text) = node else { return nil }
        return Span(parsing: text)?.seconds
      }
    }
    if source?.isFromLog == true {
      return table.read(key, "must be a number") { node in
        guard case .number(let value) = node, value.isFinite else { return nil }
        return value
      }
    }
    return table.read(key, "must be a number, a share such as \"5%\" or a duration such as \"1s\"")
    { node in
      switch node {
      case .number(let value): return value.isFinite ? value : nil
      case .text(let text): return Self.share(node) ?? Span(parsing: text)?.seconds
      case .null, .bool, .list, .table: return nil
      }
    }
  }

  /// Reads a share from 0 to 1, written as `"5%"` or 0.05; nil for anything else.
  package static func share(_ node: Node) -> Double? {
    switch node {
    case .number(let value): return (0...1).contains(value) ? value : nil
    case .text(let text):
      guard text.hasSuffix("%"),
        text.utf8.dropLast().allSatisfy({ (48...57).contains($0) || $0 == 46 }),
        let percent = Double(text.dropLast()), (0...100).contains(percent)
      else { return nil }
      return percent / 100
    case .null, .bool, .list, .table: return nil
    }
  }
}
