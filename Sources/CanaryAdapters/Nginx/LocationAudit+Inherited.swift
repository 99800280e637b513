internal import CanaryCore

/// What canary's lines replace, and what replaces them.
extension LocationAudit {
  /// Directives that may stand in one location several times.
  private static let several: Set<String> = [
    "set", "if", "include", "location", "rewrite", "return", "break", "access_log", "error_log",
    "error_page", "limit_req", "limit_conn", "mirror", "add_header", "add_trailer", "allow", "deny",
    "proxy_set_header", "grpc_set_header", "proxy_hide_header", "grpc_hide_header",
    "proxy_pass_header", "grpc_pass_header", "sub_filter", "proxy_redirect", "proxy_cookie_path",
    "proxy_cookie_domain", "proxy_cookie_flags", "proxy_cache_valid", "limit_except",
  ]

  /// Directives that Nginx refuses twice in one location.
  mutating func lookAtDuplicates(_ site: Site) {
    let said = Dictionary(
      site.said.filter { !Self.several.contains($0.name) && !$0.opensBlock }.map { ($0.name, $0) },
      uniquingKeysWith: { first, _ in first })
    for index in site.beside {
      let statement = all[index]
      guard let ours = said[statement.name], !Self.passes.contains(statement.name) else { continue }
      let isSame = ours.words == statement.words
      add(
        site.target.service, statement,
        "is a duplicate for Nginx: \(site.target.path) says `\(Self.line(ours))`",
        isSame
          ? "take this line out"
          : "take this line out; what the config can say is in docs/config.md",
        isFault: true)
    }
  }

  // MARK: logs

  /// Logs that canary's replaces, and that replace canary's.
  mutating func lookAtLogs(_ site: Site) {
    let service = site.target.service
    guard site.said.contains(where: { $0.name == "access_log" }) else { return }
    for log in own("access_log", site) where log.words.dropFirst().first == "off" {
      add(
        service, log, "switches off canary's own log of this location too, so checks have no data",
        "take it out", isFault: true, hidesFailures: true)
    }
    for index in site.beside where ["if", "limit_except"].contains(all[index].name) {
      for log in inside(all[index]) where log.name == "access_log" {
        add(
          service, log,
          "takes the place of canary's log for the requests of its `\(all[index].name)`, so their failures are not counted",
          "take it out, and use `access_log … if=$variable` in the location", isFault: true,
          hidesFailures: true)
      }
    }
    guard !ownLogs.contains(service), own("access_log", site).isEmpty else { return }
    for log in effective("access_log", site) where log.words.dropFirst().first != "off" {
      let said = Self.line(log)
      // A log of canary's at the level of the server is for what ends elsewhere.
      if log.words.contains("canary.\(service)") { continue }
      let action =
        site.route == nil
        ? "if you need its lines, add `\(said)` to the location (\(place(of: site)))"
        : "if you need its lines, name the file in services.\(service).access_log"
      add(
        service, log, "gets no lines of canary's location, which has a log of its own", action,
        isFault: false)
    }
  }

  func place(of site: Site) -> String {
    let line = site.include.blocks.last.flatMap(opening) ?? site.include
    return Text.sanitized(line.place, limit: 400)
  }

  // MARK: what a location inherits only as a whole

  private static let wholes = [
    "add_header", "add_trailer", "limit_req", "limit_conn", "mirror", "proxy_set_header",
    "grpc_set_header", "proxy_hide_header", "sub_filter", "error_page",
  ]

  mutating func lookAtInherited(_ site: Site) {
    let service = site.target.service
    for directive in Self.wholes {
      let ours = site.said.filter { $0.name == directive }
      guard !ours.isEmpty, own(directive, site).isEmpty else { continue }
      let isHeader = directive.hasSuffix("header")
      for theirs in effective(directive, site) {
        let sameName = ours.first {
          isHeader
            && $0.words.dropFirst().first?.lowercased()
              == theirs.words.dropFirst().first?.lowercased()
        }
        if sameName?.words == theirs.words { continue }
        let isOfRequest = directive.hasSuffix("set_header")
        // A header of the request that canary says itself would be sent twice.
        if isOfRequest, let sameName {
          let name = theirs.words.dropFirst().first ?? ""
          add(
            service, theirs, "does not hold here: canary says `\(Self.line(sameName))`",
            "if yours is meant, say it in services.\(service).headers: \"\(Text.sanitized(name))\"",
            isFault: false)
          continue
        }
        add(
          service, theirs,
          "is lost where canary's `\(Self.line(ours[0]))` stands, as Nginx inherits all or none",
          advice(directive, theirs, site), isFault: !isOfRequest)
      }
    }
    guard let ours = site.said.first(where: { $0.name == "userid" }) else { return }
    for theirs in effective("userid", site) where theirs.words.dropFirst().first != "off" {
      add(
        service, theirs,
        "and canary's `\(Self.line(ours))` cannot both set a cookie in one location",
        "choose another key in services.\(service).sticky", isFault: true)
    }
  }

  /// The servers that canary writes whole, under what your `http {}` says.
  mutating func lookAtServers(_ target: Target, _ include: NginxStatement, _ index: Int) {
    let http = include.blocks.last?.number ?? 0
    // A text is made only where it matters: there may be ten thousand of them.
    guard (Self.wholes + ["userid"]).contains(where: { !indices(http, $0).isEmpty }) else { return }
    let all = generated(target)
    let own = Set(
      all.filter { $0.name == "server_name" && $0.words.last?.hasSuffix(".canary") == true }
        .compactMap { $0.blocks.last?.number })
    let routes = all.filter { route in
      route.name == "location" && route.words.last?.hasPrefix("/.canary-") == false
        && route.blocks.count == 1 && !own.contains(route.blocks[0].number)
    }
    for route in routes {
      let said = all.filter { $0.blocks.count == 2 && $0.blocks[1].number == route.opened }
      let path = route.words.dropFirst().joined(separator: " ")
      lookAtInherited(
        Site(target: target, include: include, index: index, said: said, route: path))
    }
  }

  private func advice(_ directive: String, _ theirs: NginxStatement, _ site: Site) -> String {
    if site.route == nil {
      return "repeat it in the location (\(place(of: site))): `\(Self.line(theirs))`"
    }
    switch directive {
    case "add_header": return "repeat it in services.\(site.target.service).answer_headers"
    case "proxy_set_header", "grpc_set_header":
      return "repeat it in services.\(site.target.service).headers"
    default:
      return
        "use locations of your own with `include \(site.target.service).location;`, and repeat it there: `\(Self.line(theirs))`"
    }
  }
}
