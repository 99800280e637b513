// The values of stream.conf.
extension RenderValues {
  /// The pool that the brake cuts off: Nginx reaches it only by its way; nil: there is none.
  private var relayed: PoolName? {
    routing.brake == routing.stable ? routing.canary : routing.stable
  }

  /// The pools that have a relay: also those that this text reaches without, because workers that
  /// have not left yet may come by it.
  private var relays: [PoolName] {
    [routing.stable, routing.canary].compactMap(\.self).filter { !servers($0).isEmpty }
  }

  var stream: [String: Template.Value] {
    var values = facts
    values["variable"] = nil
    values["zone"] = .text(zone)
    values["split"] = .rows(names: Self.serverNames, split)
    values["relays"] = .rows(
      names: ["pool", "relay"], inner: ["relayed": Self.serverNames],
      relays.map { pool in
        [
          "pool": .text(pool.text), "relay": .text("unix:\(config.run.relay(service.name, pool))"),
          "relayed": .rows(names: Self.serverNames, behind(pool)),
        ]
      })
    values["listens"] = Self.texts("address", service.listen)
    values["log"] = .text(config.log(of: service.name))
    values["apart"] = .text("\(isByWay ? "+" : "=")\(relayed?.text ?? "")")
    values["probe"] = .text("unix:\(config.probeSocket(of: service.name))")
    let proxying = service.proxying
    let connecting = proxying.connectTimeout ?? Proxying.usualConnectTimeout
    values["connect_timeout"] = .text("\(connecting.milliseconds)ms")
    values["timeout"] = .text("\((proxying.timeout ?? Proxying.usualTimeout).milliseconds)ms")
    values["tries"] = .text("\(([split] + relays.map(behind)).map(peers).max() ?? 1)")
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

  /// A way is never skipped: once it is there again, it must get its share at once.
  private func relay(weight: Int = 1, backup: Bool = false) -> [[String: Template.Value]] {
    guard let relayed else { return [] }
    let run = config.run
    let path = isByWay ? run.way(service.name, relayed) : run.relay(service.name, relayed)
    return [row(Server(address: "unix:\(path)"), weight: weight, backup: backup, maxFails: 0)]
  }

  /// Whether a link leads to the pool that the brake cuts off.
  ///
  /// Stable itself, which the brake of a promotion cuts off, is reached by its socket: an empty `run`,
  /// as after a reboot, must leave it what it has.
  private var isByWay: Bool { relayed != routing.stable }

  /// The servers that new connections go to.
  ///
  /// While the brake is on, the way is not there, so connecting by it fails at once, and Nginx tries
  /// the next server: one of the pool that the brake leads to.
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

  /// The servers that a pool's relay passes connections to; with a shield or fallback, the other
  /// pool is their backup.
  private func behind(_ pool: PoolName) -> [[String: Template.Value]] {
    let isCanary = pool == routing.canary
    let shields = isCanary ? service.proxying.shield : fallsBack && pool == relayed
    let other = isCanary ? routing.stable : routing.canary
    return rows(servers(pool), isCanary: isCanary)
      + (shields ? rows(servers(other), backup: true) : [])
  }
}
