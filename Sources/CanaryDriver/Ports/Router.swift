package import CanaryCore

/// Why Nginx does not serve what was asked.
package struct RouterError: Error, Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// Nginx refused the files, could not reload, or did not answer; the former files are back.
    case refused
    /// A later generation than the one asked for is in place.
    case overtaken(Generation)
    /// The request is not needed any more.
    case cancelled
  }
  package var kind: Kind
  /// Nginx's own words, and what you can do about it.
  package var fault: Fault

  package init(_ kind: Kind, _ fact: String, hint: String? = nil) {
    self.kind = kind
    fault = Fault(fact, hint: hint)
  }

  package var text: String { fault.description }
}

/// Where a brake comes from, and its reason.
package struct BrakeNote: Hashable, Sendable, Codable {
  package enum Origin: String, Hashable, Sendable, Codable {
    /// A driver that is reverting; it lifts the brake itself.
    case driver
    /// The dead man's switch of a driver that died; the next driver decides.
    case `guard`
    /// A person; the brake stands for a revert, even when nothing could be saved.
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

/// What one service is to be served as, among others.
package struct RouterRequest: Hashable, Sendable {
  package var service: ServiceName
  package var routing: Routing
  package var generation: Generation

  package init(service: ServiceName, routing: Routing, generation: Generation) {
    self.service = service
    self.routing = routing
    self.generation = generation
  }
}

/// Makes the workers of Nginx serve a routing.
package protocol Router: Sendable {
  /// Returns once running workers answer with the generation; free of cost when they do so already.
  func apply(_ service: ServiceName, _ routing: Routing, _ generation: Generation)
    async throws(RouterError)
  /// The same for several services, with one test and one reload for all; returns why a service is
  /// not served, nothing for one that is.
  ///
  /// What Nginx refuses for one service does not keep the others back.
  func apply(_ requests: [RouterRequest]) async -> [ServiceName: RouterError]
  /// Writes and tests the configurations without a reload, for an Nginx that needs them to start.
  func prepare(_ requests: [RouterRequest]) async -> [ServiceName: RouterError]
  /// The services whose generation running workers serve, by the text that would be written now.
  func served(_ requests: [RouterRequest]) async -> Set<ServiceName>
  /// Puts the brake on: every new request goes to the pool, from the next one on.
  ///
  /// Nil: to where a revert would lead, as far as the router knows.
  func brake(_ service: ServiceName, to pool: PoolName?, _ note: BrakeNote)
    async throws(RouterError)
  /// Whether what lets requests of this generation meet the canary is still there; made to be asked
  /// several times a second.
  func isInForce(_ service: ServiceName, _ routing: Routing, _ generation: Generation) async
    -> Bool
  /// From now on a brake leads to stable, and not to the pool before the last promotion.
  func forgetFormer(_ service: ServiceName) async
  /// Lifts the brake.
  func release(_ service: ServiceName) async throws(RouterError)
  /// The note of the brake that is on; nil: none is.
  func brakeNote(_ service: ServiceName) async -> BrakeNote?
  /// The services that have a brake on.
  func braked() async -> Set<ServiceName>
  /// What is true of a service now; looks only at these aspects.
  func observe(_ service: ServiceName, _ aspects: RouterAspects) async -> RouterObservation
  /// What one running worker does with the requests of those services that are at rest; who is
  /// missing is to be asked about by itself.
  func resting(_ services: [ServiceName]) async -> [ServiceName: ServedShares]
  /// Removes sockets that a killed Nginx left behind and that keep the next one from starting;
  /// returns their paths.
  func removeStaleSockets(_ services: [ServiceName]) async -> [String]
}

/// The parts of an observation; each has a cost of its own.
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
  /// The names in the generated file, each resolved.
  package static let names = RouterAspects(rawValue: 16)
  /// What one running worker does with requests, asked for within a second.
  package static let shares = RouterAspects(rawValue: 32)
}

/// What was seen of a service; an aspect that was not asked for is empty.
package struct RouterObservation: Sendable {
  /// The answer of a running worker, or why none answers.
  package var answer: Result<WorkerAnswer, Fault>?
  /// The header of the generated file on disk; nil: there is no such file.
  package var header: GeneratedHeader?
  /// The pool that a brake leads to now; looked at with the header.
  package var brakePool: PoolName?
  /// Whether what is on disk lets requests meet the canary; looked at with the header.
  package var meetsCanary = false
  /// Generated files that were changed by hand since they were written.
  package var edits: [String] = []
  /// The workers that run now; nil when none answers, or the host does not show them.
  package var workers: [Worker]?
  /// A sentence for each server whose name stands for other addresses than when Nginx read it.
  package var names: [String] = []
  /// What a running worker does with requests now, or why that cannot be told.
  package var shares: Result<ServedShares, Fault>?

  package init() {}
}

/// What one running worker does with requests.
package enum ServedShares: Hashable, Sendable {
  /// By a weighted group: what the text of this generation says, or its brake; which leads to stable,
  /// whatever the text says, where it `stays`.
  case text(Generation, isBraked: Bool, stays: Bool)
  /// By seats: those that meet `other`; all others meet `base`.
  case seats(base: PoolName, other: PoolName?, Set<String>)
}

/// The answer of one running worker.
package struct WorkerAnswer: Hashable, Sendable {
  /// The generation in force: of the set that the worker sees, else of its text.
  package var generation: Generation
  /// The generation of the text alone.
  package var text: Generation
  /// By seats: whether the seat that was asked for meets the canary.
  package var isMet = false
  /// By seats: the pool that the text leads to by itself; nil: by a weighted group.
  package var base: PoolName?
  /// By seats: the pool that the seats of a set meet; nil: at rest the text looks for no set.
  package var other: PoolName?
  /// By seats: whether the text looks for a set at all.
  package var looksForSet: Bool { other != nil }
  /// Of a TCP service: the pool that the brake leads away from; nil: there is none.
  package var apart: PoolName?
  /// The worker's pid, as Nginx sees it: in a container, a pid of its own namespace.
  package var worker: Int32
  /// Whether it sees the brake.
  package var braked: Bool

  package init(generation: Generation, worker: Int32, braked: Bool) {
    self.generation = generation
    text = generation
    self.worker = worker
    self.braked = braked
  }
}

/// One worker process of Nginx.
package struct Worker: Hashable, Sendable {
  package var pid: Int32
  /// Whether it only serves its last clients, by an older configuration.
  package var isShuttingDown: Bool
  package var age: Span
  /// The master that it belongs to; in a binary upgrade there are two.
  package var master: Int32

  package init(pid: Int32, master: Int32, isShuttingDown: Bool, age: Span) {
    self.pid = pid
    self.master = master
    self.isShuttingDown = isShuttingDown
    self.age = age
  }
}

/// Renders a routing as configuration text: the same arguments give the same bytes.
package protocol Renderer: Sendable {
  func render(_ service: ServiceName, _ routing: Routing, _ generation: Generation)
    throws(RouterError) -> GeneratedFiles
  /// How a routing chooses pools; throws when the config has lost the service or one of them.
  func rules(_ service: ServiceName, _ routing: Routing) throws(RouterError) -> RoutingRules
  /// The text of the file in which services at rest have what they share.
  func common(_ answers: [RestingAnswer]) throws(RouterError) -> String
  /// The path of a generated file, by the end of its name.
  func path(_ service: ServiceName, _ suffix: String) -> String
  /// The same templates with another config, for a trial.
  func with(_ config: Config) -> any Renderer
}
