/// One server of a pool, with the few parameters that Nginx may be told about it.
package struct Server: Hashable, Sendable, Codable {
  /// `host:port`, `[v6]:port` or `unix:/path`, as it stands in an upstream and in the access log.
  package let address: String
  package let weight: Int
  /// Failed tries before Nginx rests the server.
  ///
  /// 0, never, is the default: a failing canary must keep its share, or the evidence against it
  /// stops.
  package let maxFails: Int
  package let failTimeout: Span
  /// Where it stands; an Nginx of the same zone prefers it.
  package let zone: Name?
  /// Which part of the service it serves, such as `api` or `web`; nil where a pool is all of one kind.
  package let backend: Name?

  package init(
    address: String, weight: Int = 1, maxFails: Int = 0, failTimeout: Span = .seconds(10),
    zone: Name? = nil, backend: Name? = nil
  ) {
    self.address = address
    self.weight = weight
    self.maxFails = maxFails
    self.failTimeout = failTimeout
    self.zone = zone
    self.backend = backend
  }

  private static let known =
    "known: weight=N, max_fails=N, fail_timeout=TIME, zone=NAME, backend=NAME"

  /// Reads `127.0.0.1:9001 weight=2 max_fails=3 fail_timeout=10s zone=b backend=api`; throws the rule that the text breaks.
  package init(parsing text: String) throws(Rule) {
    var words = text.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
    guard !words.isEmpty else { throw Rule("must be an address such as 127.0.0.1:9001") }
    let address = words.removeFirst()
    try Address.check(address)
    var weight = 1
    var maxFails = 0
    var failTimeout = Span.seconds(10)
    var zone: Name?
    var backend: Name?
    var seen: Set<String> = []
    for word in words {
      let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2, seen.insert(parts[0]).inserted else {
        throw Rule("has the unknown or repeated parameter '\(word)'; \(Self.known)")
      }
      switch parts[0] {
      case "weight":
        guard let number = Int(parts[1]), (1...10_000).contains(number) else {
          throw Rule("weight must be a whole number from 1 to 10000")
        }
        weight = number
      case "max_fails":
        guard let number = Int(parts[1]), (0...10_000).contains(number) else {
          throw Rule("max_fails must be a whole number from 0 to 10000")
        }
        maxFails = number
      case "fail_timeout":
        guard let span = Span(parsing: parts[1]), span.milliseconds >= 1000 else {
          throw Rule("fail_timeout must be a time of at least 1s")
        }
        failTimeout = span
      case "zone":
        guard let name = Name(parts[1]) else { throw Rule("zone must be \(Name.rule)") }
        zone = name
      case "backend":
        guard let name = Name(parts[1]) else { throw Rule("backend must be \(Name.rule)") }
        backend = name
      default:
        throw Rule("has the unknown parameter '\(parts[0])'; \(Self.known)")
      }
    }
    self.init(
      address: address, weight: weight, maxFails: maxFails, failTimeout: failTimeout, zone: zone,
      backend: backend)
  }
}

/// What is wrong with a value, as the rule it breaks: the end of the sentence "‹path› …".
package struct Rule: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String
  package init(_ text: String) { description = text }
}

/// A named set of servers.
package struct Pool: Hashable, Sendable, Codable {
  package let name: Name
  package let servers: [Server]
  /// The most requests that it is given; more are answered with 429.
  package let limit: RequestRate?

  package init(name: Name, servers: [Server], limit: RequestRate? = nil) {
    self.name = name
    self.servers = servers
    self.limit = limit
  }

  /// Its servers of one kind; all of them where there is only one kind.
  package func servers(of backend: Name?) -> [Server] {
    backend.map { backend in servers.filter { $0.backend == backend } } ?? servers
  }
}

/// Addresses, paths and header texts that cannot break out of their place in an Nginx file.
package enum Address {
  /// Accepts `host:port`, `1.2.3.4:port`, `[v6]:port` and `unix:/path`.
  package static func check(_ text: String) throws(Rule) {
    if text.hasPrefix("unix:") {
      guard isPlainPath(String(text.dropFirst(5))) else {
        throw Rule("must be unix:/absolute/path of letters, digits and ._-/ only")
      }
      return
    }
    guard let colon = text.lastIndex(of: ":"), port(text[text.index(after: colon)...]) != nil else {
      throw Rule("must end in a port from 1 to 65535, as in 127.0.0.1:9001")
    }
    try checkHost(String(text[..<colon]))
  }

  /// Accepts what `listen` of Nginx takes: a port, an address with a port, or `unix:/path`.
  package static func checkListen(_ text: String) throws(Rule) {
    if port(text[...]) != nil { return }
    if text.hasPrefix("*:"), port(text.dropFirst(2)) != nil { return }
    try check(text)
  }

  static func port(_ text: Substring) -> Int? {
    guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }),
      let number = Int(text), (1...65_535).contains(number)
    else { return nil }
    return number
  }

  private static func checkHost(_ host: String) throws(Rule) {
    let bytes = Array(host.utf8)
    if host.hasPrefix("["), host.hasSuffix("]"), bytes.count > 3 {
      let inner = String(host.dropFirst().dropLast())
      guard inner.contains(":"), IPAddress(inner) != nil else {
        throw Rule("must be an IPv6 address inside the brackets")
      }
      return
    }
    let labels = host.split(separator: ".", omittingEmptySubsequences: false)
    let fits = labels.allSatisfy { label in
      (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
        && label.utf8.allSatisfy { Name.isAlphanumeric($0) || $0 == 45 || $0 == 95 }
    }
    guard bytes.count <= 253, fits else {
      throw Rule(
        "must be a host name or address of letters, digits, '.', '-' and '_' before the port")
    }
    let looksNumeric = labels.allSatisfy { $0.allSatisfy(\.isNumber) }
    if looksNumeric, IPAddress(host) == nil {
      throw Rule("must be four numbers from 0 to 255, as in 127.0.0.1:9001")
    }
  }

  /// An absolute path that means itself in an Nginx file: nothing to quote, nothing to expand, no step upwards.
  package static func isPlainPath(_ text: String) -> Bool {
    guard text.hasPrefix("/"), text.utf8.count <= 1024 else { return false }
    let plain = text.utf8.allSatisfy { Name.isAlphanumeric($0) || "._-/+@,=~:".utf8.contains($0) }
    return plain && !text.split(separator: "/").contains("..")
  }

  /// The path of an HTTP request: begins with `/`, visible ASCII without quotes, braces, `;`, `$`, `\` or `#`.
  package static func isRequestPath(_ text: String) -> Bool {
    guard text.hasPrefix("/"), text.utf8.count <= 2048 else { return false }
    return text.utf8.allSatisfy { (33...126).contains($0) && !"\"'{};$\\#<>^`|".utf8.contains($0) }
  }

  /// The value of a header that the generated file sets: visible ASCII and spaces, nothing that Nginx expands or ends at.
  package static func isHeaderValue(_ text: String) -> Bool {
    text.utf8.count <= 1024
      && text.utf8.allSatisfy { (32...126).contains($0) && !"\"'{};$\\".utf8.contains($0) }
  }

  /// Variables of Nginx that a header for the pools may hold: what the request was like, as Nginx sees it.
  package static let headerVariables = [
    "host", "http_host", "remote_addr", "request_id", "request_uri", "scheme", "server_port",
  ]

  /// The value of a header for the pools: as above, but for those variables.
  package static func isHeaderTemplate(_ text: String) -> Bool {
    var rest = text[...]
    var plain = ""
    while let dollar = rest.firstIndex(of: "$") {
      plain += rest[..<dollar]
      rest = rest[rest.index(after: dollar)...]
      let name = rest.prefix { $0 == "_" || $0.isLowercase }
      guard headerVariables.contains(String(name)) else { return false }
      rest = rest[name.endIndex...]
    }
    return isHeaderValue(plain + rest)
  }

  /// The name of a header: letters, digits and dashes.
  package static func isHeaderName(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { Name.isAlphanumeric($0) || $0 == 45 }
  }
}
