package import CanaryCore

/// Why the store did not do what was asked.
package enum StoreError: Error, Hashable, Sendable {
  /// Another process saved in between: load again and decide again.
  case conflict
  /// The store cannot be read or written now.
  case unavailable(Fault)
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

/// A state to be saved, and what explains it.
package struct StateChange: Sendable {
  package var state: ServiceState
  package var entries: [Entry]
  package var kept: [KeptMeasurement]
  /// The revision that the decision rests on; 0: never saved.
  package var revision: Int

  package init(
    _ state: ServiceState, entries: [Entry], kept: [KeptMeasurement], over revision: Int
  ) {
    self.state = state
    self.entries = entries
    self.kept = kept
    self.revision = revision
  }
}

/// The state of each service, saved with its entries and shared by all processes of the host.
///
/// Every store passes `StoreContractTests`.
package protocol StateStore: Sendable {
  /// The state of a service and its revision; nil: it was never saved.
  func load(_ service: ServiceName) async throws(StoreError) -> Saved<ServiceState>?
  /// The state alone, for a command that only reads; creates no store.
  ///
  /// `patience` limits the wait for a lock; nil: the store's own limit.
  func peek(_ service: ServiceName, patience: Span?) async throws(StoreError) -> ServiceState?
  /// The state of every service that was ever saved, for a command that only reads; one that cannot
  /// be read is left out.
  func peekAll() async throws(StoreError) -> [ServiceName: ServiceState]
  /// Saves the state and what explains it in one transaction, and returns the next revision.
  ///
  /// Throws `conflict` unless the revision is still the one given (0: never saved).
  func save(
    _ state: ServiceState, entries: [Entry], kept: [KeptMeasurement], over revision: Int
  ) async throws(StoreError) -> Int
  /// The same for many services, with one wait for the disk; returns the next revision of each, and
  /// nil for one whose revision is not the one given any more.
  ///
  /// When it throws, nothing was saved.
  func save(_ changes: [StateChange]) async throws(StoreError) -> [Int?]
  /// The freeze with which a service begins that was never saved; nil: none.
  func freezeOfAll() async throws(StoreError) -> Freeze?
  /// Replaces the freeze with which new services begin; nil ends it.
  ///
  /// The services that were saved before are frozen one by one.
  func freezeAll(_ freeze: Freeze?) async throws(StoreError)
}

extension StateStore {
  package func peek(_ service: ServiceName) async throws(StoreError) -> ServiceState? {
    try await peek(service, patience: nil)
  }
}

/// Tells which services have changed or need a driver; cheap enough to ask several times a second.
package protocol ChangeFeed: Sendable {
  /// A number that changes with every save of another process.
  func version() async throws(StoreError) -> Int
  /// The services with pending work, and when each needs its driver.
  func pending() async throws(StoreError) -> [(service: ServiceName, when: Pending)]
  /// The revision of every service that was ever saved.
  func revisions() async throws(StoreError) -> [ServiceName: Int]
  /// The path of a file whose times change with every save; nil: there is none.
  var changeMark: String? { get }
}
