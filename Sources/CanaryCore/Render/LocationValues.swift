// The values of location.conf, locations.conf and shadow.conf.
extension RenderValues {
  func location(_ route: Route) -> [String: Template.Value] {
    let proxying = route.proxying
    let isHTTP = proxying.scheme == .http
    var values = head
    values["weighted"] = weighted(route.backend)
    values["seated"] = seated
    values["target"] = .text(target(route.backend))
    values["module"] = .text(isHTTP ? "proxy" : "grpc")
    values["scheme"] = .text(proxying.scheme.rawValue)
    let retry = retry(route.backend)
    values["retry_on"] = .text(retry.on)
    values["tries"] = .text("\(retry.tries)")
    values["connect_timeout"] = .text("\(proxying.connectTimeout.milliseconds)ms")
    values["timeout"] = .text("\(proxying.timeout.milliseconds)ms")
    values["http"] = .rows(
      names: ["buffering"], isHTTP ? [["buffering": .text(proxying.buffering ? "on" : "off")]] : [])
    values["log"] = .text(config.log(of: service.name))
    values["headers"] = Self.pairs(
      upgrade(isHTTP) + headerRows(proxying) + hidden(cookies: cookiesForPools))
    // Without a limit in the config, lift Nginx's default of 1 MiB only in a server {} that canary
    // generates.
    let limit = proxying.bodyLimit ?? (service.listen.isEmpty ? nil : "0")
    values["body"] = Self.texts("limit", limit.map { [$0] } ?? [])
    values["logs"] = Self.texts("path", service.accessLogs)
    values["copies"] = Self.texts(
      "group", choice.shadow == nil ? [] : [choice.name(.copies, route.backend)])
    let limits = limitedGroups
    values["limits"] = .rows(
      names: ["pool", "burst"],
      limits.map { ["pool": .text($0.group.rawValue), "burst": .text("\($0.rate.burst)")] })
    values["limited"] = Self.section(!limits.isEmpty)
    values["answers"] = Self.pairs(answers)
    let mirrored = choice.shadow.flatMap { $0.copies(route.path) && isHTTP ? $0 : nil }
    values["mirror"] = .rows(
      names: ["path", "body"],
      mirrored.map {
        [["path": .text(shadowPath), "body": .text($0.copiesBodies ? "on" : "off")]]
      } ?? [])
    return values
  }

  private var shadowPath: String { "/.canary-copy-\(service.name)" }


  /// The Nginx variable with the value of a request header.
  static func headerVariable(_ name: String) -> String {
    "$http_" + String(name.lowercased().map { $0 == "-" ? "_" : $0 })
  }

  /// Escapes a text for a regular expression.
  ///
  /// `$` and `\` stay as they are: addresses and header values cannot contain them.
  static func escaped(_ text: String) -> String {
    String(text.flatMap { ".[](){}*+?^|#".contains($0) ? "\\\($0)" : "\($0)" })
  }

  static func pairs(_ pairs: [(String, String)]) -> Template.Value {
    .rows(
      names: ["header", "value"], pairs.map { ["header": .text($0.0), "value": .text($0.1)] })
  }

  /// Which failures Nginx retries (`proxy_next_upstream`), and how many tries a request gets in
  /// all.
  ///
  /// Nginx tries no server twice, so one try more than the larger pool has servers is certain to
  /// reach the other pool, whether both are in one group or one is the other's backup.
  private func retry(_ backend: Label?) -> (on: String, tries: Int) {
    let (stable, canary) = (choice.stable(backend), choice.canary(backend))
    let meets =
      choice.seatForm.map { $0 == .rollout } ?? (routing.weight > .none || !choice.rules.isEmpty)
    if !meets { return ("error timeout", stable.count + (fallsBack ? 1 : 0)) }
    let most = max(stable.count, canary.count)
    if service.proxying.shield {
      return ("error timeout http_500 http_502 http_503 http_504", most + 1)
    }
    let isZoned = choice.isZoned(stable) || choice.isZoned(canary)
    return isZoned ? ("error timeout", most) : ("off", 1)
  }

  // MARK: headers

  private func upgrade(_ isHTTP: Bool) -> [(String, String)] {
    isHTTP ? [("Upgrade", "$http_upgrade"), ("Connection", "$canary_connection_\(variable)")] : []
  }

  private func headerRows(_ proxying: Proxying) -> [(String, String)] {
    let usual = [
      ("Host", "$host"), ("X-Real-IP", "$remote_addr"),
      ("X-Forwarded-For", "$proxy_add_x_forwarded_for"), ("X-Forwarded-Proto", "$scheme"),
    ]
    let own = proxying.headers.sorted { $0.key < $1.key }
    let replaced = Set(own.map { $0.key.lowercased() })
    return usual.filter { !replaced.contains($0.0.lowercased()) }
      + own.map { ($0.key, "\"\($0.value)\"") }
  }

  /// The names of the cookies whose secrets let a client preview, in the order of the config.
  var secretCookies: [String] {
    (service.preview?.cookies ?? []).map(\.name)
  }

  /// Headers that hide a preview's secrets from the pools, during rollouts and between them.
  private func hidden(cookies: String) -> [(String, String)] {
    (service.preview?.headers ?? []).map { ($0.name, "''") }
      // Only Nginx may mark a request as a copy, so a client's own header is removed.
      + (service.plan.stages.contains { $0.shadow != nil } ? [("X-Canary-Shadow", "''")] : [])
      + (secretCookies.isEmpty ? [] : [("Cookie", cookies)])
  }

  /// Headers of the answer: canary's, then the config's `answer_headers`.
  ///
  /// The latter because Nginx drops inherited `add_header` lines where canary sets its own.
  private var answers: [(String, String)] {
    var rows: [(String, String)] = []
    if setsCookie { rows.append(("Set-Cookie", "$canary_cookie_\(variable)")) }
    if !limitedGroups.isEmpty { rows.append(("Retry-After", "$canary_retry_\(variable)")) }
    if service.expose { rows.append(("X-Canary-Pool", "$canary_shown_\(variable)")) }
    return rows
      + service.answerHeaders.sorted { $0.key < $1.key }.map { ($0.key, "\"\($0.value)\"") }
  }

  // MARK: locations.conf and shadow.conf

  func locations(_ routes: [(path: String, lines: [String])]) -> [String: Template.Value] {
    var routes = routes
    // Paths without a route get 404; by default Nginx would serve them from files.
    if !service.listen.isEmpty, !routes.contains(where: { $0.path == "/" }) {
      routes.append(("/", ["return 404;"]))
    }
    var values = head
    values["stopped"] = .text(
      choice.seatForm == nil
        ? "-f \(config.run.brake(service.name))" : "!-f \(setFolder)/\(Seating.copies)")
    values["routes"] = .rows(
      names: ["path"], inner: ["lines": ["line"]],
      routes.map { ["path": .text($0.path), "lines": Self.texts("line", $0.lines)] })
    let shadow = choice.shadow.map { shadow -> [String: Template.Value] in
      let usual = headerRows(service.proxying)
      let host = usual.first { $0.0.lowercased() == "host" }?.1 ?? "$host"
      let sent =
        [
          ("Host", "\(service.name).copies.canary"), ("X-Canary-Host", host),
          ("X-Canary-Group", "$canary_copies_\(variable)"),
        ]
        + usual.filter { $0.0.lowercased() != "host" }
        + hidden(cookies: cookiesForPools)
        + (shadow.copiesBodies ? [] : [("Content-Length", "''")])
      return [
        "path": .text(shadowPath), "body": .text(shadow.copiesBodies ? "on" : "off"),
        "headers": Self.pairs(sent),
      ]
    }
    values["shadow"] = .rows(
      names: ["path", "body"], inner: ["headers": ["header", "value"]], shadow.map { [$0] } ?? [])
    return values
  }

  /// The limit of copies in flight at once, so that a canary that hangs cannot use up users'
  /// connections.
  private static let mostCopies = 64

  var shadow: [String: Template.Value]? {
    guard let shadow = choice.shadow else { return nil }
    let timeout = min(service.proxying.timeout, .minutes(1))
    let isAll = shadow.share == .all
    return common.merging([
      "salt": .text(routing.audience?.salt ?? ""), "probe_socket": .text(config.run.probe),
      "chosen_by": .text(chosenBy),
      "canaries": Self.texts("group", choice.seatForm == nil ? names([.canary]) : ["1"]),
      "shares": Self.texts("share", isAll ? [] : ["\(shadow.share)"]),
      "otherwise": .text(isAll ? "1" : "''"), "methods": Self.texts("method", shadow.methods),
      "most": .text("\(Self.mostCopies)"), "body": .text(shadow.copiesBodies ? "on" : "off"),
      "connect_timeout": .text("\(service.proxying.connectTimeout.milliseconds)ms"),
      "timeout": .text("\(timeout.milliseconds)ms"), "log": .text(config.log(of: service.name)),
      "headers": Self.pairs(shadow.copiesBodies ? [] : [("Content-Length", "''")]),
    ]) { $1 }
  }
}
