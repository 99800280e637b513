/// What Nginx speaks with the servers of a pool.
package enum Scheme: String, Hashable, Sendable, Codable, CaseIterable {
  case http
  /// HTTP/2 without TLS, as gRPC uses it.
  case grpc
  /// Bytes: a connection is passed on whole.
  case tcp
}

/// How Nginx passes a request on to a pool.
package struct Proxying: Hashable, Sendable, Codable {
  /// Off by default: streams of events reach the client at once.
  package var buffering = false
  /// The longest silence of a server between two reads; long by default, for streams.
  package var timeout = Span.hours(1)
  package var connectTimeout = Span.seconds(5)
  /// Largest request body, in the words of `client_max_body_size`; nil: no limit in a generated `server {}`, the
  /// user's own in a `.location`.
  package var bodyLimit: String?
  /// Idle connections kept open to each upstream by each worker.
  package var keepalive = 64
  /// Headers added to what the pools get; the value is literal text.
  package var headers: [String: String] = [:]
  /// A GET or HEAD that fails on the canary is tried again on stable.
  package var shield = true
  /// A stable pool that is entirely down falls back to the other pool.
  package var fallback = true
  package var scheme = Scheme.http

  package init() {}
}

/// One location of a service, with settings of its own; all routes share one weight.
package struct Route: Hashable, Sendable {
  /// A prefix such as `/api`, or `= /exact`, as `location` takes it.
  package var path: String
  package var proxying: Proxying
  /// Which kind of servers serves it; nil where a pool is all of one kind.
  package var backend: Label?

  package init(path: String, proxying: Proxying, backend: Label? = nil) {
    self.path = path
    self.proxying = proxying
    self.backend = backend
  }
}

/// Which of the times that Nginx writes is the latency of a try.
package enum LatencyKind: String, Hashable, Sendable, Codable, CaseIterable {
  /// To the last byte of the answer (`$upstream_response_time`).
  case response
  /// To the end of the answer's header (`$upstream_header_time`): right for streams, whose length says nothing.
  case firstByte = "first_byte"
}

/// A check that stands outside of any plan: asked before a rollout, in each of its stages, and between rollouts.
package struct StandingGuard: Hashable, Sendable {
  package enum Then: String, Hashable, Sendable, Codable, CaseIterable {
    /// No rollout begins while it does not pass.
    case hold
    /// Within `retain` of a promotion, a failure goes back to the pool before it.
    case revert
  }
  package var check: Check
  package var then: Then

  package init(check: Check, then: Then = .hold) {
    self.check = check
    self.then = then
  }
}

/// What clients reach through Nginx: its pools, its routing, its plan.
package struct Service: Hashable, Sendable {
  package var name: ServiceName
  package var listen: [String]
  package var serverNames: [String]
  package var pools: [Pool]
  /// The pool that is stable at the first start; later the store knows.
  package var stable: PoolName
  package var plan: Plan
  package var retain: Span
  package var proxying: Proxying
  package var latency: LatencyKind
  /// Further access logs, as `path` or `path format`, because ours replaces the inherited ones.
  package var accessLogs: [String]
  /// What must hold for the service at any time.
  package var guards: [StandingGuard]
  /// What keeps a client in one pool during a rollout.
  package var sticky: Sticky?
  /// Proxies whose word on a client's address and tags is believed.
  package var trusted: [AddressRange] = []
  /// Who reaches the canary at any weight, while a rollout runs.
  package var preview: Selector?
  /// Who never meets the canary, unless by a preview's secret.
  package var never: Selector?
  /// Whether answers name the pool that gave them.
  package var expose = false
  /// Headers of every answer, because ours replace those that are inherited.
  package var answerHeaders: [String: String] = [:]
  /// The locations, when there are several; empty: one for all.
  package var routes: [Route] = []
  /// Whether what it listens on speaks HTTP/2.
  package var http2 = false
  /// Whose clock times without a zone are read by.
  package var zone = Zone.utc
  /// When its rollouts may grow.
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

  package func pool(_ name: PoolName) -> Pool? { pools.first { $0.name == name } }

  /// The kinds of servers, in the order of their names; one that is nil where there is only one.
  package var backends: [Label?] {
    let named = Set(pools.flatMap(\.servers).compactMap(\.backend)).sorted()
    return named.isEmpty ? [nil] : named
  }
}

/// Where Nginx is and how it is told something.
package struct NginxSettings: Hashable, Sendable {
  package var config: String
  package var include: String
  package var test: [String]
  package var reload: [String]
  package var logs: String
  /// How long running workers may take to answer with a new generation.
  package var verify: Span
  /// The zone that this host is in: its servers are preferred.
  package var zone: Label?

  package init(
    config: String, include: String, test: [String], reload: [String], logs: String, verify: Span
  ) {
    self.config = config
    self.include = include
    self.test = test
    self.reload = reload
    self.logs = logs
    self.verify = verify
  }
}

/// A whole valid config: a value of this type has passed every rule.
package struct Config: Hashable, Sendable {
  package var file: String
  package var nginx: NginxSettings
  package var state: String
  package var run: RunFolder
  package var templates: String?
  package var services: [Service] { didSet { places = Self.places(of: services) } }
  private var places: [ServiceName: Int]
  package var plans: [String: Plan]
  package var endpoints: [Endpoint]
  /// Who is told of what happens.
  package var receivers: [Receiver] = []
  /// The folder of the status page, and a file for node_exporter's textfile collector; nil: not written.
  package var page: String?
  package var metrics: String?

  package init(
    file: String, nginx: NginxSettings, state: String, run: RunFolder, templates: String?,
    services: [Service], plans: [String: Plan], endpoints: [Endpoint] = Endpoint.usual
  ) {
    self.file = file
    self.nginx = nginx
    self.state = state
    self.run = run
    self.templates = templates
    self.services = services
    places = Self.places(of: services)
    self.plans = plans
    self.endpoints = endpoints
  }

  package func endpoint(_ name: String) -> Endpoint? { endpoints.first { $0.name == name } }
  package func service(_ name: ServiceName) -> Service? { places[name].map { services[$0] } }
  package func has(_ service: ServiceName) -> Bool { places[service] != nil }
  package func calendar(of service: ServiceName) -> Calendar? {
    places[service].map { services[$0].calendar }
  }

  private static func places(of services: [Service]) -> [ServiceName: Int] {
    // The first of two with one name, which the reader of the config has refused.
    Dictionary(
      services.indices.map { (services[$0].name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  private func isTCP(_ service: ServiceName) -> Bool {
    self.service(service)?.proxying.scheme == .tcp
  }
  /// The socket on which running workers tell what they run.
  package func probeSocket(of service: ServiceName) -> String {
    isTCP(service) ? run.probe(tcp: service) : run.probe
  }
  /// How the name of the generated file ends that says what is routed where.
  package func mainSuffix(of service: ServiceName) -> String { isTCP(service) ? "stream" : "conf" }
  package func mainFile(of service: ServiceName) -> String {
    "\(nginx.include)/\(service).\(mainSuffix(of: service))"
  }
  package func log(of service: ServiceName) -> String { "\(nginx.logs)/canary-\(service).log" }
}
