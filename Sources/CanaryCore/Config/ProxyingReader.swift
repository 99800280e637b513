/// Reads how Nginx proxies requests, for a service and for its routes.
struct ProxyingReader {
  private let table: TableReader

  init(_ table: TableReader) { self.table = table }

  /// Reads the settings of a service, or of a route whose service has the settings `usual`.
  func read(_ usual: Proxying? = nil) -> Proxying {
    var proxying = usual ?? Proxying()
    if let value = table.bool("buffering") { proxying.buffering = value }
    if let value = table.bool("shield") { proxying.shield = value }
    if let value = table.bool("fallback") { proxying.fallback = value }
    if let value = table.span("timeout", atLeast: .seconds(1)) { proxying.timeout = value }
    if let value = table.span("connect_timeout", atLeast: Span(milliseconds: 100)) {
      proxying.connectTimeout = value
    }
    if let value = table.int("keepalive", in: 1...10_000) { proxying.keepalive = value }
    let limit = table.text(
      "body_limit", "must be a size such as \"0\" (none), \"100m\" or \"1g\""
    ) {
      let digits = $0.prefix { ("0"..."9").contains($0) }
      let unit = $0.dropFirst(digits.count).lowercased()
      return (1...9).contains(digits.count) && ["", "k", "m", "g"].contains(unit)
    }
    proxying.bodyLimit = limit ?? proxying.bodyLimit
    readRetry(&proxying)
    let scheme = readScheme(isRoute: usual != nil)
    proxying.scheme = scheme ?? proxying.scheme
    let known = Address.headerVariables.map { "$\($0)" }.joined(separator: ", ")
    let headers = Self.headers(
      table.table("headers"), or: " other than \(known)", where: Address.isHeaderTemplate)
    proxying.headers.merge(headers) { $1 }
    return proxying
  }

  private func readRetry(_ proxying: inout Proxying) {
    let known = Proxying.retryWords.joined(separator: " ")
    let words = table.read(
      "retry", "must be words such as \"error timeout http_502\"; known: \(known)"
    ) { node -> [String]? in
      guard case .text(let text) = node else { return nil }
      let words = text.split(separator: " ").map(String.init)
      let fits = words.allSatisfy(Proxying.retryWords.contains) && Set(words).count == words.count
      return !words.isEmpty && fits && (!words.contains("off") || words.count == 1) ? words : nil
    }
    if let words { proxying.retry = words }
    if let value = table.int("retry_tries", in: 1...1000) { proxying.retryTries = value }
    if let value = table.span("retry_timeout", atLeast: Span(milliseconds: 1)) {
      proxying.retryTimeout = value
    }
  }

  private func readScheme(isRoute: Bool) -> Scheme? {
    let known = isRoute ? Scheme.allCases.filter { $0 != .tcp } : Scheme.allCases
    let names = known.map { "\"\($0.rawValue)\"" }
    let rule = "must be \(names.dropLast().joined(separator: ", ")) or \(names.last ?? "")"
    return table.read("protocol", rule) { node in
      guard case .text(let text) = node else { return nil }
      return known.first { $0.rawValue == text }
    }
  }

  /// Reads the routes of a service; `usual` are the service's settings, which a route may override.
  func readRoutes(_ usual: Proxying) -> [Route] {
    let routes = table.table("routes")
    let found = routes.keys.compactMap { path -> Route? in
      let reader = routes.table(path)
      reader.refuseUnknown(.route)
      let proxying = ProxyingReader(reader).read(usual)
      let plain = path.hasPrefix("= ") ? String(path.dropFirst(2)) : path
      guard Address.isRequestPath(plain), !plain.contains("?") else {
        routes.fault(path, "must be a path such as \"/api\", or \"= /exact\"")
        return nil
      }
      return Route(path: path, proxying: proxying, backend: reader.name("backend"))
    }
    if table.has("routes"), routes.keys.isEmpty {
      table.fault("routes", "must hold at least one path, such as \"/\": {}")
    }
    return found
  }

  /// Reads headers by name; `or` continues the rule that a value must follow.
  static func headers(
    _ table: TableReader, or: String = "", where fits: (String) -> Bool = Address.isHeaderValue
  ) -> [String: String] {
    var found: [String: String] = [:]
    for key in table.keys {
      let value = table.text(
        key, "must be a text of visible ASCII without quotes, braces, ';', '\\' and '$'\(or)",
        where: fits)
      if !Address.isHeaderName(key) {
        table.fault(key, "must have a name of letters, digits and dashes")
      } else if let value {
        found[key] = value
      }
    }
    return found
  }
}
