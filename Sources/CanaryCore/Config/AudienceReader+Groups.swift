// The rules for pools whose group canary does not write.
extension AudienceReader {
  /// Reports what cannot be had with an upstream group of your own: it takes no further servers, and
  /// its parts stay together.
  func refuseYourGroups(_ service: Service) {
    guard let pool = service.pools.first(where: { $0.upstream != nil }) else { return }
    if service.proxying.scheme == .tcp {
      table.faultHere("cannot have upstream in pool \(pool.name): it speaks tcp; name its servers")
    }
    if case .upstream = service.weights {
      table.fault(
        "weights",
        "cannot be \"upstream\" with the upstream of pool \(pool.name): a weighted group holds the servers of both pools"
      )
    }
    for key in ["shield", "fallback"] where table.has(key) {
      guard case .bool(true)? = table.node(key) else { continue }
      table.fault(
        key, "cannot be true with the upstream of pool \(pool.name): nothing is added to that group"
      )
    }
    if !service.backends.compactMap(\.self).isEmpty {
      table.faultHere(
        "cannot have kinds of servers (backend=) with the upstream of pool \(pool.name)")
    }
  }

  /// Reports what cannot be had with names that are resolved while Nginx runs: a server is a text in
  /// a variable then, and in no group.
  func refuseResolver(_ service: Service) {
    guard let resolver = service.resolver else { return }
    let reject = { (why: String) in table.fault("resolver", why) }
    if resolver == .yours, !service.isInYourLocation {
      reject("must be the arguments of `resolver`: with `listen` there is no location of yours")
    }
    if service.proxying.scheme == .tcp { reject("has no meaning for protocol \"tcp\"") }
    if case .upstream = service.weights {
      reject("cannot stand beside weights: \"upstream\", whose servers are in one group")
    }
    for key in ["shield", "fallback"] {
      guard case .bool(true)? = table.node(key) else { continue }
      table.fault(key, "cannot be true with `resolver`: each pool is reached by itself")
    }
    for pool in service.pools {
      if pool.upstream != nil || pool.balance != nil {
        reject("has no meaning for pool \(pool.name), whose group is read with Nginx's files")
      }
      for backend in service.backends where pool.upstream == nil {
        let servers = pool.servers(of: backend)
        if servers.count > 1 {
          reject(
            "needs one server in pool \(pool.name), by a name that stands for all of them (found \(servers.count))"
          )
        }
        let bare = { (server: Server) in
          Server(address: server.address, zone: server.zone, backend: server.backend)
        }
        if let server = servers.first(where: { $0 != bare($0) || $0.zone != nil }) {
          reject("cannot have parameters for \(server.address): it is in no group")
        }
      }
    }
  }
}
