// The values of audience.conf.
extension RenderValues {
  var audience: [String: Template.Value] {
    var values = common
    values["ranges"] = .rows(
      names: ["range", "source"], inner: ["proxies": ["proxy"], "members": ["member"]], ranges)
    values["tags"] = .rows(names: ["tag", "header"], tags)
    values["draw"] = .rows(names: ["key", "otherwise", "salt", "share"], draw)
    values["cookie"] = Self.texts("seconds", setsCookie ? [lifetime] : [])
    values["limits"] = .rows(
      names: ["pool", "rate"], inner: ["groups": ["group"]], limitedGroups.map(row))
    // One second is enough, because the limit is a rate.
    values["retry"] = Self.texts("seconds", limitedGroups.isEmpty ? [] : ["1"])
    values["shown"] = .rows(
      names: ["stable"], inner: ["addresses": ["pattern", "pool"], "chosen": ["group", "pool"]],
      shown)
    values["grpc"] = Self.section(speaksGRPC)
    return values
  }

  private var variable: String { service.name.variable }
  /// Whether canary's own cookie is set: with `sticky: "user"`, while clients are drawn by a key.
  var setsCookie: Bool { service.sticky == .user && choice.draws }
  private var lifetime: String {
    "\((routing.audience?.span ?? .hours(24)).milliseconds / 1000)"
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
    if choice.draws { add("near", service.trusted, proxies: []) }
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

  private var draw: [[String: Template.Value]] {
    guard choice.draws else { return [] }
    let address = "$canary_address_\(variable)"
    let (key, otherwise) =
      switch service.sticky {
      case .ip: (address, "-")
      case .cookie(let name): ("$cookie_\(name)", address)
      case .header(let name): (Self.headerVariable(name), address)
      case .user: ("$cookie_canary_\(variable)", "$request_id")
      // Without `sticky`, each request is drawn by itself.
      case nil: ("$request_id", "-")
      }
    return [
      [
        "key": .text(key), "otherwise": .text(otherwise),
        "salt": .text(routing.audience?.salt ?? ""), "share": .text("\(routing.weight)"),
      ]
    ]
  }

  // MARK: limits

  /// The groups with a request limit, and their limits.
  var limitedGroups: [(group: RoutingRules.Group, rate: RequestRate)] {
    [RoutingRules.Group.stable, .canary].compactMap { group in
      choice.limit(group).map { (group, $0) }
    }
  }

  private func row(_ limited: (group: RoutingRules.Group, rate: RequestRate)) -> [String: Template
    .Value]
  {
    // While one pool has all the weight, the split group contains only that pool, so its limit
    // applies there too.
    let sole: Weight = limited.group == .stable ? .none : .all
    let groups = [limited.group] + (routing.weight == sole ? [.split] : [])
    return [
      "pool": .text(limited.group.rawValue), "rate": .text("\(limited.rate)"),
      "groups": Self.texts("group", names(groups)),
    ]
  }

  /// The names of the groups' upstreams in Nginx, one for each kind of servers.
  func names(_ groups: [RoutingRules.Group]) -> [String] {
    service.backends.flatMap { backend in groups.map { choice.name($0, backend) } }
  }

  // MARK: X-Canary-Pool

  private var shown: [[String: Template.Value]] {
    guard service.expose else { return [] }
    let addresses = service.pools.flatMap { pool in
      pool.servers.map { server -> [String: Template.Value] in
        ["pattern": .text(Self.escaped(server.address)), "pool": .text(pool.name.text)]
      }
    }
    return [
      [
        "stable": .text(routing.stable.text),
        "chosen": .rows(
          names: ["group", "pool"],
          names([.split]).map { ["group": .text($0), "pool": .text("''")] }
            + names([.canary]).map {
              ["group": .text($0), "pool": .text(routing.canary?.text ?? "''")]
            }),
        "addresses": .rows(names: ["pattern", "pool"], addresses),
      ]
    ]
  }
}
