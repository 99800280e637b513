internal import CanaryAdapters
internal import CanaryCore

/// What becomes of one location when canary takes the place of its `proxy_pass`.
///
/// Compares what directives say, not their names: a line stays unless Nginx would refuse it beside
/// ours, and what leaves with `proxy_pass` is carried by the config or by a line.
struct Adoption {
  let map: NginxInventory
  let proxy: NginxInventory.Proxy
  let target: Target
  let upstream: NginxInventory.Upstream?

  /// nil where `obstacle` says why.
  init?(_ proxy: NginxInventory.Proxy, _ map: NginxInventory) {
    guard let target = Target.resolved(proxy, map) else { return nil }
    self.map = map
    self.proxy = proxy
    self.target = target
    upstream = map.upstreams.first { $0.name == target.host }
  }

  // MARK: obstacles

  /// Why canary cannot take over this place; nil when it can.
  static func obstacle(_ proxy: NginxInventory.Proxy, _ map: NginxInventory) -> String? {
    if proxy.statement.blocks.contains(where: { $0.name == "stream" }) {
      return "a TCP proxy: see `protocol` in docs/config.md"
    }
    if !["proxy", "grpc"].contains(proxy.module) {
      return "\(proxy.module) is neither HTTP nor gRPC"
    }
    if proxy.target.contains("$canary_") || proxy.target.contains("://canary.") {
      return "canary has it already"
    }
    guard let adoption = Adoption(proxy, map) else {
      return
        "its target has a variable that no single `set` around it gives a value, or a path with a variable"
    }
    return adoption.obstacle
  }

  private var obstacle: String? {
    if proxy.statement.blocks.last?.name != "location" {
      return "it stands in no location of its own"
    }
    if let opener = proxy.opener, opener.file != proxy.statement.file {
      return
        "its \(proxy.module)_pass stands in \(proxy.statement.file), which is included: write that line into the location itself"
    }
    if let upstream, upstream.servers.isEmpty { return "upstream \(upstream.name) has no servers" }
    if let upstream, let foreign = foreignToPool, keptGroup == nil {
      return "upstream \(upstream.name) says \(foreign), which a pool of canary cannot say"
    }
    if proxy.beside.contains(where: { $0.words.first == "try_files" }) {
      return
        "`try_files` beside it would be skipped for requests that meet the canary: put `proxy_pass` into a named location, as in `try_files $uri @app;`"
    }
    if retry?.contains(where: { !Proxying.retryWords.contains($0) }) == true {
      return "`\(proxy.module)_next_upstream` says more than canary knows"
    }
    return pathObstacle
  }

  /// Why no rewrite can do what the path of `proxy_pass` does; nil when one can.
  private var pathObstacle: String? {
    guard rewrite != nil, let path = target.path else { return nil }
    if path.contains(where: { "%?".contains($0) }) {
      return "the path in its target has '%' or '?', which a rewrite reads differently"
    }
    let order = Dictionary(
      map.all.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    let own = order[proxy.statement] ?? 0
    let rewriting = ["rewrite", "set", "if", "return", "break"]
    for statement in proxy.beside where rewriting.contains(statement.words.first ?? "") {
      if order[statement] ?? 0 > own {
        return
          "its target has a path, and `\(statement.text)` stands below it: make it the last line of the location"
      }
      if statement.words.first == "rewrite", statement.words.count == 3 {
        return "its target has a path, and `\(statement.text)` looks for another location"
      }
    }
    return nil
  }

  // MARK: lines

  /// The directives as they apply here.
  func said(_ directive: String) -> [NginxStatement] { map.inherited(directive, proxy) }
  private func isOwn(_ statement: NginxStatement) -> Bool { proxy.beside.contains(statement) }

  private var retry: [String]? {
    said("\(proxy.module)_next_upstream").first.map { Array($0.words.dropFirst()) }
  }

  /// The service's keys that express what leaves with `proxy_pass`, or what our lines replace.
  var keys: [(String, JSON)] {
    var keys: [(String, JSON)] = []
    let usual = proxy.module == "grpc" ? "grpc" : "http"
    let scheme = target.scheme.hasSuffix("s") ? "\(usual)s" : usual
    if scheme != "http" { keys.append(("protocol", .text(scheme))) }
    if let retry, retry != ["error", "timeout"] {
      keys.append(("retry", .text(retry.joined(separator: " "))))
    }
    let tries = said("\(proxy.module)_next_upstream_tries").first?.words.last.flatMap { Int($0) }
    if let tries, tries > 0 { keys.append(("retry_tries", .int(tries))) }
    if let words = upstream?.others.first(where: { $0.first == "keepalive" && $0.count > 1 }),
      let count = Int(words[1])
    {
      keys.append(("keepalive", .int(count)))
    }
    if isResolved { keys.append(("resolver", .bool(true))) }
    // A hash of the address keeps sessions; so a client must keep its pool as well.
    if upstream?.method == "ip_hash" { keys.append(("sticky", .text("ip"))) }
    let headers = headers.filter { Self.fits($0) }
    if !headers.isEmpty { keys.append(("headers", .table(headers.map { ($0.0, .text($0.1)) }))) }
    let logs = logs.compactMap(\.simple)
    let isSilent = said("access_log").contains { $0.words.count > 1 && $0.words[1] == "off" }
    if !logs.isEmpty || isSilent { keys.append(("access_log", .list(logs.map(JSON.text)))) }
    return keys
  }

  /// Lines for your location, below the include, in the place of `proxy_pass`.
  var added: [String] {
    headers.filter { !Self.fits($0) }.map {
      NginxStatement.line(["\(proxy.module)_set_header", $0.0, $0.1])
    }
      + [tlsName].compactMap(\.self) + logs.filter { $0.simple == nil }.map(\.line)
      + [redirect, rewrite].compactMap(\.self)
  }

  /// Headers for the pools that the location must say from now on.
  ///
  /// Without a `Host` of its own, an app sees the name in `proxy_pass`, and that changes. As one
  /// line in a location makes Nginx drop the inherited ones, those come with it.
  private var headers: [(String, String)] {
    let lines = said("\(proxy.module)_set_header").filter { $0.words.count == 3 }
    let isNamed = lines.contains { $0.words[1].lowercased() == "host" }
    let changing = lines.filter(mentionsTarget)
    if isNamed, changing.isEmpty { return [] }
    let own = lines.allSatisfy(isOwn)
    let kept = (own ? changing : lines).map { ($0.words[1], withTarget($0.words[2])) }
    return kept + (isNamed ? [] : [("Host", target.usualHost)])
  }

  private static func fits(_ header: (String, String)) -> Bool {
    Address.isHeaderName(header.0) && Address.isHeaderTemplate(header.1)
  }

  private func mentionsTarget(_ statement: NginxStatement) -> Bool {
    statement.words.contains { $0.contains("$proxy_host") || $0.contains("$proxy_port") }
  }

  private func withTarget(_ value: String) -> String {
    let port = target.address.hasPrefix("unix:") ? "" : target.address.split(separator: ":").last
    return value.replacing("$proxy_host", with: target.usualHost)
      .replacing("$proxy_port", with: String(port ?? ""))
  }

  /// The name that Nginx asks for, or checks, in TLS; it was the one in `proxy_pass`.
  private var tlsName: String? {
    guard ["https", "grpcs"].contains(target.scheme) else { return nil }
    let asks = ["ssl_server_name", "ssl_verify"].contains {
      said("\(proxy.module)_\($0)").first?.words.last == "on"
    }
    let directive = "\(proxy.module)_ssl_name"
    return asks && said(directive).isEmpty ? NginxStatement.line([directive, target.host]) : nil
  }

  /// Logs that the location inherits, and that ours would push out.
  private var logs: [(simple: String?, line: String)] {
    let lines = said("access_log")
    guard !lines.contains(where: isOwn) else { return [] }
    if lines.isEmpty, let usual = map.usualLog, Address.isPlainPath(usual) {
      return [("\(usual) combined", "")]
    }
    return lines.filter { $0.words.count > 1 && $0.words[1] != "off" }.map { log in
      let words = log.words.dropFirst()
      let isSimple =
        words.count <= 2 && Address.isPlainPath(words.first ?? "")
        && (words.count == 1 || Label(log.words[2]) != nil)
      return (isSimple ? words.joined(separator: " ") : nil, log.text + ";")
    }
  }

  /// What `proxy_redirect default` means here; nil where another line decides.
  ///
  /// Nginx refuses `default` beside a variable in `proxy_pass`, and means our group's name else.
  private var redirect: String? {
    guard proxy.module == "proxy", !proxy.target.contains("$") else { return nil }
    let lines = said("proxy_redirect")
    guard
      lines.allSatisfy({ $0.words.last == "default" && $0.words.count == 2 })
        || lines.contains(where: { $0.words == ["proxy_redirect", "default"] && isOwn($0) })
    else { return nil }
    // No app names a socket in a redirect.
    if target.host.hasPrefix("unix:") { return nil }
    let from = "\(target.scheme)://\(target.name)"
    guard let path = target.path, let prefix = proxy.location.last else {
      return NginxStatement.line(["proxy_redirect", "\(from)/", "/"])
    }
    return NginxStatement.line(["proxy_redirect", from + path, prefix])
  }

  /// A rewrite for the path that `proxy_pass` substitutes; nil without one.
  ///
  /// A `proxy_pass` with a variable cannot.
  var rewrite: String? {
    guard let path = target.path, let prefix = proxy.location.last else { return nil }
    return NginxStatement.line([
      "rewrite", "(?s)^\(Self.escaped(prefix))(.*)\\z", "\(path)$1", "break",
    ])
  }

  private static func escaped(_ text: String) -> String {
    String(text.flatMap { ".[](){}*+?^|#$\\".contains($0) ? "\\\($0)" : "\($0)" })
  }

  /// The location's own lines that must go, because Nginx refuses them beside ours or they turn
  /// ours off.
  func mustGo(_ statement: NginxStatement) -> Bool {
    guard !statement.opensBlock, let name = statement.words.first else { return false }
    let own = ["next_upstream", "next_upstream_tries"].map { "\(proxy.module)_\($0)" }
    if own.contains(name) || name == "open_file_cache" { return true }
    if name == "access_log" { return statement.words.dropFirst().first == "off" }
    if name == "proxy_redirect" { return statement.words.dropFirst() == ["default"] }
    return name == "\(proxy.module)_set_header" && mentionsTarget(statement)
  }

  // MARK: what a person should know

  var notes: [String] {
    var notes: [String] = []
    if said("access_log").isEmpty, map.usualLog == nil {
      notes.append(
        "no access_log is said here, so Nginx wrote its usual one: to keep it, name it in the service, as in access_log: [\"/var/log/nginx/access.log combined\"]"
      )
    }
    if let keptGroup, let foreign = foreignToPool {
      notes.append(
        "blue is your `upstream \(keptGroup)` as it is, because a pool of canary cannot say \(foreign); green is a group of canary's own, without that. "
          + "For the same there, write an upstream of yours for it, and name it with `upstream`. A request that fails on one of them is not tried on the other"
      )
    }
    if isResolved {
      notes.append(
        "\(target.host) is resolved while Nginx runs, and so will be green's server (`resolver`): name one for each, by a name that stands for all of its servers"
      )
    }
    if let cache = said("proxy_cache").first, cache.words.last != "off" {
      let key = said("proxy_cache_key").first?.words.last
      if let key, !key.contains("$proxy_host") {
        notes.append(
          "proxy_cache_key `\(key)` is the same for both pools, so users may get the canary's pages after a revert: add $proxy_host to it"
        )
      } else {
        notes.append(
          "$proxy_host, and with it each key of the cache, is another from now on: the cache fills anew"
        )
      }
    }
    return notes
  }
}
