/// How one generation chooses the pool of a request.
///
/// Both the generated configuration and `canary route` are made from this.
package struct RoutingRules: Sendable {
  /// An upstream group of a service in Nginx.
  package enum Group: String, Hashable, Sendable {
    /// Both pools, in the exact ratio of the weight.
    case split
    case stable, canary, brake
    /// The canary's servers, for copies of requests.
    case copies
  }

  /// Where a request goes.
  package enum Target: Hashable, Sendable {
    case group(Group)
    /// The pool for which the request was drawn.
    case hand
    /// A seat that a rule gives.
    case seat(String)
    /// The seat that is drawn, within one of the circles of `Seating`, the first of which is 1; nil:
    /// in none.
    case drawn(circle: Int?)
  }

  /// What one rule tests of a request.
  package enum Test: Hashable, Sendable {
    /// The client's address is in one of the ranges; the text names the list in Nginx.
    case address(String, [AddressRange])
    case header(String, String)
    case cookie(String, String)
    /// A header of a trusted proxy has one of the values: the list's name, the header, the values.
    case tag(String, String, [String])
  }

  package let service: Service
  package let routing: Routing
  /// The zone of this host; nil: none.
  package let zone: Label?
  /// What the names among the servers stand for.
  package let peers: Peers
  /// Whether every request of your locations comes over TLS, so that a cookie may ask for it.
  package let isBehindTLS: Bool

  package init(
    _ service: Service, _ routing: Routing, zone: Label?, peers: Peers = Peers(),
    isBehindTLS: Bool = false
  ) {
    self.service = service
    self.routing = routing
    self.zone = zone
    self.peers = peers
    self.isBehindTLS = isBehindTLS
  }

  var audience: Audience? { routing.canary == nil ? nil : routing.audience }

  /// What the text for a service with seats is made for.
  package enum SeatForm: Hashable, Sendable {
    /// No canary is in play: everything goes to stable.
    case rest
    /// The former pool is kept after a promotion: all requests share one seat.
    case kept
    case rollout
  }

  /// Nil: the service has weighted groups instead.
  package var seatForm: SeatForm? {
    guard service.routesBySeats else { return nil }
    return audience != nil ? .rollout : routing.brakeUntil != nil ? .kept : .rest
  }

  /// The seats that meet the canary; without seats in the text, none.
  package var metSeats: [String] {
    guard seatForm == .rollout, let audience else { return [] }
    let seating = audience.seating
    let letsIn = audience.preview && service.preview != nil
    let seats = seating.met(at: routing.weight, only: audience.only, preview: letsIn)
    let limit = audience.limit.flatMap(seating.limits.firstIndex).map(Seating.limit)
    return seats + (audience.shadow.map { seating.copied($0, routes: paths) } ?? [])
      + (letsIn && seating.choosesPreviews ? [Seating.previews] : [])
      + (seats.isEmpty ? [] : [limit].compactMap(\.self))
  }

  /// The limits of the canary that the text has, of which a set takes up one at most; empty: it
  /// always has the same.
  package var stageLimits: [RequestRate] {
    seatForm == .rollout ? audience?.seating.limits ?? [] : []
  }

  /// Whether the set says if the rules of `preview` are in force.
  package var choosesPreviews: Bool {
    seatForm == .rollout && service.preview != nil && audience?.seating.choosesPreviews == true
  }

  /// The paths of the locations, in the order of the config.
  package var paths: [String] { service.routes.isEmpty ? ["/"] : service.routes.map(\.path) }
  package func stable(_ backend: Label?) -> [Server] {
    service.pool(routing.stable)?.servers(of: backend) ?? []
  }
  package func canary(_ backend: Label?) -> [Server] {
    routing.canary.flatMap { service.pool($0)?.servers(of: backend) } ?? []
  }

  /// Whether some servers are in this host's zone, and so preferred, and others are not.
  package func isZoned(_ servers: [Server]) -> Bool {
    guard let zone else { return false }
    let near = servers.count { $0.zone == zone }
    return near > 0 && near < servers.count
  }

  /// The name of a group in Nginx; each kind of servers has groups of its own.
  package func name(_ group: Group, _ backend: Label?) -> String {
    // With seats a group is named by its pool: a cache keeps the pages of one pool apart from those
    // of the other.
    let canary = routing.canary ?? routing.stable
    switch (seatForm, group) {
    case (.some, .stable):
      return reached(routing.stable, backend) ?? "\(prefix(backend)).\(routing.stable)"
    case (.some, .canary): return reached(canary, backend) ?? "\(prefix(backend)).\(canary)"
    case (.some, .copies):
      return reached(canary, backend) ?? "\(prefix(backend)).\(group.rawValue)"
    default: return "\(prefix(backend)).\(group.rawValue)"
    }
  }

  /// The upstream group of your own that a pool is; nil: canary writes one.
  private func yours(_ pool: PoolName) -> String? { service.pool(pool)?.upstream }

  /// Where a pool is reached that is no group of canary's; nil: it is one.
  private func reached(_ pool: PoolName, _ backend: Label?) -> String? {
    if service.resolver == nil { return yours(pool) }
    return service.pool(pool)?.servers(of: backend).first?.address
  }

  /// Whether canary writes no group for it: it is one of your own, or a name that is resolved while
  /// Nginx runs.
  package func isYours(_ group: Group) -> Bool {
    switch group {
    case .stable: service.resolver != nil || yours(routing.stable) != nil
    case .canary, .copies: service.resolver != nil || routing.canary.flatMap(yours) != nil
    case .split, .brake: false
    }
  }

  package func prefix(_ backend: Label?) -> String {
    "canary.\(service.name)" + (backend.map { ".\($0)" } ?? "")
  }

  /// The rate at which a group may be given requests, where the set says no other; nil: no limit.
  package func limit(_ group: Group) -> RequestRate? {
    switch group {
    case .stable: service.pool(routing.stable)?.limit
    // Outside a rollout no request is sent there.
    case .canary:
      audience.flatMap { audience in
        let own = stageLimits.isEmpty ? audience.limit : nil
        return own ?? routing.canary.flatMap { service.pool($0)?.limit }
      }
    case .split, .brake, .copies: nil
    }
  }

  /// What the text may copy: by seats the copies of all stages, of which the set lets some happen.
  package var shadows: [Shadow] {
    guard let audience else { return [] }
    let all = seatForm == nil ? [] : audience.seating.shadows
    return all.isEmpty ? audience.shadow.map { [$0] } ?? [] : all
  }

  /// Whether the pool must be known before a server is chosen.
  ///
  /// Otherwise one group of both pools gives exact shares.
  private var needsDraw: Bool {
    service.sticky != nil || !shadows.isEmpty || limit(.stable) != nil || limit(.canary) != nil
      // A method, backups and places in a hash belong to one pool.
      || service.pools.contains { $0.balance != nil || !$0.servers.allSatisfy(\.takesPart) }
      || service.backends.contains { isZoned(stable($0)) || isZoned(canary($0)) }
  }

  /// Where a request goes that the weight draws.
  package var base: Target {
    if seatForm != nil { return .drawn(circle: nil) }
    let isShared = routing.weight > .none && routing.weight < .all
    return isShared && needsDraw ? .hand : .group(.split)
  }

  /// Where a request goes that no rule fits, and how it got there.
  package var start: (to: Target, way: RoutedBy) {
    if seatForm != nil { return (base, .drawn) }
    return audience?.only == nil ? (base, .drawn) : (.group(.stable), .excluded)
  }

  /// Whether requests are drawn before a server is chosen.
  package var draws: Bool { base == .hand }

  /// The rules from the weakest to the strongest: the last one that fits decides.
  ///
  /// The brake outranks all of them.
  package var rules: [AudienceRule] {
    guard let audience else { return [] }
    var rules: [AudienceRule] = []
    let hasSeats = seatForm != nil
    let (canary, stable): (Target, Target) =
      hasSeats
      ? (.seat(Seating.preview), .seat(Seating.never)) : (.group(.canary), .group(.stable))
    if hasSeats {
      // The first circle is the smallest, and the last rule that fits decides.
      for (index, circle) in audience.seating.circles.enumerated().reversed() {
        rules += tests(circle, "only\(index + 1)").map {
          AudienceRule(test: $0, to: .drawn(circle: index + 1), way: .drawn, because: "only")
        }
      }
    } else if let only = audience.only {
      rules += tests(only, "only").map {
        AudienceRule(test: $0, to: base, way: .drawn, because: "only")
      }
    }
    let preview = audience.preview || choosesPreviews ? service.preview : nil
    let ambient = preview.map { tests($0, "preview", secrets: false) } ?? []
    // A tag tells the person and an address only the place, so tags outrank addresses.
    rules += ambient.reversed().map {
      AudienceRule(test: $0, to: canary, way: .preview, because: "preview")
    }
    if let never = service.never {
      rules += tests(never, "never").map {
        AudienceRule(test: $0, to: stable, way: .never, because: "never")
      }
    }
    for (secret, make) in (preview?.cookies ?? []).map({ ($0, Test.cookie) })
      + (preview?.headers ?? []).map({ ($0, Test.header) })
    {
      guard case .plain(let value) = secret.value.place else { continue }
      let by = "preview"
      rules.append(
        AudienceRule(
          test: make(secret.name, value), to: canary, way: .preview, because: by))
      rules.append(
        AudienceRule(
          test: make(secret.name, "never"), to: stable, way: .never, because: by))
    }
    return rules
  }

  /// Whether the stage lets the rule decide.
  func isInForce(_ rule: AudienceRule) -> Bool {
    !rule.isOfPreview || audience?.preview == true
  }

  /// One test for each listed item: tags first, then addresses, then secrets.
  private func tests(_ selector: Selector, _ list: String, secrets: Bool = true) -> [Test] {
    var tests = selector.tags.enumerated().map { index, tag in
      Test.tag("\(list)_tag\(index)", tag.name, tag.values)
    }
    if !selector.ranges.isEmpty { tests.append(.address("\(list)_from", selector.ranges)) }
    guard secrets else { return tests }
    for (secret, make) in selector.cookies.map({ ($0, Test.cookie) })
      + selector.headers.map({ ($0, Test.header) })
    {
      if case .plain(let value) = secret.value.place { tests.append(make(secret.name, value)) }
    }
    return tests
  }

  /// The groups that requests may be sent to.
  package var groups: [Group] {
    switch seatForm {
    case .rest?: return [.stable]
    case .kept?, .rollout?: return [.stable, .canary] + (shadows.isEmpty ? [] : [.copies])
    case nil: break
    }
    var groups: [Group] = [.split]
    let targets = [start.to] + rules.map(\.to)
    for group in [Group.stable, .canary]
    where draws || targets.contains(.group(group)) {
      groups.append(group)
    }
    groups.append(.brake)
    if !shadows.isEmpty { groups.append(.copies) }
    return groups
  }
}

/// One rule of an audience: its test, and where it sends a request that fits.
package struct AudienceRule: Hashable, Sendable {
  package var test: RoutingRules.Test
  package var to: RoutingRules.Target
  package var way: RoutedBy
  /// The key of the config that the rule comes from.
  package var because: String

  var isOfPreview: Bool { because == "preview" }
}
