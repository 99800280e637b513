internal import CanaryAdapters
internal import CanaryCore

/// Lists where Nginx proxies requests, for people and programs.
///
/// Places that canary can take over have a number.
enum InitListing {
  static func text(_ map: NginxInventory, _ usable: [NginxInventory.Proxy]) -> String {
    var lines = [
      "\(map.main)\(map.files.count > 1 ? " and \(map.files.count - 1) more files" : ""): \(map.upstreams.count) upstreams, \(map.proxies.count) places that pass on"
    ]
    for proxy in map.proxies {
      let number = usable.firstIndex(of: proxy).map { "\($0 + 1)" } ?? "-"
      let what = Text.sanitized(proxy.statement.words.dropFirst().joined(separator: " "), limit: 60)
      lines.append(
        "\(number.padded(to: -5)) \(what.padded(to: 32))\(Text.sanitized(InitDraft.place(proxy), limit: 80)), \(proxy.statement.place)"
      )
      if let why = Adoption.obstacle(proxy, map) {
        lines.append("      not for canary: \(why)")
      } else if let adoption = Adoption(proxy, map), adoption.upstream != nil {
        lines.append("      \(adoption.servers.joined(separator: ", "))")
      }
    }
    return lines.joined(separator: "\n")
  }

  static func json(_ map: NginxInventory, _ usable: [NginxInventory.Proxy]) -> String {
    JSON.table([
      ("nginx", .text(map.main)),
      (
        "places",
        .list(
          map.proxies.map { proxy in
            let why = Adoption.obstacle(proxy, map)
            return .table([
              ("pick", usable.firstIndex(of: proxy).map { .int($0 + 1) } ?? .null),
              ("target", .text(proxy.target)), ("server", .text(proxy.server)),
              ("location", .text(proxy.location.joined(separator: " "))),
              ("file", .text(proxy.statement.file)), ("line", .int(proxy.statement.line)),
              (
                "servers",
                .list(why == nil ? Adoption(proxy, map)?.servers.map(JSON.text) ?? [] : [])
              ),
              ("obstacle", JSON(why)),
            ])
          })
      ),
    ]).pretty
  }
}
