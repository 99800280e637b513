/// Nginx's paths, and the commands that test and reload it.
package struct NginxSettings: Hashable, Sendable {
  package var config: String
  package var include: String
  package var test: [String]
  package var reload: [String]
  package var logs: String
  /// How long running workers may take to answer with a new generation.
  package var verify: Span
  /// The zone of this host, whose servers Nginx prefers; nil: no preference.
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

/// A whole config that `ConfigReader` has checked against every rule.
package struct Config: Hashable, Sendable {
  package var file: String
  /// The SHA-256 of the file's text; nil: it was not read from a file.
  package var digest: String?
  package var nginx: NginxSettings
  package var state: String
  package var run: RunFolder
  package var templates: String?
  package var services: [Service] { didSet { places = Self.places(of: services) } }
  private var places: [ServiceName: Int]
  package var plans: [String: Plan]
  package var endpoints: [Endpoint]
  package var receivers: [Receiver] = []
  /// The group whose people may ask the controller; nil: its own.
  package var operators: String?
  /// The folder of the status page; nil: no page is written.
  package var page: String?
  /// The file for node_exporter's textfile collector; nil: not written.
  package var metrics: String?
  /// Variables of the environment that other programs get beside the usual ones.
  package var environment: [String] = []

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
  package func calendar(of name: ServiceName) -> Calendar? { service(name)?.calendar }

  private static func places(of services: [Service]) -> [ServiceName: Int] {
    // The reader has refused two services with one name; keeping the first avoids a trap here.
    Dictionary(
      services.indices.map { (services[$0].name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  private func isTCP(_ name: ServiceName) -> Bool { service(name)?.proxying.scheme == .tcp }
  /// The socket on which running workers answer with their generation.
  package func probeSocket(of service: ServiceName) -> String {
    isTCP(service) ? run.probe(tcp: service) : run.probe
  }
  /// The file name extension of the main generated file: `stream` for TCP, otherwise `conf`.
  package func mainSuffix(of service: ServiceName) -> String { isTCP(service) ? "stream" : "conf" }
  package func mainFile(of service: ServiceName) -> String {
    "\(nginx.include)/\(service).\(mainSuffix(of: service))"
  }
  package func log(of service: ServiceName) -> String { "\(nginx.logs)/canary-\(service).log" }
}
