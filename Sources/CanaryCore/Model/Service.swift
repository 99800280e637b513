/// The protocol that Nginx speaks with the servers of a pool.
package enum Scheme: String, Hashable, Sendable, Codable, CaseIterable {
  case http
  /// HTTP over TLS, as your location's `proxy_ssl_…` lines say.
  case https
  /// HTTP/2 without TLS, as gRPC uses it.
  case grpc
  /// HTTP/2 over TLS, as your location's `grpc_ssl_…` lines say.
  case grpcs
  /// Plain TCP: Nginx passes on whole connections.
  case tcp

  /// The module of Nginx that speaks it in a location.
  package var module: String { isGRPC ? "grpc" : "proxy" }
  package var isGRPC: Bool { self == .grpc || self == .grpcs }
  package var isTLS: Bool { self == .https || self == .grpcs }
}

/// How Nginx proxies a request to a pool.
///
/// Nil is what the config does not name. Then a location of your own keeps what it says, and a
/// `server {}` that canary writes whole gets the `usual` value.
package struct Proxying: Hashable, Sendable, Codable {
  /// Whether Nginx buffers requests and answers.
  package var buffering: Bool?
  /// How long a connection may be silent between two reads or writes.
  package var timeout: Span?
  package var connectTimeout: Span?
  /// The largest request body, as a value of `client_max_body_size`.
  package var bodyLimit: String?
  /// How many idle connections each worker keeps open to each upstream.
  package var keepalive: Int?
  /// Headers for the pools by name; a value is text that may contain `Address.headerVariables`.
  package var headers: [String: String] = [:]
  /// What Nginx tries again on another server of the pool, as words of `proxy_next_upstream`.
  package var retry: [String] = []
  /// The words that `retry` may name.
  package static let retryWords = [
    "error", "timeout", "invalid_header", "http_500", "http_502", "http_503", "http_504",
    "http_403", "http_404", "http_429", "non_idempotent", "off",
  ]
  /// How many servers a request is tried on.
  package var retryTries: Int?
  /// How long after its first try a request may be tried again.
  package var retryTimeout: Span?
  /// Whether Nginx retries on stable a request that fails on the canary.
  ///
  /// Nginx itself excludes POST, LOCK and PATCH requests that it has already sent
  /// (`proxy_next_upstream`).
  package var shield = true
  /// Whether a stable pool that is entirely down falls back to the other pool.
  package var fallback = true
  package var scheme = Scheme.http

  package init() {}

  /// The values of a `server {}` that canary writes whole: streams of events reach the client at
  /// once, a WebSocket may be silent for long, and large uploads go through.
  package static let usual: Proxying = {
    var usual = Proxying()
    usual.buffering = false
    usual.timeout = usualTimeout
    usual.connectTimeout = usualConnectTimeout
    usual.bodyLimit = "0"
    usual.keepalive = 64
    usual.retryTimeout = .seconds(15)
    return usual
  }()
  package static let usualTimeout = Span.hours(1)
  package static let usualConnectTimeout = Span.seconds(5)

  /// The settings with `usual` in the place of what the config does not name.
  package func filled(with usual: Proxying) -> Proxying {
    var filled = self
    filled.buffering = buffering ?? usual.buffering
    filled.timeout = timeout ?? usual.timeout
    filled.connectTimeout = connectTimeout ?? usual.connectTimeout
    filled.bodyLimit = bodyLimit ?? usual.bodyLimit
    filled.keepalive = keepalive ?? usual.keepalive
    filled.retryTimeout = retryTimeout ?? usual.retryTimeout
    return filled
  }
}

/// One location of a service with its own settings; all routes share one weight.
package struct Route: Hashable, Sendable {
  /// A prefix such as `/api`, or `= /exact`, as Nginx's `location` takes it.
  package var path: String
  package var proxying: Proxying
  /// The kind of servers (`backend=`) that serves it; nil where all servers are of one kind.
  package var backend: Label?

  package init(path: String, proxying: Proxying, backend: Label? = nil) {
    self.path = path
    self.proxying = proxying
    self.backend = backend
  }
}

/// Which of the times in Nginx's log is the latency of a try.
package enum LatencyKind: String, Hashable, Sendable, Codable, CaseIterable {
  /// The time to the last byte of the answer (`$upstream_response_time`).
  case response
  /// The time to the end of the answer's header (`$upstream_header_time`).
  ///
  /// Right for streams, whose total time says nothing about the server.
  case firstByte = "first_byte"
}

/// A check of the service instead of a plan: measured before a rollout, in each of its stages, and
/// between rollouts.
package struct StandingGuard: Hashable, Sendable {
  /// What a failure between rollouts does; in a rollout the guard gates like any check of its plan.
  package enum Then: String, Hashable, Sendable, Codable, CaseIterable {
    /// No rollout enters its first stage until the guard passes.
    case hold
    /// As `hold`; and within `retain` of a promotion, a failure reverts to the pool that was stable
    /// before.
    case revert
  }
  package var check: Check
  package var then: Then

  package init(check: Check, then: Then = .hold) {
    self.check = check
    self.then = then
  }
}

/// A service that clients reach through Nginx: its pools, its routing and its plan.
package struct Service: Hashable, Sendable {
  package var name: ServiceName
  package var listen: [String]
  package var serverNames: [String]
  package var pools: [Pool]
  /// The pool that is stable at the first start; afterwards the store decides.
  package var stable: PoolName
  package var plan: Plan
  /// What the usual health check asks; nil: nothing but a connection.
  package var healthPath: String? = Plan.usualHealth.path
  /// How long after a promotion `revert` goes back to the former stable pool.
  package var retain: Span
  package var proxying: Proxying
  package var latency: LatencyKind
  /// Further access logs, as `path` or `path format`: where canary sets its own, Nginx drops those
  /// that are inherited.
  package var accessLogs: [String]
  /// Whether the config says that there is no log but canary's, by an empty list of logs.
  package var isUnlogged = false
  /// The standing guards of the service.
  package var guards: [StandingGuard]
  /// How the canary gets its share.
  package var weights = WeightForm.seats
  /// What identifies a client, so that it stays in one pool during a rollout; nil: each request is
  /// drawn by itself.
  package var sticky: Sticky?
  /// The proxies that may state a client's address and tags.
  package var trusted: [AddressRange] = []
  /// The clients that reach the canary at any weight while a rollout runs.
  package var preview: Selector?
  /// The clients that never reach the canary, unless they send a preview's secret.
  package var never: Selector?
  /// Whether answers name the pool that gave them, in `X-Canary-Pool`.
  package var expose = false
  /// Headers for every answer, by name.
  ///
  /// Nginx drops inherited `add_header` lines where canary sets its own, so they must be repeated
  /// here.
  package var answerHeaders: [String: String] = [:]
  /// The locations of the service; empty: one for all paths.
  package var routes: [Route] = []
  /// Who resolves names while Nginx runs; nil: Nginx does when it reads its files.
  package var resolver: Resolver?
  /// The `Host` of health probes, and the name in their TLS; nil: the address of the server.
  package var probeHost: String?
  /// Whether Nginx speaks HTTP/2 on the addresses in `listen`.
  package var http2 = false
  /// The zone of windows and times that name none.
  package var zone = Zone.utc
  /// When rollouts of the service may grow.
  package var calendar = Calendar()
  package var hooks = Hooks()
  package var releases = ReleasePolicy()

  package init(
    name: ServiceName, listen: [String] = [], serverNames: [String] = [], pools: [Pool],
    stable: PoolName,
    plan: Plan, retain: Span = .hours(24), proxying: Proxying = Proxying(),
    latency: LatencyKind = .response, accessLogs: [String] = [],
    guards: [StandingGuard] = []
  ) {
    self.name = name
    self.listen = listen
    self.serverNames = serverNames
    self.pools = pools
    self.stable = stable
    self.plan = plan
    self.retain = retain
    self.proxying = proxying
    self.latency = latency
    self.accessLogs = accessLogs
    self.guards = guards
  }

  /// Whether stages are sets of seats; a TCP service has weighted groups in any case.
  package var routesBySeats: Bool { weights == .seats && proxying.scheme != .tcp }

  /// Another plan than the service's own, with the health check that the service names.
  package func adapted(_ plan: Plan) -> Plan {
    var plan = plan
    _ = plan.replaceHealthPath(at: healthPath)
    return plan
  }

  package func pool(_ name: PoolName) -> Pool? { pools.first { $0.name == name } }

  /// Whether the requests are proxied in a location of your own, which keeps what it says.
  package var isInYourLocation: Bool { listen.isEmpty }
  /// What the servers of a kind speak: what all routes to them say, or else the service.
  package func scheme(of backend: Label?) -> Scheme {
    let said = Set(routes.filter { $0.backend == backend }.map(\.proxying.scheme))
    return said.count == 1 ? said.first ?? proxying.scheme : proxying.scheme
  }

  /// The kinds of servers, sorted by name; `[nil]` where all servers are of one kind.
  package var backends: [Label?] {
    let named = Set(pools.flatMap(\.servers).compactMap(\.backend)).sorted()
    return named.isEmpty ? [nil] : named
  }
}
