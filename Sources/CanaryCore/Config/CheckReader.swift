/// Reads one check of a plan.
struct CheckReader {
  private let table: TableReader

  init(_ table: TableReader) { self.table = table }

  static let pathRule =
    "must be a path that begins with '/', of visible ASCII without quotes, braces, ';', '$', '#' and '\\'"
  private static let sources = ["metric", "probe", "command"]
  private static let keys =
    ["name"] + sources
    + [
      "max", "min", "every", "window", "for", "failures", "warmup", "min_requests", "timeout",
      "advisory",
    ]
  /// What the contract names and a later version brings: told apart from a typing mistake.
  private static let comingSources = ["prometheus", "http", "alerts"]
  private static let comingKeys = ["versus", "worse_by", "json"]

  func read() -> Check? {
    refuseWhatIsNotThere()
    let name = table.text("name", "must be a name of \(Name.rule)") { Name($0) != nil }.flatMap(
      Name.init)
    if !table.has("name") { table.faultHere("must have a name") }
    let source = readSource()
    let condition = readCondition(source)
    let every = table.span("every", atLeast: Span(milliseconds: 100))
    let window = table.span("window", atLeast: .seconds(1))
    let lasting = table.span("for")
    let failures = table.int("failures", in: 1...1_000_000)
    let warmup = table.span("warmup")
    let minRequests = table.int("min_requests", in: 0...1_000_000_000)
    let timeout = table.span("timeout", atLeast: Span(milliseconds: 10))
    let advisory = table.bool("advisory")
    guard let name, let source else { return nil }
    let isMetric = if case .metric = source { true } else { false }
    // `requests` and `request_rate` are themselves the answer to "how many": no floor unless asked for.
    let floor = isMetric && source != .metric(.requests) && source != .metric(.requestRate) ? 20 : 0
    return Check(
      name: name, source: source, condition: condition, every: every, window: window ?? .minutes(1),
      lasting: lasting ?? .zero, failures: failures ?? 1, warmup: warmup ?? .zero,
      minRequests: minRequests ?? floor, timeout: timeout ?? .seconds(5),
      advisory: advisory ?? false)
  }

  private func refuseWhatIsNotThere() {
    for key in Self.comingSources + Self.comingKeys where table.has(key) {
      table.fault(
        key, "is not in this version; checks here have metric, probe or command with max or min")
    }
    table.refuseUnknown(known: Self.keys + Self.comingSources + Self.comingKeys)
  }

  private func readSource() -> Source? {
    let present = Self.sources.filter(table.has)
    if present.count != 1 {
      if present.isEmpty, Self.comingSources.contains(where: table.has) { return nil }
      table.faultHere(
        present.isEmpty
          ? "must have one of metric, probe or command"
          : "must have only one of \(present.joined(separator: ", "))")
      return nil
    }
    switch present[0] {
    case "metric":
      let names = Metric.allCases.map(\.rawValue)
      return table.read("metric", "must be one of \(names.joined(separator: ", "))") {
        node -> Source? in
        guard case .text(let text) = node else { return nil }
        return Metric(rawValue: text).map(Source.metric)
      }
    case "probe":
      return table.text("probe", Self.pathRule, where: Address.isRequestPath).map {
        .probe(path: $0)
      }
    default:
      guard
        let words = table.texts(
          "command", "must be a text without control characters",
          where: { word in !word.unicodeScalars.contains { $0.value < 32 } })
      else { return nil }
      guard let program = words.first, !program.isEmpty else {
        table.fault("command", "must name a program and its arguments, as in [\"/usr/bin/true\"]")
        return nil
      }
      return .command(words)
    }
  }

  private func readCondition(_ source: Source?) -> Condition {
    let max = bound("max", source)
    let min = bound("min", source)
    if let max, let min, min > max { table.fault("min", "must not be above max") }
    if case .metric(let metric) = source, !table.has("max"), !table.has("min"),
      !Self.comingKeys.contains(where: table.has)
    {
      table.faultHere("must have a max or a min for \(metric.rawValue)")
    }
    if case .probe = source {
      for key in ["max", "min"] where table.has(key) {
        table.fault(key, "has no meaning for a probe, which answers or does not")
      }
    }
    return Condition(max: max, min: min)
  }

  /// A bound in the unit of its metric: a share for error_rate, seconds for a latency, else a number.
  private func bound(_ key: String, _ source: Source?) -> Double? {
    if case .metric(.errorRate) = source {
      return table.read(key, "must be a share such as \"5%\" or 0.05, from 0 to 1") { node in
        Self.share(node)
      }
    }
    if case .metric(let metric) = source, metric.quantile != nil {
      return table.read(key, "must be a duration such as \"1s\" or \"250ms\"") { node in
        guard case .text(let text) = node else { return nil }
        return Span(parsing: text)?.seconds
      }
    }
    return table.read(key, "must be a number") { node in
      guard case .number(let value) = node, value.isFinite else { return nil }
      return value
    }
  }

  /// `"5%"` or 0.05; nil for anything that is not a share.
  static func share(_ node: Node) -> Double? {
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
