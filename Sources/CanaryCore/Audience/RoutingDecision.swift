/// The facts of a request that decide where it goes.
package struct RequestFacts: Sendable {
  package var headers: [(name: String, value: String)]
  package var cookies: [(name: String, value: String)]
  /// The address that Nginx sees: the client's, or the one of the proxy in front of Nginx.
  package var peer: IPAddress?
  package var peerText: String

  package init(
    headers: [(name: String, value: String)], cookies: [(name: String, value: String)],
    peer: String
  ) {
    self.headers = headers
    self.cookies = cookies
    self.peer = IPAddress(peer)
    peerText = peer
  }

  /// The value of the first header of this name, which is the one that Nginx uses; nil: none.
  func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }

  func cookie(_ name: String) -> String? {
    cookies.first { $0.name.lowercased() == name.lowercased() }?.value
  }
}

/// Where a request goes, and why.
package struct RoutingDecision: Hashable, Sendable {
  /// Nil when chance decides as the request arrives.
  package var pool: PoolName?
  package var way: RoutedBy
  package var why: String
  /// The seat of the request; nil: it is drawn anew, or the service has no seats.
  package var seat: String?
}

extension RoutingRules {
  /// The decision on one request, as the generated configuration makes it.
  package func answer(_ request: RequestFacts, braked: Bool) -> RoutingDecision {
    if braked {
      return RoutingDecision(
        pool: routing.brake, way: .drawn, why: "the brake is on, which beats every rule")
    }
    if let form = seatForm { return seated(request, form) }
    var (to, way) = start
    var why = way == .excluded ? "it is none of those whom `only` of this stage lets in" : nil
    for rule in rules where fits(rule.test, request) {
      (to, way) = (rule.to, rule.way)
      why = rule.to == base ? nil : words(rule)
    }
    let weight = routing.weight
    switch to {
    case .group(.canary): return RoutingDecision(pool: routing.canary, way: way, why: why ?? "")
    case .group(.stable): return RoutingDecision(pool: routing.stable, way: way, why: why ?? "")
    case .group:
      if weight == .none {
        return RoutingDecision(
          pool: routing.stable, way: way, why: why ?? "the canary has no weight")
      }
      if weight == .all {
        return RoutingDecision(
          pool: routing.canary, way: way, why: why ?? "the canary has all the weight")
      }
      return RoutingDecision(
        pool: nil, way: way,
        why: "each request is drawn anew: \(weight)% go to \(routing.canary?.text ?? "-")")
    case .hand, .seat, .drawn: return drawnDecision(request, way)
    }
  }

  /// The decision by seats: the request's seat, and whether that meets the canary.
  private func seated(_ request: RequestFacts, _ form: SeatForm) -> RoutingDecision {
    guard form == .rollout, let audience else {
      return RoutingDecision(pool: routing.stable, way: .drawn, why: "no canary is in play")
    }
    var (to, way) = start
    var why: String?
    for rule in rules where isInForce(rule) && fits(rule.test, request) {
      (to, way) = (rule.to, rule.way)
      if case .seat = rule.to { why = words(rule) } else { why = nil }
    }
    let met = metSeats
    if case .seat(let seat) = to {
      return RoutingDecision(
        pool: met.contains(seat) ? routing.canary : routing.stable, way: way, why: why ?? "",
        seat: seat)
    }
    var circle: Int?
    if case .drawn(let found) = to { circle = found }
    let isOutside = audience.only.map { only in
      circle.map { $0 > (audience.seating.circles.firstIndex(of: only) ?? -1) + 1 } ?? true
    }
    if isOutside == true {
      return RoutingDecision(
        pool: routing.stable, way: .excluded,
        why: "it is none of those whom `only` of this stage lets in")
    }
    if routing.weight == .none {
      return RoutingDecision(pool: routing.stable, way: way, why: "the canary has no weight")
    }
    if routing.weight == .all, service.sticky == nil {
      return RoutingDecision(
        pool: routing.canary, way: way, why: "the canary has all the weight")
    }
    return drawnDecision(request, way, circle: circle)
  }

  /// The decision on a request that the weight draws before a server is chosen.
  ///
  /// `circle` is that of its seat, where it has one.
  private func drawnDecision(
    _ request: RequestFacts, _ way: RoutedBy, circle: Int? = nil
  ) -> RoutingDecision {
    let weight = routing.weight
    guard let sticky = service.sticky else {
      return RoutingDecision(
        pool: nil, way: way,
        why: "each request is drawn anew: \(weight)% go to \(routing.canary?.text ?? "-")")
    }
    guard let (key, name) = key(sticky, request) else {
      return RoutingDecision(
        pool: nil, way: way,
        why:
          "it has no cookie of ours yet: \(weight)% of such clients are drawn for \(routing.canary?.text ?? "-"), and stay there"
      )
    }
    let drawn = "\(routing.audience?.salt ?? ""):\(key)"
    var seat: String?
    if seatForm == .rollout, let seats = audience?.seating.drawn {
      seat = Seating.name(seats[Draw.place(drawn, among: seats.map(\.share))].name, circle: circle)
    }
    let isIn = seat.map(metSeats.contains) ?? Draw.isIn(drawn, weight)
    return RoutingDecision(
      pool: isIn ? routing.canary : routing.stable, way: way,
      why: isIn
        ? "its \(name) is drawn among the \(weight)% (sticky)"
        : "its \(name) is not drawn among the \(weight)% (sticky)", seat: seat)
  }

  /// The key that the client is drawn by, and its name; nil: the client has no such cookie yet.
  private func key(_ sticky: Sticky, _ request: RequestFacts) -> (String, String)? {
    var found: (String?, String)
    switch sticky {
    case .ip: found = (nil, "")
    case .cookie(let name): found = (request.cookie(name), "cookie \(name)")
    case .header(let name): found = (request.header(name), "header \(name)")
    case .user:
      let name = UserID.cookie(of: service.name)
      return request.cookie(name).flatMap { UserID.key(name, $0) }.map { ($0, "cookie") }
    }
    if let value = found.0, !value.isEmpty { return (value, found.1) }
    if isTrusted(request), let list = request.header("X-Forwarded-For"), !list.isEmpty {
      return (list, "address")
    }
    return (request.peerText, "address")
  }

  private func isTrusted(_ request: RequestFacts) -> Bool {
    guard let peer = request.peer else { return false }
    return service.trusted.contains { $0.contains(peer) }
  }

  /// The client's own address: behind trusted proxies, the last one listed that is not trusted.
  private func address(_ request: RequestFacts) -> IPAddress? {
    guard var address = request.peer else { return nil }
    let list =
      request.header("X-Forwarded-For")?.split(separator: ",").map {
        $0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
      } ?? []
    for item in list.reversed() {
      guard service.trusted.contains(where: { $0.contains(address) }),
        let next = IPAddress(String(item))
      else { break }
      address = next
    }
    return address
  }

  private func fits(_ test: Test, _ request: RequestFacts) -> Bool {
    switch test {
    case .address(_, let ranges):
      guard let address = address(request) else { return false }
      return ranges.contains { $0.contains(address) }
    case .header(let name, let value): return request.header(name) == value
    case .cookie(let name, let value): return request.cookie(name) == value
    case .tag(_, let name, let values):
      guard isTrusted(request), let value = request.header(name) else { return false }
      return values.contains(value)
    }
  }

  /// Why a rule sent the request where it went; it never contains the value of a secret.
  private func words(_ rule: AudienceRule) -> String {
    let by = "`\(rule.because)`"
    switch (rule.test, rule.way) {
    case (.address, _): return "its address is in \(by)"
    case (.tag(_, let name, _), _): return "its \(name) is in \(by)"
    case (.header(let name, _), .never) where rule.because == "preview":
      return "\(name) says never"
    case (.cookie(let name, _), .never) where rule.because == "preview":
      return "cookie \(name) says never"
    case (.header(let name, _), _): return "\(name) has the value of \(by)"
    case (.cookie(let name, _), _): return "cookie \(name) has the value of \(by)"
    }
  }
}
