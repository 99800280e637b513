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
    values["tries"] = .text("\(max(split.count, behind.count))")
    return values
  }

  private static let serverNames: Set = [
    "address", "server_weight", "max_fails", "fail_timeout", "max_conns", "backup",
  ]

  private func servers(_ pool: PoolName?) -> [Server] {
    pool.flatMap { service.pool($0)?.servers } ?? []
  }

  private func rows(_ servers: [Server], backup: Bool = false) -> [[String: Template.Value]] {
    servers.map { row($0, weight: $0.weight, backup: backup) }
  }

  private func relay(weight: Int = 1, backup: Bool = false) -> [[String: Template.Value]] {
    [row(Server(address: relay), weight: weight, backup: backup)]
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
      stable: stable.map(\.weight), canary: [1], weight: routing.weight)
    return zip(stable, weights.stable).map { row($0, weight: $1) }
      + weights.canary.flatMap { relay(weight: $0) }
  }

  /// The servers that the relay passes connections to; with a shield or fallback, the other pool is
  /// their backup.
  private var behind: [[String: Template.Value]] {
    let own = rows(servers(relayed ?? routing.stable))
    let isCanary = relayed == routing.canary
    let shields = isCanary ? service.proxying.shield : fallsBack
    let other = isCanary ? routing.stable : routing.canary
    return own + (shields && relayed != nil ? rows(servers(other), backup: true) : [])
  }
}
