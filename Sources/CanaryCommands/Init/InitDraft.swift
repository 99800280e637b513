internal import CanaryAdapters
internal import CanaryCore

/// The first config for one place that proxies requests, and the lines that you change in Nginx's
/// own files.
struct InitDraft {
  let map: NginxInventory
  let proxy: NginxInventory.Proxy
  let service: ServiceName
  /// The servers of the new version, as in `pools.NAME.servers`.
  let new: [String]
  /// The path of the health check; nil: no server answered any of the usual paths.
  var health: String?
  /// Lines of the config outside of `services`.
  var top: [String] = []
  var include = "/etc/nginx/canary"
  /// Nginx may run where this program cannot reach it by itself, such as in a container.
  var isElsewhere = false

  /// Why canary cannot take over this place; nil when it can.
  static func obstacle(_ proxy: NginxInventory.Proxy, _ map: NginxInventory) -> String? {
    let target = Target(proxy.target)
    if proxy.statement.blocks.contains(where: { $0.name == "stream" }) {
      return "a TCP proxy: see `protocol` in docs/config.md"
    }
    if !["proxy", "grpc"].contains(proxy.module) {
      return "\(proxy.module) is neither HTTP nor gRPC"
    }
    if proxy.target.contains("$canary_pool") || proxy.target.contains("//canary.") { return "canary has it already" }
    if proxy.target.contains("$") { return "its target is a variable" }
    if ["https", "grpcs"].contains(target.scheme) { return "its servers speak TLS" }
    if proxy.statement.blocks.last?.name != "location" {
      return "it stands in no location of its own"
    }
    if servers(proxy, map).isEmpty { return "upstream \(target.host) has no servers" }
    return nil
  }

  /// The servers of stable, with the parameters that canary supports; without `down` and `backup`
  /// ones.
  static func servers(_ proxy: NginxInventory.Proxy, _ map: NginxInventory) -> [String] {
    let target = Target(proxy.target)
    guard let upstream = map.upstreams.first(where: { $0.name == target.host }) else {
      return [target.address]
    }
    return upstream.servers.compactMap { words in
      guard let address = words.first, !words.contains("down"), !words.contains("backup") else {
        return nil
      }
      let kept = words.dropFirst().filter { word in
        ["weight=", "max_fails=", "fail_timeout="].contains { word.hasPrefix($0) }
      }
      return ([Target.withPort(address)] + kept).joined(separator: " ")
    }
  }

  var stable: [String] { Self.servers(proxy, map) }

  /// What the config cannot express, or what changes.
  var notes: [String] {
    var notes: [String] = []
    let target = Target(proxy.target)
    if let upstream = map.upstreams.first(where: { $0.name == target.host }) {
      let dropped = upstream.servers.filter { $0.contains("down") || $0.contains("backup") }
      if !dropped.isEmpty {
        notes.append(
          "left out of the pool, as `down` or `backup`: \(dropped.compactMap(\.first).joined(separator: ", "))"
        )
      }
      if let method = upstream.method, method != "ip_hash" {
        notes.append(
          "upstream \(upstream.name) chooses by `\(method)`; canary's pools choose by weight")
      }
    }
    for (name, value) in foreignHeaders {
      notes.append(
        "a header that the config cannot say: add `\(proxy.module)_set_header \(name) \(value);` below the include"
      )
    }
    if isElsewhere {
      notes.append(
        "if Nginx runs in a container, say how it is reached: `nginx.test` and `nginx.reload` in docs/config.md; it must see the include folder, `run` and the logs under the same paths"
      )
    }
    if health == nil {
      notes.append(
        "no server answered GET /health, /healthz or / with a good status: say --health PATH, or `health: \"/path\"` in the config"
      )
    }
    return notes
  }

  // MARK: what is carried over

  private static let usualHeaders: Set<String> = [
    "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "upgrade", "connection",
  ]

  private var givenHeaders: [(String, String)] {
    map.inherited("\(proxy.module)_set_header", proxy).compactMap {
      guard $0.words.count == 3 else { return nil }
      let (name, value) = ($0.words[1], $0.words[2])
      if Self.usualHeaders.contains(name.lowercased()) { return nil }
      return name.lowercased() == "host" && value == "$host" ? nil : (name, value)
    }
  }

  private var headers: [(String, String)] {
    givenHeaders.filter { Address.isHeaderName($0.0) && Address.isHeaderTemplate($0.1) }
  }

  private var foreignHeaders: [(String, String)] {
    givenHeaders.filter { !Address.isHeaderName($0.0) || !Address.isHeaderTemplate($0.1) }
  }

  /// The service's keys that express what the location said.
  private var carried: [(String, JSON)] {
    var keys: [(String, JSON)] = []
    if proxy.module == "grpc" { keys.append(("protocol", .text("grpc"))) }
    for (key, directive) in [("timeout", "read_timeout"), ("connect_timeout", "connect_timeout")] {
      guard let said = map.inherited("\(proxy.module)_\(directive)", proxy).first?.words.last,
        let last = said.last
      else { continue }
      let text = last.isNumber ? said + "s" : said
      if Span(parsing: text) != nil { keys.append((key, .text(text))) }
    }
    if map.inherited("proxy_buffering", proxy).first?.words.last == "on" {
      keys.append(("buffering", .bool(true)))
    }
    if !headers.isEmpty { keys.append(("headers", .table(headers.map { ($0.0, .text($0.1)) }))) }
    let upstream = map.upstreams.first { $0.name == Target(proxy.target).host }
    if upstream?.method == "ip_hash" { keys.append(("sticky", .text("ip"))) }
    let logs = map.inherited("access_log", proxy).compactMap { log -> String? in
      let words = log.words.dropFirst()
      guard let path = words.first, Address.isPlainPath(path) else { return nil }
      let format = words.dropFirst().first { Label($0) != nil && !$0.contains("=") }
      return ([path] + (format.map { [$0] } ?? [])).joined(separator: " ")
    }
    if !logs.isEmpty { keys.append(("access_log", .list(logs.map(JSON.text)))) }
    if health != "/health" { keys.append(("health", health.map(JSON.text) ?? .bool(false))) }
    return keys
  }

  // MARK: the config

  /// The service's part of the config.
  var block: String {
    let pool = { (name: String, servers: [String]) in
      "        \(name): { servers: \(JSON.list(servers.map(JSON.text)).line) },"
    }
    let lines =
      [
        "    // \(proxy.statement.words.joined(separator: " ")); of \(Self.place(proxy)), as it was",
        "    \"\(service)\": {", "      pools: {", pool("blue", stable), pool("green", new),
        "      },",
        "      stable: \"blue\",",
      ] + carried.map { "      \($0.0): \($0.1.line)," } + ["    },"]
    return lines.joined(separator: "\n")
  }

  /// The whole config.
  var text: String {
    let keys = top.map { "  \($0),\n" }.joined()
    return "{\n\(keys)  services: {\n\(block)\n  },\n}\n"
  }

  // MARK: what a person does

  /// Where the statement is after step 1 has added its line.
  private func place(_ statement: NginxStatement) -> String {
    let isBelow = map.http.map { $0.file == statement.file && $0.line < statement.line } ?? false
    return "\(statement.file):\(statement.line + (isBelow ? 1 : 0))"
  }

  static func place(_ proxy: NginxInventory.Proxy) -> String {
    "location \(proxy.location.joined(separator: " ")) of \(proxy.server)"
  }

  /// Whether the included file contains this directive as well; Nginx refuses most of them twice.
  private func isReplaced(_ statement: NginxStatement) -> Bool {
    let own = [
      "next_upstream", "next_upstream_tries", "next_upstream_timeout", "connect_timeout",
      "read_timeout", "send_timeout", "http_version", "buffering", "request_buffering", "redirect",
      "set_header",
    ].map { "\(proxy.module)_\($0)" }
    guard let name = statement.words.first, !statement.opensBlock else { return false }
    return own.contains(name) || name == "open_file_cache" || name == "access_log"
  }

  /// The lines to remove; for lines from an included file, its `include`.
  private var takenOut: [String] {
    let said = { (statement: NginxStatement) in statement.words.joined(separator: " ") + ";" }
    let here = proxy.statement.file
    var lines = proxy.beside.filter { $0.file == here && isReplaced($0) }.map {
      "\(place($0)): \(said($0))"
    }
    for include in proxy.beside where include.words.first == "include" && include.file == here {
      let brought = proxy.beside.filter { $0.via == include.place && $0.file != here }
      guard brought.contains(where: isReplaced) else { continue }
      let rest = brought.filter { !isReplaced($0) }.map(said)
      lines.append(
        "\(place(include)): \(said(include))"
          + (rest.isEmpty ? "" : " but keep what else it says: \(rest.joined(separator: " "))"))
    }
    return lines
  }

  /// Other places that proxy to the same servers.
  private var others: [NginxInventory.Proxy] {
    let address = Target(proxy.target).address
    return map.proxies.filter {
      Target($0.target).address == address && $0.statement != proxy.statement
    }
  }

  /// A rewrite for the path that `proxy_pass` substitutes; nil without one.
  ///
  /// A `proxy_pass` with a variable cannot.
  private var rewrite: String? {
    guard let path = Target(proxy.target).path, let prefix = proxy.location.last, path != prefix
    else { return nil }
    return "rewrite ^\(prefix)(.*)$ \(path)$1 break;"
  }

  /// What you do next, step by step.
  var steps: String {
    let http = map.http.map { "http {} of \($0.file), below line \($0.line)" } ?? "http {}"
    // First the include: nothing after the rewrite's `break` is evaluated.
    let lines = ["include \(include)/\(service).location;"] + [rewrite].compactMap(\.self)
    var steps = [
      "1. Inside \(http), add:", "     include \(include)/*.conf;",
      "2. Look at everything, and have the files made:", "     canary check && canary apply",
      "3. At \(place(proxy.statement)), in the place of `\(proxy.statement.words.joined(separator: " "));`:",
    ]
    steps += lines.map { "     \($0)" }
    if !takenOut.isEmpty {
      steps.append(
        "   and take these lines out, which it says itself; the config has what they said:")
      steps += takenOut.map { "     \($0)" }
    }
    if !others.isEmpty {
      steps.append(
        "   The same servers are reached from \(others.count == 1 ? "one other place" : "\(others.count) other places"), which may take the same line:"
      )
      steps += others.prefix(10).map { "     \(place($0.statement)): \(Self.place($0))" }
    }
    return
      (steps + [
        "4. Let Nginx take it, and look again:", "     nginx -t && nginx -s reload && canary check",
      ])
      .joined(separator: "\n")
  }
}

/// The parts of what a `proxy_pass` names.
struct Target {
  let scheme: String
  /// A host or upstream, without port.
  let host: String
  let address: String
  /// The path, from its first slash; nil when there is none.
  let path: String?

  init(_ text: String) {
    let parts = text.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
    scheme = parts.count == 2 ? String(parts[0]) : "http"
    let rest = String(parts.last ?? "")
    if rest.hasPrefix("unix:") {
      let ends = rest.dropFirst(5).split(
        separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      host = "unix:\(ends.first ?? "")"
      address = host
      path = ends.count == 2 && !ends[1].isEmpty ? String(ends[1]) : nil
      return
    }
    let name = String(rest.prefix { $0 != "/" })
    path = rest.contains("/") ? String(rest.dropFirst(name.count)) : nil
    address = Self.withPort(name)
    host = name == address ? String(name[..<(name.lastIndex(of: ":") ?? name.endIndex)]) : name
  }

  /// The address with a port; without one it is 80, as in Nginx.
  static func withPort(_ address: String) -> String {
    if address.hasPrefix("unix:") { return address }
    let tail = address.split(separator: "]", omittingEmptySubsequences: false).last ?? ""
    return tail.contains(":") ? address : "\(address):80"
  }
}
