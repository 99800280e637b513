/// Reads the pools of a service and their servers.
struct PoolsReader {
  private let table: TableReader

  init(_ table: TableReader) { self.table = table }

  func read() -> [Pool] {
    var pools: [Pool] = []
    var owner: [String: PoolName] = [:]
    for key in table.keys {
      guard let name = PoolName(key) else {
        table.fault(key, "must have a name of \(PoolName.rule)")
        continue
      }
      let pool = table.table(key)
      if name == PoolTable.shadowName {
        table.fault(key, "must have another name: 'shadow' is what copies of requests count under")
      }
      pool.refuseUnknown(.pool)
      var servers: [Server] = []
      for (index, node) in (pool.list("servers") ?? []).enumerated() {
        let path = "servers[\(index)]"
        guard case .text(let text) = node else {
          pool.faultAt(path, node, "must be a text such as \"127.0.0.1:9001 weight=2\"")
          continue
        }
        do throws(Violation) {
          let server = try Server(parsing: text)
          if let other = owner.updateValue(name, forKey: server.address) {
            throw Violation(
              other == name ? "is listed twice" : "is already a server of pool '\(other)'")
          }
          servers.append(server)
        } catch {
          pool.faultAt(path, node, error.description)
        }
      }
      let upstream = pool.text("upstream", Pool.upstreamRule, where: Pool.isUpstream)
      if !pool.has("servers") {
        if !pool.has("upstream") { pool.faultHere("must have servers: [\"127.0.0.1:9001\"]") }
      } else if pool.list("servers")?.isEmpty == true {
        pool.fault("servers", "must name at least one server")
      } else if servers.count > 1000 {
        pool.fault("servers", "must name at most 1000 servers")
      } else if !servers.isEmpty, !servers.contains(where: \.takesPart) {
        pool.fault("servers", "must name a server that is neither backup nor down")
      }
      var found = Pool(name: name, servers: servers, limit: pool.rate("limit"))
      found.balance = pool.text("balance", Balance.rule) { Balance($0) != nil }.flatMap(
        Balance.init)
      if !found.allowsBackup, let server = servers.first(where: { $0.isBackup || $0.zone != nil }) {
        pool.fault(
          "balance",
          "cannot have \(server.isBackup ? "backup" : "zone") for \(server.address): Nginx takes no backup beside a hash"
        )
      }
      found.upstream = upstream
      if let upstream, let other = pools.first(where: { $0.upstream == upstream }) {
        pool.fault("upstream", "is already the group of pool '\(other.name)'")
      }
      if upstream != nil, pool.has("balance") {
        pool.fault("balance", "has no meaning beside `upstream`: your own group says it")
      }
      pools.append(found)
    }
    if table.keys.count < 2 {
      table.faultHere("must name two pools, such as blue and green")
    }
    return pools
  }
}

extension Pool {
  fileprivate static let upstreamRule =
    "must be the name of an upstream of yours: letters, digits and ._- ; not of canary's own"

  package static func isUpstream(_ text: String) -> Bool {
    (1...100).contains(text.utf8.count) && !text.hasPrefix("canary.")
      && text.utf8.allSatisfy { Text.isAlphanumeric($0) || "._-".utf8.contains($0) }
  }
}

extension TableReader {
  func name(_ key: String) -> Label? {
    text(key, "must be \(Label.rule)") { Label($0) != nil }.flatMap(Label.init)
  }

  /// Reads a request rate such as `100r/s`, or a table of one and its burst.
  func rate(_ key: String) -> RequestRate? {
    guard case .table? = node(key) else { return plainRate(key) }
    let inner = table(key)
    inner.refuseUnknown(.rate)
    guard inner.has("rate") else {
      inner.faultHere("must have a rate such as \"100r/s\"")
      return nil
    }
    let rate = inner.plainRate("rate")
    guard let burst = inner.int("burst", in: 1...9_999_999) else { return rate }
    return rate?.with(burst: burst)
  }

  private func plainRate(_ key: String) -> RequestRate? {
    read(key, "must be a rate such as \"100r/s\" or \"30r/m\"") { node in
      if case .text(let text) = node { return RequestRate(text) }
      return nil
    }
  }
}
