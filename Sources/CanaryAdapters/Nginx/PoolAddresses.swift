package import CanaryCore
internal import CSystem
internal import Glibc
internal import Synchronization

/// The addresses that Nginx will connect to and log for each pool of a service; names are resolved,
/// as Nginx does when it reads its configuration.
package enum PoolAddresses {
  /// The table that maps addresses to pools; blocks while names are resolved.
  ///
  /// `loaded` is what the names stood for when Nginx read its configuration; it outranks what they
  /// stand for now. `run` is where the ways of a TCP service are.
  package static func table(
    of service: Service, loaded: Peers = Peers(), run: RunFolder
  ) -> PoolTable {
    let now = service.pools.flatMap { pool in
      pool.servers.flatMap { server in
        ([server.address] + (peers(server.address) ?? [])).map { (address: $0, pool: pool.name) }
      }
    }
    let then = service.pools.flatMap { pool in
      pool.servers.flatMap { server in
        (loaded.addresses[server.address] ?? []).map { (address: $0, pool: pool.name) }
      }
    }
    return PoolTable(
      now + then, copies: service.plan.stages.contains { $0.shadow != nil },
      relays: relays(of: service, run))
  }

  /// The addresses by which Nginx reaches the pools of a TCP service, in the texts of 0.1.0 too.
  private static func relays(of service: Service, _ run: RunFolder) -> [String] {
    guard service.proxying.scheme == .tcp else { return [] }
    let ways = service.pools.flatMap {
      [run.way(service.name, $0.name), run.relay(service.name, $0.name)]
    }
    return (ways + [run.formerRelay(service.name)]).map { "unix:\($0)" }
  }

  /// What the names among the servers stand for; blocks while they are resolved.
  ///
  /// A name that does not resolve is missing, and so is every address that is none.
  static func peers(of servers: [Server]) -> Peers {
    var peers = Peers()
    for server in servers {
      if let found = self.peers(server.address), !found.isEmpty {
        peers.addresses[server.address] = found
      }
    }
    return peers
  }

  /// Whether the server is named by a name that does not resolve.
  static func isUnknown(_ server: Server) -> Bool { peers(server.address)?.isEmpty == true }

  /// What changed since Nginx read the file, one sentence for each name.
  static func changes(since file: String) -> [String] {
    Peers(inFile: file).addresses.sorted { $0.key < $1.key }.compactMap { name, then in
      guard let now = peers(name), now != then else { return nil }
      return now.isEmpty
        ? "\(name) does not resolve any more; Nginx goes on with \(words(then)), but would not start"
        : "\(name) stands for \(words(now)) now; Nginx goes on with \(words(then))"
    }
  }

  private static func words(_ addresses: [String]) -> String {
    addresses.joined(separator: " and ")
  }

  // MARK: resolving

  /// What was found, and when; a check of many stages asks for the same names again and again.
  private static let known = Mutex<[String: (at: Instant, found: [String])]>([:])

  /// The resolved forms of an address, `10.0.0.7:80` and `[2001:db8::7]:80` for `web:80`, sorted.
  ///
  /// Nil when there is nothing to resolve; empty when it fails.
  private static func peers(_ address: String) -> [String]? {
    guard !address.hasPrefix("unix:"), !address.hasPrefix("["),
      let colon = address.lastIndex(of: ":")
    else { return nil }
    let host = String(address[..<colon])
    if host.allSatisfy({ $0.isNumber || $0 == "." }) { return nil }
    if let last = known.withLock({ $0[address] }), SystemClock.now - last.at < .seconds(1) {
      return last.found
    }
    let found = resolve(host).map { "\($0)\(address[colon...])" }.sorted()
    let now = SystemClock.now
    known.withLock { $0[address] = (now, found) }
    return found
  }

  /// Every address of a host, as often as Nginx gets it.
  private static func resolve(_ host: String) -> [String] {
    // As ngx_inet_resolve_host() asks.
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_ADDRCONFIG
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
    defer { freeaddrinfo(list) }
    var found: [String] = []
    var next = list
    while let entry = next {
      var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      let info = entry.pointee
      if getnameinfo(
        info.ai_addr, info.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
      {
        let numeric = String(
          decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        found.append(info.ai_family == AF_INET6 ? "[\(numeric)]" : numeric)
      }
      next = info.ai_next
    }
    return found
  }
}
