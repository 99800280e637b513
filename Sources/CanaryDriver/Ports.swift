package import CanaryCore

/// What went wrong with the store.
package enum StoreError: Error, Hashable, Sendable {
  /// Somebody saved in between: load again and decide again.
  case conflict
  /// The store cannot be read or written now; the text says why and what to do.
  case unavailable(String)
}

/// A value and the revision at which it was read.
package struct Saved<Value: Sendable>: Sendable {
  package var value: Value
  package var revision: Int
  package init(value: Value, revision: Int) {
    self.value = value
    self.revision = revision
  }
}

/// One rollout as the history tells it.
package struct RolloutRecord: Hashable, Sendable {
  package var rollout: Rollout
  package var entries: [Entry]
  package init(rollout: Rollout, entries: [Entry]) {
    self.rollout = rollout
    self.entries = entries
  }
}

/// The state of all services and an append-only history, shared by every process on the host.
package protocol Store: Sendable {
  /// The state of a service and its revision; nil when it was never saved.
  func load(_ service: Name) async throws(StoreError) -> Saved<ServiceState>?
  /// Saves the state and what explains it in one transaction, if the revision is still the one given (0: none yet).
  func save(_ state: ServiceState, entries: [Entry], kept: [Kept], over revision: Int)
    async throws(StoreError) -> Int
  /// The freeze that a service which was never saved begins with; nil when all were not frozen together, or were thawed.
  func freezeOfAll() async throws(StoreError) -> Freeze?
  /// The newest rollouts first, each with its entries in order.
  func history(_ service: Name, limit: Int) async throws(StoreError) -> [RolloutRecord]
}

/// Why Nginx does not serve what was asked; the text is for a person, with Nginx's own words.
package struct RouterError: Error, Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// Nginx refused the files, could not be told, or did not answer with them. The former files are back.
    case refused
    /// A later generation than the one asked for is in place.
    case overtaken(Generation)
    /// The one who asked does not want it any more.
    case cancelled
  }
  package var kind: Kind
  package var text: String
  package init(_ kind: Kind, _ text: String) {
    self.kind = kind
    self.text = text
  }
}

/// Who put a brake on, and why.
package struct BrakeNote: Hashable, Sendable, Codable {
  package enum Origin: String, Hashable, Sendable, Codable {
    /// A driver that is reverting; it lifts the brake itself.
    case driver
    /// The guard of a driver that died; the next driver decides.
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

/// What turns a routing into what running workers serve.
package protocol Router: Sendable {
  /// Returns once running workers answer with the generation; asking again for a generation that is served is free.
  func apply(_ service: Name, _ routing: Routing, _ generation: Generation)
    async throws(RouterError)
  /// Puts the brake on; it takes effect with the next request.
  func brake(_ service: Name, _ note: BrakeNote) throws(RouterError)
  func release(_ service: Name) throws(RouterError)
  /// The brake that is on, if any.
  func brakeNote(_ service: Name) -> BrakeNote?
}

/// What measures: every check of a stage, and whether a pool is up.
package protocol MetricSource: Sendable {
  /// One measurement for each of the checks, which are either one check or all from the access log.
  ///
  /// It answers within the checks' timeout, with an error if need be, and never throws.
  func measure(_ checks: [Check], _ service: Name, _ occasion: Occasion) async -> [Measurement]
  /// Asks every server of the pool once, and the guards: nil when all is well, else what is wrong with which.
  func look(_ service: Name, pool: Name, _ readiness: Readiness) async -> String?
  /// Keeps what was seen and not kept yet; asked once nothing is going on any more.
  func settle(_ service: Name) async
  /// What each of the checks says when it is asked once, with nothing to compare and outside of any stage.
  func askOnce(_ checks: [Check], _ service: Name, pool: Name) async -> [CheckState]
}

/// What runs hooks, each once, whoever asks and however often.
package protocol JobRunner: Sendable {
  /// Returns when the hook has ended; one that runs already, started by another process, is waited for.
  func run(_ job: Job) async -> JobEnd
  /// Ends hooks of a service that nobody waits for any more; returns at once.
  func end(_ jobs: [Int], of service: Name)
}

/// The time of the host.
package protocol WallClock: Sendable {
  func now() -> Instant
  /// Returns at the instant, or earlier when the task is cancelled.
  func sleep(until instant: Instant) async
}
