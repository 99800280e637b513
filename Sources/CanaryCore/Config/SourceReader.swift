/// Reads the source of a check's measurements.
struct SourceReader {
  private let table: TableReader

  init(_ table: TableReader) { self.table = table }

  static let pathRule =
    "must be a path that begins with '/', of visible ASCII without quotes, braces, ';', '$', '#' and '\\'"
  private static let sources = [
    "metric", "probe", "prometheus", "http", "alerts", "certificate", "checksum", "command",
  ]
  /// The keys that only some sources have, with those sources.
  private static let special: [String: [String]] = [
    "endpoint": ["prometheus", "http", "alerts", "certificate"], "sha256": ["checksum"],
    "reduce": ["prometheus"], "method": ["http"],
    "headers": ["http"], "body": ["http"], "json": ["http"], "json_time": ["http"],
    "expect_status": ["http", "probe"], "expect_body": ["http", "probe"], "backend": ["probe"],
  ]

  func read() -> Source? {
    let present = Self.sources.filter(table.has)
    guard present.count == 1 else {
      table.faultHere(
        present.isEmpty
          ? "must have one of \(Self.sources.dropLast().joined(separator: ", ")) or command"
          : "must have only one of \(present.joined(separator: ", "))")
      return nil
    }
    for (key, sources) in Self.special.sorted(by: { $0.key < $1.key })
    where table.has(key) && !sources.contains(present[0]) {
      table.fault(
        key, "has no meaning for \(present[0]), only for \(sources.joined(separator: ", "))")
    }
    switch present[0] {
    case "metric": return readMetric()
    case "probe":
      return table.text("probe", Self.pathRule, where: Address.isRequestPath).map {
        .probe(path: $0)
      }
    case "prometheus": return readPrometheus()
    case "http": return readHTTP()
    case "alerts": return readAlerts()
    case "certificate":
      let rule = "must be a host and a port, as in \"chat.example.com:443\""
      return table.text("certificate", rule) {
        (try? Address.check($0)) != nil && !$0.hasPrefix("unix:") && $0.contains(":")
      }.map(Source.certificate)
    case "checksum": return readChecksum()
    default: return readCommand()
    }
  }

  private func readMetric() -> Source? {
    let names = Metric.allCases.map(\.rawValue) + Metric.ofCopies.map(\.shadowName)
    return table.read("metric", "must be one of \(names.joined(separator: ", "))") {
      node -> Source? in
      guard case .text(let text) = node else { return nil }
      if let metric = Metric(rawValue: text) { return .metric(metric) }
      return Metric.ofCopies.first { $0.shadowName == text }.map(Source.shadow)
    }
  }

  private func readChecksum() -> Source? {
    let path = table.text("checksum", "must be an absolute path of a file") {
      Address.isPlainPath($0)
    }
    if !table.has("sha256") { table.faultHere("must have a sha256: 64 hexadecimal digits") }
    let digest = table.text("sha256", "must be 64 hexadecimal digits") {
      $0.utf8.count == 64
        && $0.utf8.allSatisfy {
          (48...57).contains($0) || (97...102).contains($0) || (65...70).contains($0)
        }
    }
    guard let path, let digest else { return nil }
    return .checksum(path: path, sha256: digest.lowercased())
  }

  private func readCommand() -> Source? {
    let words = table.texts(
      "command", "must be a text without control characters",
      where: { word in !word.unicodeScalars.contains { $0.value < 32 } })
    guard let words else { return nil }
    guard let program = words.first, !program.isEmpty else {
      table.fault("command", "must name a program and its arguments, as in [\"/usr/bin/true\"]")
      return nil
    }
    return .command(words)
  }

  private func readPrometheus() -> Source? {
    let reduce = table.read(
      "reduce",
      "must be one of \(Reduce.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", "))"
    ) { node -> Reduce? in
      if case .text(let text) = node { return Reduce(rawValue: text) }
      return nil
    }
    if case .table? = table.node("prometheus") {
      let inner = table.table("prometheus")
      inner.refuseUnknown(.readyQuery)
      if !inner.has("named") { inner.faultHere("must be a PromQL expression, or { named: \"…\" }") }
      let names = ReadyQuery.all.keys.sorted()
      let rule = "must be one of \(names.joined(separator: ", "))"
      let text = inner.text("named", rule) { names.contains($0) }
      return text.flatMap { ReadyQuery.all[$0] }.map { .prometheus(query: $0, reduce: reduce) }
    }
    guard
      let query = table.text("prometheus", "must be a PromQL expression", where: { !$0.isEmpty })
    else { return nil }
    checkPlaceholders("prometheus", query)
    return .prometheus(query: query, reduce: reduce)
  }

  private func readHTTP() -> Source? {
    let rule =
      "must be a URL that begins with http:// or https://, or with '/' for a path of its endpoint, without user names in it"
    let url = table.text("http", rule) {
      ($0.hasPrefix("/") || EndpointReader.isURL($0))
        && !$0.unicodeScalars.contains { $0.value <= 32 }
    }
    if let url {
      checkPlaceholders("http", url)
      if url.hasPrefix("/"), !table.has("endpoint") {
        table.fault("http", "is a path, so it needs an endpoint: the name of one of `endpoints`")
      }
    }
    let methods = ["GET", "POST", "PUT"]
    let method = table.text("method", "must be one of \(methods.joined(separator: ", "))") {
      methods.contains($0)
    }
    let body = table.text("body", "must be a text")
    if let body { checkPlaceholders("body", body) }
    let pointerRule = "must be a JSON Pointer (RFC 6901), as in \"/series/0/value\""
    let isPointer = { (text: String) in text.isEmpty || text.hasPrefix("/") }
    let pointer = table.text("json", pointerRule, where: isPointer)
    let time = table.text("json_time", pointerRule, where: isPointer)
    if time != nil, pointer == nil { table.fault("json_time", "needs `json`") }
    let headers = EndpointReader.headers(table.table("headers"))
    return url.map {
      .http(
        Request(
          url: $0, method: method ?? (body == nil ? "GET" : "POST"), headers: headers, body: body,
          pointer: pointer, timePointer: time))
    }
  }

  private func readAlerts() -> Source? {
    let rule =
      "must be a matcher of Alertmanager, as in \"severity=critical\" or \"job=~\\\"a|b\\\"\""
    let fits = { (text: String) in
      let name = text.prefix {
        $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":")
      }
      let rest = text.dropFirst(name.count)
      return !name.isEmpty && ["=~", "!=", "!~", "="].contains { rest.hasPrefix($0) }
        && !text.unicodeScalars.contains { $0.value < 32 }
    }
    let matchers: [String]
    if case .text(let one)? = table.node("alerts") {
      guard table.text("alerts", rule, where: fits) != nil else { return nil }
      matchers = [one]
    } else {
      matchers = table.texts("alerts", rule, where: fits) ?? []
      guard !matchers.isEmpty else {
        if table.list("alerts")?.isEmpty == true {
          table.fault("alerts", "must hold a matcher: without one, every alert would count")
        }
        return nil
      }
    }
    for matcher in matchers { checkPlaceholders("alerts", matcher) }
    return .alerts(matchers)
  }

  private func checkPlaceholders(_ key: String, _ text: String) {
    for name in Placeholder.unknown(in: text) {
      let known = Placeholder.allCases.map(\.rawValue)
      let near =
        Spelling.nearest(to: name, among: known).map { "did you mean '{{\($0)}}'?" }
        ?? "known: \(known.map { "{{\($0)}}" }.joined(separator: ", "))"
      table.fault(
        key, "has the unknown placeholder '{{\(Text.sanitized(name, limit: 40))}}'; \(near)")
    }
  }

  func readEndpoint(_ source: Source?) -> String? {
    table.text("endpoint", "must be the name of one of `endpoints`") { Label($0) != nil }
  }

  func readExpected(_ source: Source?) -> Expected? {
    let rule = "must be a status from 100 to 599, or a list of them"
    let statuses = table.read("expect_status", rule) { node -> [Int]? in
      let items: [Node]
      if case .list(let list) = node { items = list } else { items = [node] }
      let found = items.compactMap { item -> Int? in
        guard case .number(let value) = item, value == value.rounded(), (100...599).contains(value)
        else { return nil }
        return Int(value)
      }
      return found.count == items.count && !found.isEmpty ? found : nil
    }
    let body = table.text("expect_body", "must be a text that is not empty", where: { !$0.isEmpty })
    guard statuses != nil || body != nil else { return nil }
    return Expected(statuses: statuses ?? [], body: body)
  }
}
