// The values of stream.conf.
extension RenderValues {
  /// The pool that the brake cuts off: Nginx reaches it only through the relay's socket; nil: there
  /// is none.
  private var relayed: PoolName? {
    routing.brake == routing.stable ? routing.canary : routing.stable
  }
  private var relay: String { "unix:\(config.run.relay(service.name))" }

  var stream: [String: Template.Value] {
    var values = facts
    values["variable"] = nil
    values["zone"] = .text(zone)
    values["split"] = .rows(names: Self.serverNames, split)
    values["relayed"] = .rows(names: Self.serverNames, behind)
    values["listens"] = Self.texts("address", service.listen)
    values["log"] = .text(config.log(of: service.name))
    values["relay"] = .text(relay)
    values["probe"] = .text("unix:\(config.probeSocket(of: service.name))")
    let proxying = service.proxying
    let connecting = proxying.connectTimeout ?? Proxying.usualConnectTimeout
    values["connect_timeout"] = .text("\(connecting.milliseconds)ms")
    values["timeout"] = .text("\((proxying.timeout ?? Proxying.usualTimeout).milliseconds)ms")
    values["tries"] = .text("\(max(peers(split), peers(behind)))")
    return values
  }

  private static let serverNames: Set = [
    "address", "server_weight", "max_fails", "fail_timeout", "max_conns", "backup",
  ]

  private func peers(_ rows: [[String: Template.Value]]) -> Int {
    rows.reduce(0) { sum, row in
      guard case .text(let address)? = row["address"] else { return sum }
      return sum + choice.peers.count(address)
    }
  }

  private func servers(_ pool: PoolName?) -> [Server] {
    pool.flatMap { service.pool($0)?.servers } ?? []
  }

  private func rows(
    _ servers: [Server], isCanary: Bool = false, backup: Bool = false
  ) -> [[String: Template.Value]] {
    let maxFails = maxFails(servers, isCanary: isCanary)
    return servers.map { row($0, weight: $0.weight, backup: backup, maxFails: maxFails) }
  }

  /// The relay is never skipped: when its socket has its name back, it must get its share at once.
  private func relay(weight: Int = 1, backup: Bool = false) -> [[String: Template.Value]] {
    [row(Server(address: relay), weight: weight, backup: backup, maxFails: 0)]
  }

  /// The servers that new connections go to.
  ///
  /// While the brake is on, the relay's socket has another name, so connecting to it fails at once,
  /// and Nginx tries the next server: one of the pool that the brake leads to.
  private var split: [[String: Template.Value]] {
    let stable = servers(routing.stable)
    if routing.brake != routing.stable {
      return relay() + rows(servers(routing.brake), backup: true)
    }
    if routing.weight == .none { return rows(stable) + (fallsBack ? relay(backup: true) : []) }
    if routing.weight == .all { return relay() + rows(stable, backup: true) }
    let weights = Share.weights(
      stable: stable.map(\.weight), canary: [1], peers: (stable.map { peers([$0]) }, [1]),
      weight: routing.weight)
    return zip(stable, weights.stable).map { row($0, weight: $1, maxFails: 0) }
      + weights.canary.flatMap { relay(weight: $0) }
  }

  /// The servers that the relay passes connections to; with a shield or fallback, the other pool is
  /// their backup.
  private var behind: [[String: Template.Value]] {
    let isCanary = relayed == routing.canary
    let apart = servers(relayed)
    // Without servers, Nginx takes no group; nothing is sent there then.
    let own = rows(
      apart.isEmpty ? servers(routing.stable) : apart, isCanary: isCanary && relayed != nil)
    let shields = isCanary ? service.proxying.shield : fallsBack
    let other = isCanary ? routing.stable : routing.canary
    return own + (shields && relayed != nil ? rows(servers(other), backup: true) : [])
  }
}
