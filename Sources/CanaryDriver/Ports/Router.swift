package import CanaryCore

/// Why Nginx does not serve what was asked.
package struct RouterError: Error, Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// Nginx refused the files, could not be reloaded, or did not answer with them. The former files are back.
    case refused
    /// A later generation than the one asked for is in place.
    case overtaken(Generation)
    /// The one who asked does not need it any more.
    case cancelled
  }
  package var kind: Kind
  /// Nginx's own words, and what to do.
  package var fault: Fault

  package init(_ kind: Kind, _ fact: String, hint: String? = nil) {
    self.kind = kind
    fault = Fault(fact, hint: hint)
  }

  package var text: String { fault.description }
}

/// Who put a brake on, and why.
package struct BrakeNote: Hashable, Sendable, Codable {
  package enum Origin: String, Hashable, Sendable, Codable {
    /// A driver that is reverting; it lifts the brake itself.
    case driver
    /// The dead man's switch of a driver that died; the next driver decides.
    case `guard`
    /// A person: it stands for a revert, even when nothing could be saved.
    case person
  }
  package var by: Origin
  package var actor: String
  package var reason: String?
  package var time: Instant
  package init(by: Origin, actor: String, reason: String?, time: Instant) {
    self.by = by
    self.actor = actor
    self.reason = reason
    self.time = time
  }
}

/// Turns a routing into what running workers serve.
package protocol Router: Sendable {
  /// Returns once running workers answer with the generation; asking again for a generation that is served is free.
  func apply(_ service: ServiceName, _ routing: Routing, _ generation: Generation)
    async throws(RouterError)
  /// Writes and tests the configuration without reloading Nginx, for one that cannot start without it.
  func prepare(_ service: ServiceName, _ routing: Routing, _ generation: Generation)
    async throws(RouterError)
  /// Puts the brake on; it takes effect with the next request.
  func brake(_ service: ServiceName, _ note: BrakeNote) async throws(RouterError)
  /// Lifts the brake.
  func release(_ service: ServiceName) async throws(RouterError)
  /// The brake that is on; nil: none.
  func brakeNote(_ service: ServiceName) async -> BrakeNote?
  /// The services that have a brake on.
  func braked() async -> Set<ServiceName>
  /// What is true of a service now, as far as it is asked for.
  func observe(_ service: ServiceName, _ aspects: RouterAspects) async -> RouterObservation
  /// Removes sockets that a killed Nginx left behind, which would keep the next one from starting; returns their paths.
  func removeStaleSockets(_ service: ServiceName) async -> [String]
}

/// What an observation looks at; each costs its own.
package struct RouterAspects: OptionSet, Sendable {
  package let rawValue: Int
  package init(rawValue: Int) { self.rawValue = rawValue }

  /// One question to one running worker.
  package static let answer = RouterAspects(rawValue: 1)
  /// The first line of one file.
  package static let header = RouterAspects(rawValue: 2)
  /// The checksum of every generated file.
  package static let edits = RouterAspects(rawValue: 4)
  /// A look at every process of the host.
  package static let workers = RouterAspects(rawValue: 8)
}

/// What was seen of a service; an aspect that was not asked for is empty.
package struct RouterObservation: Sendable {
  /// What a running worker says, or why none does.
  package var answer: Result<WorkerAnswer, Fault>?
  /// What the generated file on disk says of itself; nil when there is none.
  package var header: GeneratedHeader?
  /// Generated files that were changed by hand since they were written.
  package var edits: [String] = []
  /// The workers that run now; nil when none answers or the host does not show them.
  package var workers: [Worker]?

  package init() {}
}

/// What one running worker says.
package struct WorkerAnswer: Hashable, Sendable {
  package var generation: Generation
  /// The worker's pid, as Nginx sees it: in a container, a pid of its own namespace.
  package var worker: Int32
  /// Whether it sees the brake.
  package var braked: Bool

  package init(generation: Generation, worker: Int32, braked: Bool) {
    self.generation = generation
    self.worker = worker
    self.braked = braked
  }
}

/// One worker process of Nginx.
package struct Worker: Hashable, Sendable {
  package var pid: Int32
  /// It serves its last clients by an older configuration and takes no new ones.
  package var isShuttingDown: Bool
  package var age: Span

  package init(pid: Int32, isShuttingDown: Bool, age: Span) {
    self.pid = pid
    self.isShuttingDown = isShuttingDown
    self.age = age
  }
}

/// Turns a routing into the text of a configuration: the same arguments give the same bytes.
package protocol Renderer: Sendable {
  func render(_ service: ServiceName, _ routing: Routing, _ generation: Generation)
    throws(RouterError) -> GeneratedFiles
  /// How requests are told apart under a routing; throws where the config has no place for it any more.
  func rules(_ service: ServiceName, _ routing: Routing) throws(RouterError) -> RoutingRules
  /// Where a generated file goes, by the end of its name.
  func path(_ service: ServiceName, _ suffix: String) -> String
  /// The same templates with another config, to try something out.
  func with(_ config: Config) -> any Renderer
}
