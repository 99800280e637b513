package import CanaryCore
internal import CSystem
internal import Glibc

/// The addresses that Nginx will log for each pool of a service; names are resolved, as Nginx does
/// at its start.
package enum PoolAddresses {
  /// The table that maps addresses to pools; blocks while names are resolved.
  ///
  /// `relay` is the relay socket of a TCP service.
  package static func table(of service: Service, relay: String? = nil) -> PoolTable {
    PoolTable(
      service.pools.flatMap { pool in
        pool.servers.flatMap { server in
          ([server.address] + resolved(server.address)).map { (address: $0, pool: pool.name) }
        }
      },
      copies: service.plan.stages.contains { $0.shadow != nil }, relay: relay.map { "unix:\($0)" })
  }

  /// The resolved forms of an address, `10.0.0.7:80` and `[2001:db8::7]:80` for `web:80`.
  ///
  /// Empty when there is nothing to resolve, or it fails.
  private static func resolved(_ address: String) -> [String] {
    guard !address.hasPrefix("unix:"), !address.hasPrefix("["),
      let colon = address.lastIndex(of: ":")
    else { return [] }
    let host = String(address[..<colon])
    if host.allSatisfy({ $0.isNumber || $0 == "." }) { return [] }
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
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
        found.append((info.ai_family == AF_INET6 ? "[\(numeric)]" : numeric) + address[colon...])
      }
      next = info.ai_next
    }
    return found
  }
}
