package import CanaryCore

/// What went wrong with the store.
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

/// The state of each service, saved with the entries that explain it; shared by every process of the host.
///
/// Every store passes `StoreContract` of the tests.
package protocol StateStore: Sendable {
  /// The state of a service and its revision; nil when it was never saved.
  func load(_ service: ServiceName) async throws(StoreError) -> Saved<ServiceState>?
  /// The state alone, for a command that only looks: makes no store where there is none.
  ///
  /// `patience` bounds the wait for a lock; nil: the store's own.
  func peek(_ service: ServiceName, patience: Span?) async throws(StoreError) -> ServiceState?
  /// Saves the state and what explains it in one transaction, if the revision is still the one given (0: none yet);
  /// returns the next revision, or throws `conflict`.
  func save(
    _ state: ServiceState, entries: [Entry], kept: [KeptMeasurement], over revision: Int
  ) async throws(StoreError) -> Int
  /// The freeze that a service which was never saved begins with; nil unless all were frozen together.
  func freezeOfAll() async throws(StoreError) -> Freeze?
  /// Puts a freeze of all in place of the one there was; nil ends it.
  func freezeAll(_ freeze: Freeze?) async throws(StoreError)
}

extension StateStore {
  package func peek(_ service: ServiceName) async throws(StoreError) -> ServiceState? {
    try await peek(service, patience: nil)
  }
}

/// Who has saved what, for those who wait for it; cheap enough to be asked several times a second.
package protocol ChangeFeed: Sendable {
  /// A number that changes whenever another process has saved anything.
  func version() async throws(StoreError) -> Int
  /// The services that somebody must look at, and from when on; all others have no pending work.
  func pending() async throws(StoreError) -> [(service: ServiceName, when: Pending)]
  /// The revision of every service that was ever saved.
  func revisions() async throws(StoreError) -> [ServiceName: Int]
  /// A file whose times change with every save; nil where there is none.
  var changeMark: String? { get }
}
