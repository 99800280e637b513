// The values of audience.conf.
extension RenderValues {
  var audience: [String: Template.Value] {
    var values = common
    values["ranges"] = .rows(
      names: ["range", "source"], inner: ["proxies": ["proxy"], "members": ["member"]], ranges)
    values["tags"] = .rows(names: ["tag", "header"], tags)
    values["keyed"] = .rows(names: ["key", "otherwise"], keyed)
    values["draw"] = .rows(
      names: ["drawn", "salt", "hand"], inner: ["parts": ["share", "part"]], draw)
    values["pool_maps"] = .rows(names: ["pool_variable", "stable_group", "canary_group"], poolMaps)
    values["hidden"] = .rows(
      names: ["cookies", "rest", "cookie"], hiddenCookies)
    values["chosen_by"] = .text(chosenBy)
    values["limits"] = .rows(
      names: ["pool", "counted_by", "rate", "usually"],
      inner: ["groups": ["group", "counted"]], limits.map(row))
    // One second is enough, because the limit is a rate.
    values["retry"] = Self.texts("seconds", limits.isEmpty ? [] : ["1"])
    values["shown"] = .rows(
      names: ["stable"], inner: ["addresses": ["pattern", "pool"], "chosen": ["group", "pool"]],
      shown)
    values["grpc"] = Self.section(speaksGRPC)
    return values
  }

  /// Whether canary's own cookie is set: with `sticky: "user"`, while clients are drawn by a key.
  var setsCookie: Bool { service.sticky == .user && drawsByKey }
  /// Whether a key of the client decides its draw.
  private var drawsByKey: Bool {
    switch choice.seatForm {
    case .rollout?: service.sticky != nil
    case .kept?, .rest?: false
    case nil: choice.draws
    }
  }
  /// The cookie of canary's own, which Nginx's userid module sets and reads.
  var userID: Template.Value {
    let seconds = (routing.audience?.span ?? .hours(24)).milliseconds / 1000
    return .rows(
      names: ["cookie", "seconds", "secure"],
      setsCookie
        ? [
          [
            "cookie": .text(UserID.cookie(of: service.name)), "seconds": .text("\(seconds)"),
            "secure": .text(choice.isBehindTLS ? "; Secure" : ""),
          ]
        ] : [])
  }

  private var ranges: [[String: Template.Value]] {
    var rows: [[String: Template.Value]] = []
    func add(_ name: String, _ ranges: [AddressRange], source: String = "", proxies: [AddressRange])
    {
      rows.append([
        "range": .text(name), "source": .text(source),
        "proxies": Self.texts("proxy", proxies.map(\.description)),
        "members": Self.texts("member", Self.distinct(ranges)),
      ])
    }
    var hasTags = false
    var lists: Set<String> = []
    for rule in choice.rules {
      switch rule.test {
      case .address(let list, let ranges):
        if lists.insert(list).inserted { add(list, ranges, proxies: service.trusted) }
      case .tag: hasTags = true
      case .header, .cookie: break
      }
    }
    // $realip_remote_addr is the peer of the connection, even where `real_ip_header` replaces
    // $remote_addr.
    if hasTags { add("trusted", service.trusted, source: "$realip_remote_addr ", proxies: []) }
    if drawsByKey, !setsCookie { add("near", service.trusted, proxies: []) }
    return rows
  }

  private static func distinct(_ ranges: [AddressRange]) -> [String] {
    var seen: Set<String> = []
    return ranges.map(\.description).filter { seen.insert($0.lowercased()).inserted }
  }

  private var tags: [[String: Template.Value]] {
    var seen: Set<String> = []
    return choice.rules.compactMap { rule in
      guard case .tag(let list, let name, _) = rule.test, seen.insert(list).inserted else {
        return nil
      }
      return ["tag": .text(list), "header": .text(Self.headerVariable(name))]
    }
  }

  private var keyed: [[String: Template.Value]] {
    guard drawsByKey, !setsCookie else { return [] }
    let address = "$canary_address_\(variable)"
    let (key, otherwise) =
      switch service.sticky {
      case .ip: (address, "-")
      case .cookie(let name): ("$cookie_\(name)", address)
      case .header(let name): (Self.headerVariable(name), address)
      // Without `sticky`, each request is drawn by itself; the userid module has its own key.
      case .user, nil: ("$request_id", "-")
      }
    return [["key": .text(key), "otherwise": .text(otherwise)]]
  }

  private var draw: [[String: Template.Value]] {
    let parts: [(String, String)]
    if choice.seatForm == .rollout, let audience = routing.audience {
      let drawn = audience.seating.drawn
      // Nginx gives the last seat what its rounding leaves over.
      parts = drawn.indices.map {
        ($0 + 1 < drawn.count ? "\(drawn[$0].share)%" : "*", drawn[$0].name)
      }
    } else if choice.draws {
      parts = [("\(routing.weight)%", "canary"), ("*", "stable")]
    } else {
      return []
    }
    // The two numbers together are unique until Nginx restarts, and cost no random bytes. And of a
    // client's id, one variable is empty: it comes with the request, or goes with the answer.
    let drawn =
      setsCookie
      ? "$uid_got$uid_set"
      : drawsByKey ? "$canary_key_\(variable)" : "$connection $connection_requests"
    return [
      [
        "drawn": .text(drawn), "salt": .text(routing.audience?.salt ?? ""),
        "hand": .text(choice.seatForm == nil ? "canary_hand" : "canary_draw"),
        "parts": .rows(
          names: ["share", "part"], parts.map { ["share": .text($0.0), "part": .text($0.1)] }),
      ]
    ]
  }

  /// Where each kind of servers is reached, by whether the request meets the canary.
  private var poolMaps: [[String: Template.Value]] {
    guard let form = choice.seatForm, form != .rest || service.resolver != nil, namesByVariable
    else { return [] }
    return service.backends.map { backend in
      [
        "pool_variable": .text(poolVariable(backend)),
        "stable_group": .text(choice.name(.stable, backend)),
        "canary_group": .text(choice.name(form == .rest ? .stable : .canary, backend)),
      ]
    }
  }

  /// The cookies that the pools never see, one for each time that one is removed: a secret twice,
  /// because a client may send it twice.
  ///
  /// In a location of your own, a `Cookie` line of ours would push out the headers that it inherits:
  /// canary's own cookie is no secret, and stays.
  private var withheldCookies: [String] {
    let secrets = secretCookies.flatMap { [$0, $0] }
    let hidesOwn = setsCookie && (!service.isInYourLocation || !secrets.isEmpty)
    return secrets + (hidesOwn ? [UserID.cookie(of: service.name)] : [])
  }
  var hidesCookies: Bool { !withheldCookies.isEmpty }

  private var hiddenCookies: [[String: Template.Value]] {
    var from = "$http_cookie"
    return withheldCookies.enumerated().map { index, cookie in
      defer { from = "$canary_cookies\(index)_\(variable)" }
      return [
        "cookies": .text(from), "rest": .text("canary_cookies\(index)"),
        "cookie": .text(cookie),
      ]
    }
  }

  /// The variable with the client's cookies, without those that are for Nginx only.
  var cookiesForPools: String {
    hidesCookies
      ? "$canary_cookies\(withheldCookies.count - 1)_\(variable)" : "$http_cookie"
  }

  // MARK: limits

  /// A limit of requests to a group; `stage` is its place among those that a set takes up.
  struct Limit {
    let group: RoutingRules.Group
    let rate: RequestRate
    var stage: Int?
    var name: String { group.rawValue + (stage.map { "\($0)" } ?? "") }
  }

  /// Every limit of the text.
  var limits: [Limit] {
    let usual = [RoutingRules.Group.stable, .canary].compactMap { group in
      choice.limit(group).map { Limit(group: group, rate: $0) }
    }
    return usual
      + choice.stageLimits.enumerated().map { Limit(group: .canary, rate: $1, stage: $0) }
  }

  private func row(_ limit: Limit) -> [String: Template.Value] {
    let isStable = limit.group == .stable
    var values: [String: Template.Value] = [
      "pool": .text(limit.name), "rate": .text("\(limit.rate)"), "counted_by": .text(chosenBy),
      "usually": .text("''"),
    ]
    func count(_ rows: [(group: String, counted: String)]) -> [String: Template.Value] {
      values["groups"] = .rows(
        names: ["group", "counted"],
        rows.map { ["group": .text($0.group), "counted": .text($0.counted)] })
      return values
    }
    if !isStable, !choice.stageLimits.isEmpty {
      // Without a limit of the stage, that of the pool holds.
      values["counted_by"] = .text("\"\(chosenBy):$canary_limit_\(variable)\"")
      return count([("1:" + (limit.stage.map { "\($0)" } ?? ""), "1")])
    }
    if choice.seatForm != nil {
      values["usually"] = .text(isStable ? "1" : "''")
      return count(choice.seatForm == .rest ? [] : [("1", isStable ? "''" : "1")])
    }
    // While one pool has all the weight, the split group contains only that pool, so its limit
    // applies there too.
    let sole: Weight = isStable ? .none : .all
    let groups = [limit.group] + (routing.weight == sole ? [.split] : [])
    return count(names(groups).map { ($0, "1") })
  }

  /// The names of the groups' upstreams in Nginx, one for each kind of servers.
  func names(_ groups: [RoutingRules.Group]) -> [String] {
    service.backends.flatMap { backend in groups.map { choice.name($0, backend) } }
  }

  // MARK: X-Canary-Pool

  private var shown: [[String: Template.Value]] {
    guard service.expose else { return [] }
    // A request never leaves a group of your own, whose servers may change.
    let addresses = service.pools.filter { $0.upstream == nil }.flatMap { pool in
      pool.servers.map { server -> [String: Template.Value] in
        ["pattern": .text(Self.escaped(server.address)), "pool": .text(pool.name.text)]
      }
    }
    return [
      [
        "stable": .text(routing.stable.text),
        "chosen": .rows(
          names: ["group", "pool"],
          choice.seatForm != nil
            ? choice.seatForm == .rest
              ? [] : [["group": .text("1"), "pool": .text(routing.canary?.text ?? "''")]]
            : names([.split]).map { ["group": .text($0), "pool": .text("''")] }
              + names([.canary]).map {
                ["group": .text($0), "pool": .text(routing.canary?.text ?? "''")]
              }),
        "addresses": .rows(names: ["pattern", "pool"], addresses),
      ]
    ]
  }
}
