/// One server of a pool, with the parameters of Nginx's `server` directive that a config may set.
package struct Server: Hashable, Sendable, Codable {
  /// `host:port`, `[v6]:port` or `unix:/path`, as the upstream and the access log spell it.
  package let address: String
  package let weight: Int
  /// How many failed tries make Nginx skip the server for `failTimeout`; 0: it never does; nil:
  /// Nginx's own number, except in a rollout (see `RenderValues.maxFails`).
  package let maxFails: Int?
  package let failTimeout: Span
  /// The zone that the server is in; an Nginx in the same zone prefers it.
  package let zone: Label?
  /// The part of the service that it serves, such as `api` or `web`; nil where all servers are of
  /// one kind.
  package let backend: Label?
  /// The most connections that Nginx opens to the server at once; nil: any number.
  package var maxConns: Int?
  /// Gets requests only while the pool's others are down.
  package var isBackup = false
  /// Gets none, but keeps its place in the hash of `ip_hash`.
  package var isDown = false

  package init(
    address: String, weight: Int = 1, maxFails: Int? = nil, failTimeout: Span = .seconds(10),
    zone: Label? = nil, backend: Label? = nil
  ) {
    self.address = address
    self.weight = weight
    self.maxFails = maxFails
    self.failTimeout = failTimeout
    self.zone = zone
    self.backend = backend
  }

  private static let known =
    "known: weight=N, max_conns=N, max_fails=N, fail_timeout=TIME, zone=NAME, backend=NAME, backup, down"

  /// Reads `127.0.0.1:9001 weight=2 max_fails=3 fail_timeout=10s zone=b backend=api`.
  ///
  /// Throws the rule that the text breaks.
  package init(parsing text: String) throws(Violation) {
    var words = text.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
    guard !words.isEmpty else { throw Violation("must be an address such as 127.0.0.1:9001") }
    let address = words.removeFirst()
    try Address.check(address)
    var weight = 1
    var maxFails: Int?
    var failTimeout = Span.seconds(10)
    var zone: Label?
    var backend: Label?
    var maxConns: Int?
    var seen: Set<String> = []
    for word in words {
      if ["backup", "down"].contains(word), seen.insert(word).inserted { continue }
      let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2, seen.insert(parts[0]).inserted else {
        throw Violation("has the unknown or repeated parameter '\(word)'; \(Self.known)")
      }
      switch parts[0] {
      case "weight":
        guard let number = Int(parts[1]), (1...10_000).contains(number) else {
          throw Violation("weight must be a whole number from 1 to 10000")
        }
        weight = number
      case "max_fails":
        guard let number = Int(parts[1]), (0...10_000).contains(number) else {
          throw Violation("max_fails must be a whole number from 0 to 10000")
        }
        maxFails = number
      case "max_conns":
        guard let number = Int(parts[1]), (1...1_000_000).contains(number) else {
          throw Violation("max_conns must be a whole number from 1 to 1000000")
        }
        maxConns = number
      case "fail_timeout":
        guard let span = Span(parsing: parts[1]), span.milliseconds >= 1000 else {
          throw Violation("fail_timeout must be a time of at least 1s")
        }
        failTimeout = span
      case "zone":
        guard let name = Label(parts[1]) else { throw Violation("zone must be \(Label.rule)") }
        zone = name
      case "backend":
        guard let name = Label(parts[1]) else { throw Violation("backend must be \(Label.rule)") }
        backend = name
      default:
        let found = Text.sanitized(String(parts[0]), limit: 40)
        throw Violation("has the unknown parameter '\(found)'; \(Self.known)")
      }
    }
    self.init(
      address: address, weight: weight, maxFails: maxFails, failTimeout: failTimeout, zone: zone,
      backend: backend)
    self.maxConns = maxConns
    isBackup = seen.contains("backup")
    isDown = seen.contains("down")
  }

  /// Whether it gets requests while all servers are well.
  package var takesPart: Bool { !isBackup && !isDown }
}

/// How Nginx chooses a server of a pool: `ip_hash`, `least_conn`, `hash KEY` or
/// `hash KEY consistent`.
package struct Balance: Hashable, Sendable, Codable {
  /// The directive, as the upstream group has it.
  package let text: String

  package static let rule =
    "must be \"ip_hash\", \"least_conn\", \"hash KEY\" or \"hash KEY consistent\"; KEY is of letters, digits, '$' and _-.:/"

  package init?(_ text: String) {
    let words = text.split(separator: " ").map(String.init)
    let isHash =
      words.first == "hash" && (words.count == 2 || (words.count == 3 && words[2] == "consistent"))
      && words[1].utf8.allSatisfy { Text.isAlphanumeric($0) || "$_-.:/".utf8.contains($0) }
    guard words == ["ip_hash"] || words == ["least_conn"] || isHash else { return nil }
    self.text = words.joined(separator: " ")
  }

  /// Whether a group of this method may have `backup` servers: Nginx refuses them beside a hash.
  package var allowsBackup: Bool { text == "least_conn" }
}

/// A named set of servers.
package struct Pool: Hashable, Sendable, Codable {
  package let name: PoolName
  /// Of a pool with `upstream`, those that the config names; where it names none, they are found in
  /// Nginx's files (see `PoolsOfYours`).
  package let servers: [Server]
  /// The highest request rate that the pool gets, nil: any; Nginx answers further requests with
  /// 429.
  package let limit: RequestRate?
  /// How a server is chosen; nil: by turns and weight.
  package var balance: Balance?
  /// The upstream group of your own that the pool is; nil: canary writes one.
  package var upstream: String?

  package init(name: PoolName, servers: [Server], limit: RequestRate? = nil) {
    self.name = name
    self.servers = servers
    self.limit = limit
  }

  /// The servers of one kind; all of them when `backend` is nil.
  package func servers(of backend: Label?) -> [Server] {
    backend.map { backend in servers.filter { $0.backend == backend } } ?? servers
  }

  /// The servers that should answer: all but those that are `down`.
  package var live: [Server] { servers.filter { !$0.isDown } }

  /// Whether a group of this pool may have the other pool's servers as backups.
  ///
  /// What you write is yours: nothing is added to it.
  package var allowsBackup: Bool { upstream == nil && balance?.allowsBackup ?? true }

  /// The pool with other servers, and all else as it is.
  package func with(_ servers: [Server]) -> Pool {
    var pool = Pool(name: name, servers: servers, limit: limit)
    pool.balance = balance
    pool.upstream = upstream
    return pool
  }
}
