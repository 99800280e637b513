// The values of location.conf and locations.conf.
extension RenderValues {
  /// `isLogged` is false inside a `server {}` of canary's own, which logs for all its locations.
  func location(_ route: Route, isLogged: Bool) -> [String: Template.Value] {
    let proxying = filled(route.proxying)
    let isHTTP = !proxying.scheme.isGRPC
    var values = head
    values["weighted"] = weighted(route.backend)
    values["seated"] = seated(route.backend)
    values["target"] = .text(target(route.backend))
    values["module"] = .text(proxying.scheme.module)
    values["scheme"] = .text(proxying.scheme.rawValue)
    var resolvers: [String] = []
    if case .named(let words)? = service.resolver { resolvers = [words] }
    values["resolvers"] = Self.texts("resolver", resolvers)
    let retry = retry(route.backend, proxying)
    values["retry_on"] = .text(retry.on)
    values["tries"] = .text("\(retry.tries)")
    setLimits(proxying, &values)
    values["log"] = .text(config.log(of: service.name))
    values["headers"] = Self.pairs(
      upgrade(isHTTP) + (isWhole ? headerRows(proxying) : Self.ownRows(proxying))
        + hidden(cookies: cookiesForPools))
    values["logged"] = Self.section(isLogged && writesLog)
    values["unlogged"] = Self.section(isLogged && !writesLog && service.isUnlogged)
    values["logs"] = Self.texts("path", isLogged ? service.accessLogs : [])
    values["elsewhere"] = elsewhere
    let place = choice.paths.firstIndex(of: route.path) ?? 0
    values["copies"] = Self.texts("route", choice.shadows.isEmpty ? [] : ["\(place)"])
    let limits = limits
    values["limits"] = .rows(
      names: ["pool", "burst"],
      limits.map { ["pool": .text($0.name), "burst": .text("\($0.rate.burst)")] })
    values["limited"] = Self.section(!limits.isEmpty)
    values["userid"] = userID
    values["answers"] = Self.pairs(answers)
    let copied = isHTTP ? choice.shadows.filter { $0.copies(route.path) } : []
    let copiesBodies = copied.contains(where: \.copiesBodies)
    values["mirror"] = .rows(
      names: ["path", "body"],
      copied.isEmpty
        ? []
        : [
          ["path": .text(copyPath(copiesBodies)), "body": .text(copiesBodies ? "on" : "off")]
        ])
    return values
  }

  /// Whether canary writes everything around the location, and so says how requests are proxied.
  ///
  /// A location of your own keeps what it says: there, only what the config names is generated.
  private var isWhole: Bool { !service.isInYourLocation }

  func filled(_ proxying: Proxying) -> Proxying {
    isWhole ? proxying.filled(with: .usual) : proxying
  }

  /// Timeouts, buffering and the limit of bodies.
  private func setLimits(_ proxying: Proxying, _ values: inout [String: Template.Value]) {
    let isHTTP = !proxying.scheme.isGRPC
    func times(_ slot: String, _ span: Span?) {
      values[slot] = Self.texts("time", span.map { ["\($0.milliseconds)ms"] } ?? [])
    }
    times("patience", proxying.retryTimeout)
    times("connecting", proxying.connectTimeout)
    times("silence", proxying.timeout)
    values["whole"] = Self.section(isWhole && isHTTP)
    let buffering = isHTTP ? proxying.buffering : nil
    // HTTP/2 does not tell how much of a request has come, and so whose pace its time is: there, a
    // request is awaited. Answers are passed on as they come all the same.
    let isAwaited = buffering == false && service.http2
    values["buffers"] = .rows(
      names: ["buffering", "awaiting"],
      buffering.map {
        [
          [
            "buffering": .text($0 ? "on" : "off"),
            "awaiting": .text($0 || isAwaited ? "on" : "off"),
          ]
        ]
      } ?? [])
    values["measured"] = Self.section(isJudged && buffering == false && !service.http2)
    values["body"] = Self.texts("limit", proxying.bodyLimit.map { [$0] } ?? [])
  }

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
  /// Nginx tries no peer twice, so one try more than the larger pool has peers is certain to reach
  /// the other pool, whether both are in one group or one is the other's backup; and one more for
  /// each further address of a server there, which may be one that it does not listen on.
  private func retry(_ backend: Label?, _ proxying: Proxying) -> (on: String, tries: Int) {
    let (stable, canary) = (choice.stable(backend), choice.canary(backend))
    // Named, it is kept: whoever says `off` has requests that must not be sent twice.
    if proxying.retry == ["off"] { return ("off", 1) }
    let usual = ["error", "timeout"]
    let named = proxying.retry.isEmpty ? usual : proxying.retry
    let on = named.joined(separator: " ")
    if choice.isYours(.stable) || choice.isYours(.canary) {
      // As far as the group goes: its servers are yours to count.
      return (on, proxying.retryTries ?? 0)
    }
    let meets =
      choice.seatForm.map { $0 == .rollout } ?? (routing.weight > .none || !choice.rules.isEmpty)
    let further = (stable + canary).map { peers([$0]) }.max() ?? 1
    if !meets { return (on, proxying.retryTries ?? (peers(stable) + (fallsBack ? further : 0))) }
    let most = max(peers(stable), peers(canary))
    if isShielded {
      let shielding = usual + ["http_500", "http_502", "http_503", "http_504"]
      let all = shielding + named.filter { !shielding.contains($0) }
      return (all.joined(separator: " "), max(most + further, proxying.retryTries ?? 0))
    }
    let isZoned = choice.isZoned(stable) || choice.isZoned(canary)
    let isOwn = service.pools.contains { $0.balance != nil }
    if isZoned || isOwn || !proxying.retry.isEmpty { return (on, proxying.retryTries ?? most) }
    return ("off", 1)
  }

  // MARK: headers

  private func upgrade(_ isHTTP: Bool) -> [(String, String)] {
    isWhole && isHTTP
      ? [("Upgrade", "$http_upgrade"), ("Connection", "$canary_connection")] : []
  }

  /// Whether some location looks at the variable that tells an upgrade from other requests.
  ///
  /// All services share one, which each of them defines in the same words: a variable of each would
  /// cost every request to that Nginx.
  var upgrades: Bool {
    isWhole
      && (service.routes.isEmpty ? [usualRoute] : service.routes).contains {
        !$0.proxying.scheme.isGRPC
      }
  }

  func headerRows(_ proxying: Proxying) -> [(String, String)] {
    let usual = [
      ("Host", "$host"), ("X-Real-IP", "$remote_addr"),
      ("X-Forwarded-For", "$proxy_add_x_forwarded_for"), ("X-Forwarded-Proto", "$scheme"),
    ]
    let own = Self.ownRows(proxying)
    let replaced = Set(own.map { $0.0.lowercased() })
    return usual.filter { !replaced.contains($0.0.lowercased()) } + own
  }

  private static func ownRows(_ proxying: Proxying) -> [(String, String)] {
    proxying.headers.sorted { $0.key < $1.key }.map { ($0.key, "\"\($0.value)\"") }
  }

  /// The names of the cookies whose secrets let a client preview, in the order of the config.
  var secretCookies: [String] {
    (service.preview?.cookies ?? []).map(\.name)
  }

  /// Headers that hide a preview's secrets from the pools, during rollouts and between them.
  func hidden(cookies: String) -> [(String, String)] {
    (service.preview?.headers ?? []).map { ($0.name, "''") }
      // Only Nginx may mark a request as a copy, so a client's own header is removed.
      + (service.plan.stages.contains { $0.shadow != nil } ? [("X-Canary-Shadow", "''")] : [])
      + (hidesCookies ? [("Cookie", cookies)] : [])
  }

  /// Headers of the answer: canary's, then the config's `answer_headers`.
  ///
  /// The latter because Nginx drops inherited `add_header` lines where canary sets its own. For the
  /// same reason a location of your own gets no `Retry-After`, unless the config sets headers of
  /// answers anyway.
  private var answers: [(String, String)] {
    var rows: [(String, String)] = []
    let sets = isWhole || service.expose || !service.answerHeaders.isEmpty
    if sets, !limits.isEmpty { rows.append(("Retry-After", "$canary_retry_\(variable)")) }
    if service.expose { rows.append(("X-Canary-Pool", "$canary_shown_\(variable)")) }
    return rows
      + service.answerHeaders.sorted { $0.key < $1.key }.map { ($0.key, "\"\($0.value)\"") }
  }

  // MARK: locations.conf

  func locations(_ routes: [(path: String, lines: [String])]) -> [String: Template.Value] {
    var routes = routes
    // Paths without a route get 404; by default Nginx would serve them from files.
    if !service.listen.isEmpty, !routes.contains(where: { $0.path == "/" }) {
      routes.append(("/", ["return 404;"]))
    }
    var values = head
    values["variable"] = nil
    values["routes"] = .rows(
      names: ["path"], inner: ["lines": ["line"]],
      routes.map { ["path": .text($0.path), "lines": Self.texts("line", $0.lines)] })
    values["shadow"] = copyLocations
    return values
  }
}
