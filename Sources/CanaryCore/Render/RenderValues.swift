/// Computes the values of the templates' slots, for one generation of one service.
struct RenderValues {
  let choice: RoutingRules
  let config: Config
  let generation: Generation

  var service: Service { choice.service }
  var variable: String { service.name.nginxVariable }
  var routing: Routing { choice.routing }

  /// The slots that every template knows.
  var common: [String: Template.Value] {
    ["service": .text(service.name.text), "variable": .text(variable)]
  }

  /// The slots of the first line of every generated file.
  var head: [String: Template.Value] {
    common.merging(["generation": .text("\(generation)")]) { $1 }
  }

  /// The slots of the first line of the main file, which `GeneratedHeader` reads back.
  var facts: [String: Template.Value] {
    var values = head
    values["stable"] = .text(routing.stable.text)
    values["canary"] = .text(routing.canary?.text ?? "-")
    // With seats the weight is a set of them, and no word of the text.
    values["weight"] = .text(choice.seatForm == nil ? "\(routing.weight)" : "seats")
    values["brake_pool"] = .text(routing.brake.text)
    values["brake_until"] = .text(routing.brakeUntil.map { "\($0.milliseconds)" } ?? "-")
    values["audience"] = .text(routing.audience?.salt ?? "-")
    return values
  }

  /// The only location of a service without routes.
  var usualRoute: Route {
    Route(path: "/", proxying: service.proxying, backend: service.backends.first ?? nil)
  }

  /// A section with one row for each text, in the slot `name`.
  static func texts(_ name: String, _ texts: [String]) -> Template.Value {
    .rows(names: [name], texts.map { [name: .text($0)] })
  }

  /// A section without slots, written once or not at all.
  static func section(_ isThere: Bool) -> Template.Value { .rows(names: [], isThere ? [[:]] : []) }

  // MARK: http.conf and server.conf

  func http(blocks: [String], server: [String]) -> [String: Template.Value] {
    var values = facts
    values["resting"] = resting
    values["probed"] = probed
    values["blocks"] = Self.texts("text", blocks.map { Self.withoutLastNewline($0) })
    values["server"] = Self.texts("text", server.map { Self.withoutLastNewline($0) })
    values["elsewhere"] = elsewhere
    // At rest it stands where it is said once for all.
    values["upgrade"] = Self.section(upgrades && !isResting)
    var formats: [(name: String, mark: String, more: String)] = [("", "canary1", "")]
    if isExplained || isJudged {
      let own = choice.seatForm == nil ? "$canary_way_\(variable)" : "$canary_seat_\(variable)"
      let drawn = choice.seatForm == .rollout ? "$canary_draw_\(variable)" : RoutedBy.drawn.letter
      let way = explainsWay ? own : drawn
      let grpc = speaksGRPC ? "$canary_grpc_\(variable)" : "-"
      let told = "\\t\(way)\\t\(grpc)"
      // With HTTP/2 of canary's own, requests are awaited whole.
      let begun = service.http2 ? "$request_length" : "$canary_begun_\(variable)"
      let pace = "\\t\(begun)\\t$request_length\\t$body_bytes_sent"
      let body =
        "\\t$connection\\t$upstream_response_length\\t$request_completion:$canary_promised_\(variable)"
      formats =
        isJudged
        ? [("", isDirect ? "canary6" : "canary5", told + (isDirect ? pace : "") + body)]
        : [("", "canary2", told)]
    }
    if !choice.shadows.isEmpty {
      formats.append((".copies", "canary2", "\\t\(RoutedBy.shadow.letter)\\t-"))
    }
    // Each variable costs every request: the time of the head is there only where it is read.
    let readsHead = service.latency == .firstByte || isDirect
    values["header_time"] = .text(readsHead ? "$upstream_header_time" : "-")
    values["direct"] = Self.section(isDirect)
    // At rest in a location of your own nothing is logged in it.
    let isNamed = writesLog || !choice.shadows.isEmpty
    values["formats"] = .rows(
      names: ["name", "mark", "more"],
      (isNamed ? formats : []).map {
        ["name": .text($0.name), "mark": .text($0.mark), "more": .text($0.more)]
      })
    return values
  }

  private static func withoutLastNewline(_ text: String) -> String {
    text.hasSuffix("\n") ? String(text.dropLast()) : text
  }

  /// Whether each line of the log says why its request went to its pool.
  var explainsWay: Bool { !choice.rules.isEmpty || choice.start.way != .drawn }
  private var isExplained: Bool { explainsWay || speaksGRPC || choice.seatForm == .rollout }

  /// Whether some requests or answers pass through at the pace of their clients, as far as canary
  /// says so.
  var isDirect: Bool {
    isJudged
      && (service.routes.isEmpty ? [usualRoute] : service.routes).contains {
        !$0.proxying.scheme.isGRPC && filled($0.proxying).buffering == false
      }
  }
  var speaksGRPC: Bool {
    (service.routes.isEmpty ? [usualRoute] : service.routes).contains {
      $0.proxying.scheme.isGRPC
    }
  }

  func server(lines: [String]) -> [String: Template.Value] {
    let listens = service.listen.map { service.http2 ? "\($0) http2" : $0 }
    return [
      "service": .text(service.name.text), "listens": Self.texts("address", listens),
      "names": Self.texts(
        "name", service.serverNames.isEmpty ? [] : [service.serverNames.joined(separator: " ")]),
      "lines": Self.texts("line", lines), "log": .text(config.log(of: service.name)),
      // What was tried at no pool has no way to it either, and such a line could not be read.
      "condition": .text(explainsWay ? " if=$upstream_addr" : ""),
      "judged": Self.section(writesLog),
      "unlogged": Self.section(!writesLog && service.accessLogs.isEmpty),
      "logs": Self.texts("path", service.accessLogs),
    ]
  }

  // MARK: elsewhere.conf

  /// Whether the requests are evidence: in a rollout, and while the former pool is kept.
  ///
  /// At rest no check reads canary's log, and each line of it would cost its request a tenth.
  var isJudged: Bool {
    routing.weight > .none || routing.audience != nil || routing.brakeUntil != nil
  }

  /// Whether canary's log is written: for the judge, and in a server of canary's that would have no
  /// other.
  var writesLog: Bool {
    isJudged || !service.isInYourLocation && service.accessLogs.isEmpty && !service.isUnlogged
  }

  /// Present while evidence counts that ends outside of the service's locations.
  ///
  /// A service at rest has no variable for it: each one costs every request of that Nginx.
  var elsewhere: Template.Value { Self.section(service.isInYourLocation && isJudged) }

  var ends: [String: Template.Value] {
    var values = head
    values["log"] = .text(config.log(of: service.name))
    values["elsewhere"] = elsewhere
    return values
  }

  // MARK: upstream.conf

  /// The slots of every upstream group, one upstream.conf each.
  var groups: [[String: Template.Value]] {
    service.backends.flatMap { backend in
      choice.groups.filter { !choice.isYours($0) }.map { group in
        [
          "name": .text(choice.name(group, backend)),
          "shared": Self.texts("zone", isShared(group, backend) ? [zone] : []),
          "methods": Self.texts("method", pool(group)?.balance.map { [$0.text] } ?? []),
          "idle": Self.texts("keepalive", keepalive.map { ["\($0)"] } ?? []),
          "servers": .rows(
            names: [
              "address", "server_weight", "max_fails", "fail_timeout", "max_conns", "backup",
            ],
            rows(group, backend)),
        ]
      }
    }
  }

  /// The pool whose method a group has; nil for a group of both pools.
  private func pool(_ group: RoutingRules.Group) -> Pool? {
    let name: PoolName? =
      switch group {
      case .stable: routing.stable
      case .canary, .copies: routing.canary
      case .brake: routing.brake
      case .split:
        routing.weight == .none ? routing.stable : routing.weight == .all ? routing.canary : nil
      }
    return name.flatMap(service.pool)
  }

  /// How many idle connections are kept; nil: no line.
  ///
  /// Before Nginx 1.29.7 a kept connection needs HTTP/1.1 and an empty `Connection` header, which a
  /// location of your own may not send. Where the config names no number, its app sees what it saw.
  private var keepalive: Int? {
    service.proxying.keepalive ?? (service.isInYourLocation ? nil : Proxying.usual.keepalive)
  }

  /// The shared memory of an upstream group, in kilobytes.
  ///
  /// Nginx demands at least eight pages, and a server takes much less than 1 KB.
  var zone: String {
    "\(64 + (peers(choice.stable(nil)) + peers(choice.canary(nil))) * 2)k"
  }

  /// Whether workers share what they know of a group's servers.
  ///
  /// Of an only server and its only backup there is nothing to know: neither is ever skipped, and
  /// there is none to take turns with. A zone of its own costs each reload more than everything else of a service at
  /// rest.
  private func isShared(_ group: RoutingRules.Group, _ backend: Label?) -> Bool {
    guard choice.seatForm == .rest, group == .stable else { return true }
    let all = [choice.stable(backend)] + (fallsBack ? [choice.canary(backend)] : [])
    return all.contains {
      peers($0) > 1 || $0.contains { $0.maxConns != nil || $0.maxFails.map { $0 > 0 } ?? false }
    }
  }

  private func rows(_ group: RoutingRules.Group, _ backend: Label?) -> [[String: Template.Value]] {
    let (stable, canary) = (choice.stable(backend), choice.canary(backend))
    switch group {
    case .split: return splitRows(stable, canary)
    case .stable:
      // A request that fails on stable never meets the canary, but for a pool that is only kept.
      let takesOver = choice.seatForm != .rollout && fallsBack
      return rows(stable) + (takesOver ? rows(canary, backup: true) : [])
    case .canary where choice.seatForm == .kept: return rows(canary)
    case .canary:
      return rows(canary, isCanary: true) + (isShielded ? rows(stable, backup: true) : [])
    case .brake:
      // The servers of a pool that is kept no longer may be gone.
      let brake = service.pool(routing.brake)?.servers(of: backend) ?? []
      return rows(brake.isEmpty ? stable : brake)
    case .copies: return rows(canary, isCanary: true)
    }
  }

  private func splitRows(_ stable: [Server], _ canary: [Server]) -> [[String: Template.Value]] {
    if routing.weight == .none {
      return rows(stable) + (fallsBack ? rows(canary, backup: true) : [])
    }
    if routing.weight == .all {
      return rows(canary, isCanary: true) + (isShielded ? rows(stable, backup: true) : [])
    }
    let (stable, canary) = (stable.filter(\.takesPart), canary.filter(\.takesPart))
    let weights = Share.weights(
      stable: stable.map(\.weight), canary: canary.map(\.weight),
      peers: (stable.map { peers([$0]) }, canary.map { peers([$0]) }), weight: routing.weight)
    // Skipped for a while, a server would leave its requests to the other pool.
    return zip(stable, weights.stable).map { row($0, weight: $1, maxFails: 0) }
      + zip(canary, weights.canary).map { row($0, weight: $1, maxFails: 0) }
  }

  /// Whether stable's servers are the backups of the canary's.
  var isShielded: Bool {
    service.proxying.shield && pool(.canary)?.allowsBackup != false && !choice.isYours(.stable)
  }

  /// The servers of one pool; those of other zones are backups of those in this host's zone.
  ///
  /// Nginx has only one level of backups. A million times the weight makes it prefer a far server
  /// of this pool to a backup server of the other pool.
  private func rows(
    _ servers: [Server], isCanary: Bool = false, backup: Bool = false
  ) -> [[String: Template.Value]] {
    let weights = backup ? servers.map(\.weight) : Share.reduced(servers.map(\.weight))
    let zoned = choice.isZoned(servers)
    let maxFails = maxFails(servers, isCanary: isCanary)
    return zip(servers, weights).map { server, weight in
      let isFar = !backup && zoned && server.zone != choice.zone
      return row(
        server, weight: isFar ? weight * 1_000_000 : weight, backup: backup || isFar,
        maxFails: maxFails)
    }
  }

  /// The `max_fails` of a pool's servers for which the config names none: Nginx's own at rest.
  ///
  /// Nginx never skips the only server of a group, but it would with the other pool as its backup.
  /// In a rollout, a failing canary must keep its share: without requests, the evidence against it
  /// stops. And what Nginx retries by its status counts as failed, so that a few bad requests would
  /// take all servers of stable away.
  func maxFails(_ servers: [Server], isCanary: Bool) -> Int {
    let isUsual = routing.isClean || !isCanary && !service.proxying.shield
    return isUsual && peers(servers) > 1 ? 1 : 0
  }

  /// How many servers Nginx makes of these: each address of a name is one.
  func peers(_ servers: [Server]) -> Int { choice.peers.count(servers) }

  /// The last lines of the main file before its seal: what the names in it stand for.
  var resolved: String {
    let pools = [routing.stable, routing.brake] + (routing.canary.map { [$0] } ?? [])
    let written = pools.compactMap(service.pool).filter {
      $0.upstream == nil && service.resolver == nil
    }
    return choice.peers.lines(for: written.flatMap(\.servers))
  }
}
