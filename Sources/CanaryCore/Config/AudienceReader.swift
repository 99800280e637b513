/// Reads which clients reach the canary: `sticky`, `trusted`, `preview` and `never` of a service.
struct AudienceReader {
  let table: TableReader

  init(_ table: TableReader) { self.table = table }

  /// Reads `"ip"`, `"user"`, `"cookie:NAME"` or `"header:NAME"`; nil without the key or after a
  /// fault.
  func readSticky() -> Sticky? {
    let rule = "must be \"ip\", \"user\", \"cookie:NAME\" or \"header:NAME\""
    return table.read("sticky", rule) { node in
      guard case .text(let text) = node else { return nil }
      if text == "ip" { return .ip }
      if text == "user" { return .user }
      let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { return nil }
      if parts[0] == "cookie", SelectorReader.isCookieName(parts[1]) { return .cookie(parts[1]) }
      if parts[0] == "header", Address.isHeaderName(parts[1]) { return .header(parts[1]) }
      return nil
    }
  }

  /// Reads the trusted proxies (default: 127.0.0.1 and ::1, the proxies on this host).
  func readTrusted() -> [AddressRange] {
    guard table.has("trusted") else {
      return ["127.0.0.1", "::1"].compactMap { try? AddressRange(parsing: $0) }
    }
    return SelectorReader.ranges(table, "trusted")
  }

  func readSelector(_ key: String) -> Selector? {
    table.has(key) ? SelectorReader.read(table, key) : nil
  }

  /// Reports every conflict between the service's settings, its servers and the stages of its plan.
  func reportConflicts(_ service: Service) {
    let routes = service.routes.map(\.path)
    for (index, stage) in service.plan.stages.enumerated() {
      let named = "stage \(index + 1) of plan '\(service.plan.name)'"
      if stage.preview == true, service.preview == nil {
        table.faultHere("must have `preview`: \(named) is for those whom it lets in")
      }
      guard let shadow = stage.shadow else { continue }
      if service.listen.isEmpty, routes.isEmpty {
        table.faultHere(
          "must have `listen` or `routes`: \(named) copies requests, which needs a location of its own in the server {}"
        )
      }
      let copied = service.routes.filter { shadow.copies($0.path) }
      if (copied.isEmpty ? [service.proxying] : copied.map(\.proxying)).allSatisfy({
        $0.scheme.isGRPC
      }) {
        table.faultHere("cannot be copied in \(named): Nginx copies no gRPC")
      }
      for path in shadow.paths ?? [] where !routes.contains(path) {
        let near = Spelling.nearest(to: path, among: routes).map { "; did you mean '\($0)'?" } ?? ""
        table.faultHere(
          "must have the route '\(Text.sanitized(path, limit: 60))': \(named) copies its requests\(near)"
        )
      }
    }
    refuseWrongBackends(service)
    refuseTLS(service)
    refuseYourGroups(service)
    refuseResolver(service)
    if service.proxying.scheme == .tcp { refuseWhatNeedsHTTP(service) }
    for route in service.routes where route.proxying.scheme.isGRPC {
      if !service.listen.isEmpty, !service.http2 {
        table.faultHere("must have http2: true, because its route \(route.path) speaks gRPC")
      }
    }
    if service.routes.isEmpty, service.proxying.scheme.isGRPC, !service.listen.isEmpty,
      !service.http2
    {
      table.fault("protocol", "needs http2: true for what the service listens on")
    }
  }
}

extension AudienceReader {
  /// Reports TLS to the servers where nothing could say how: `proxy_ssl_…` lines are yours.
  private func refuseTLS(_ service: Service) {
    let proxyings = service.routes.isEmpty ? [service.proxying] : service.routes.map(\.proxying)
    guard let scheme = proxyings.first(where: \.scheme.isTLS)?.scheme else { return }
    if !service.listen.isEmpty {
      table.fault(
        "protocol",
        "\"\(scheme.rawValue)\" needs a location of yours, which says proxy_ssl_… : leave `listen` out"
      )
    }
    if service.plan.stages.contains(where: { $0.shadow != nil }) {
      table.faultHere("cannot have a shadow: its servers speak TLS, and canary copies plain HTTP")
    }
  }

  /// Reports settings that a TCP service cannot have: its bytes carry no headers, no paths and no
  /// status.
  private func refuseWhatNeedsHTTP(_ service: Service) {
    if service.listen.isEmpty { table.faultHere("must have listen, because it speaks tcp") }
    for key in [
      "server_names", "headers", "buffering", "body_limit", "keepalive", "access_log", "routes",
      "sticky", "preview", "never", "expose", "answer_headers", "http2", "trusted", "retry",
      "probe_host",
      "retry_tries", "retry_timeout",
    ] where table.has(key) {
      table.fault(key, "has no meaning for protocol \"tcp\"")
    }
    for (index, stage) in service.plan.stages.enumerated() where stage.words != nil {
      table.faultHere(
        "cannot have preview, only, shadow or limit in stage \(index + 1) of plan '\(service.plan.name)': it speaks tcp"
      )
    }
    for pool in service.pools {
      if pool.balance != nil { table.faultHere("cannot balance pool \(pool.name): it speaks tcp") }
      if pool.limit != nil { table.faultHere("cannot limit pool \(pool.name): it speaks tcp") }
      for server in pool.servers where server.zone != nil || server.backend != nil {
        table.faultHere("cannot have zone or backend for \(server.address): it speaks tcp")
      }
    }
  }

  /// Reports wrong or missing `backend` names.
  ///
  /// Where servers are of several kinds, each pool must have all kinds, and each route and probe
  /// must name one.
  private func refuseWrongBackends(_ service: Service) {
    let names = service.backends.compactMap(\.self)
    let known = names.map(\.text)
    let asked =
      service.routes.map { ("route \($0.path)", $0.backend) }
      + service.plan.checks.filter { $0.backend != nil }.map { ("check \($0.name)", $0.backend) }
      + [("ready", service.plan.ready.backend)].filter { $0.1 != nil }
    for (what, backend) in asked {
      switch (backend, names.isEmpty) {
      case (nil, true): break
      case (nil, false):
        table.faultHere(
          "must say backend for \(what): one of \(known.joined(separator: ", "))")
      case (let backend?, _) where !names.contains(backend):
        let near = Spelling.nearest(to: backend.text, among: known).map {
          "; did you mean '\($0)'?"
        }
        table.faultHere(
          "must have servers with backend=\(backend), which \(what) names\(near ?? "")")
      case (_?, _): break
      }
    }
    guard !names.isEmpty else { return }
    if service.routes.isEmpty {
      table.faultHere("must have routes, because its servers are of several kinds (backend=)")
    }
    for pool in service.pools {
      for server in pool.servers where server.backend == nil {
        table.faultHere("must say backend=… for server \(server.address), as its others do")
      }
      for name in names where pool.servers(of: name).isEmpty {
        table.faultHere("must have a server with backend=\(name) in pool \(pool.name)")
      }
    }
  }
}

/// Reads a selector of clients: one table, or a list of tables of which a client needs to match
/// one.
package enum SelectorReader {
  static func read(_ table: TableReader, _ key: String) -> Selector? {
    var all = Selector()
    if case .list? = table.node(key) {
      for reader in table.tables(key) { all.add(one(reader)) }
    } else {
      all = one(table.table(key))
    }
    return all.isEmpty ? nil : all
  }

  private static func one(_ table: TableReader) -> Selector {
    table.refuseUnknown(.selector)
    var found = Selector()
    if !ConfigTable.selector.keys.contains(where: table.has) {
      table.faultHere("must have header, cookie or from")
    }
    if table.has("header") { header(table.table("header"), into: &found) }
    if table.has("cookie") { cookie(table.table("cookie"), into: &found) }
    if table.has("from") { found.ranges = ranges(table, "from") }
    return found
  }

  private static func header(_ table: TableReader, into found: inout Selector) {
    table.refuseUnknown(.header)
    if !table.has("name") { table.faultHere("must have a name") }
    let name = table.text(
      "name", "must be the name of a header, of letters, digits and dashes",
      where: Address.isHeaderName)
    if table.has("value") == table.has("values") {
      table.faultHere(
        "must have a value, which only those know who are meant, or values, which a trusted proxy sets"
      )
      return
    }
    if table.has("values") {
      let rule = "must be a text of visible ASCII without quotes, braces, ';', '$' and '\\'"
      let values = table.texts("values", rule) { !$0.isEmpty && Address.isHeaderValue($0) } ?? []
      if values.isEmpty { table.fault("values", "must hold at least one value") }
      if values.count > 200 { table.fault("values", "must hold at most 200 values") }
      if let name { found.tags.append(Selector.Tag(name: name, values: values)) }
    } else if let value = secret(table), let name {
      found.headers.append(Selector.SecretMatch(name: name, value: value))
    }
  }

  private static func cookie(_ table: TableReader, into found: inout Selector) {
    table.refuseUnknown(.cookie)
    for key in ["name", "value"] where !table.has(key) { table.faultHere("must have a \(key)") }
    let name = table.text(
      "name", "must be the name of a cookie, of letters, digits and '_'", where: isCookieName)
    if let value = secret(table), let name {
      found.cookies.append(Selector.SecretMatch(name: name, value: value))
    }
  }

  private static func secret(_ table: TableReader) -> Secret? {
    guard let secret = EndpointReader.secret(table, "value", plain: true) else { return nil }
    if case .plain(let text) = secret.place, let fault = fault(ofValue: text) {
      table.faultHiding("value", fault)
      return nil
    }
    return secret
  }

  /// Why the generated configuration cannot compare a client's header or cookie with this value;
  /// nil: it can.
  package static func fault(ofValue text: String) -> String? {
    if text.lowercased() == "never" { return "must not be 'never', which always leads to stable" }
    let fits =
      Address.isHeaderValue(text) && !text.contains(",") && text.first != " " && text.last != " "
    return !text.isEmpty && fits
      ? nil
      : "must be visible ASCII without quotes, braces, ',', ';', '$' and '\\', and no space at its ends"
  }

  /// Why Nginx's configuration cannot hold this selector, which no config names; nil: it can.
  ///
  /// A stored selector may have been written by anybody who may write the store, so it may not name
  /// a file or a variable either.
  static func fault(of selector: Selector) -> String? {
    let cookies = selector.cookies.allSatisfy { isCookieName($0.name) }
    let headers = (selector.headers.map(\.name) + selector.tags.map(\.name))
      .allSatisfy(Address.isHeaderName)
    guard cookies, headers else { return "has a name that is none" }
    for match in selector.headers + selector.cookies {
      guard case .plain(let text) = match.value.place else {
        return "has a secret from a place that the config does not name"
      }
      if fault(ofValue: text) != nil { return "has a value that Nginx cannot compare" }
    }
    let values = selector.tags.flatMap(\.values)
    return values.allSatisfy { !$0.isEmpty && Address.isHeaderValue($0) }
      ? nil : "has a value that Nginx cannot compare"
  }

  static func ranges(_ table: TableReader, _ key: String) -> [AddressRange] {
    let found = (table.list(key) ?? []).enumerated().compactMap { index, node -> AddressRange? in
      guard case .text(let text) = node else {
        table.faultAt("\(key)[\(index)]", node, "must be a text such as \"10.1.0.0/16\"")
        return nil
      }
      do throws(Violation) {
        return try AddressRange(parsing: text)
      } catch {
        table.faultAt("\(key)[\(index)]", node, error.description)
        return nil
      }
    }
    if case .list(let items)? = table.node(key) {
      if items.isEmpty, key == "from" { table.fault(key, "must hold at least one range") }
      if items.count > 10_000 { table.fault(key, "must hold at most 10000 ranges") }
    }
    return found
  }

  /// Whether an Nginx variable (`$cookie_NAME`) can name the cookie: 1 to 64 letters, digits and
  /// `_`.
  static func isCookieName(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { Text.isAlphanumeric($0) || $0 == 95 }
  }
}
