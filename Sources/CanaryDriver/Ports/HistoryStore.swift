package import CanaryCore

/// The permanent record: rollouts, entries in a chain of hashes, measurements, and receivers.
package protocol HistoryStore: Sendable {
  /// Where it is kept, for messages.
  var place: String { get }
  /// Whether anything was ever kept; asking creates no store.
  var exists: Bool { get }

  /// The newest rollouts first, each with its entries in order.
  func history(_ service: ServiceName, limit: Int) async throws(StoreError) -> [RolloutRecord]
  /// One rollout with its entries; nil when there is none of that number.
  func record(_ service: ServiceName, rollout: Int) async throws(StoreError) -> RolloutRecord?
  /// The newest rollouts first, without entries.
  func rollouts(_ service: ServiceName, limit: Int) async throws(StoreError) -> [Rollout]
  /// The measurements that were kept of a rollout, by stage and check.
  ///
  /// Of rollouts before the newest hundred, only the totals are kept.
  func measurements(_ service: ServiceName, rollout: Int) async throws(StoreError) -> [CheckRecord]

  // MARK: the chain

  /// Adds an entry that belongs to no change of state, such as a refused command.
  ///
  /// `service` may be nil. `patience` limits the wait for a lock; nil: the store's own limit.
  func append(_ entry: Entry, of service: ServiceName?, patience: Span?) async throws(StoreError)
  /// The newest `limit` entries of a service, or of all, in their order.
  func links(of service: ServiceName?, since: Instant?, limit: Int) async throws(StoreError)
    -> [ChainLink]
  /// The entries after this one, in their order, at most `limit`.
  func links(after id: Int64, limit: Int) async throws(StoreError) -> [ChainLink]
  /// Verifies the chain from its first entry to its newest.
  func verify() async throws(StoreError) -> ChainReport
  /// Whether an entry has this hash.
  func holds(_ hash: String) async throws(StoreError) -> Bool

  // MARK: totals

  /// How many finished rollouts of each service had each result.
  func results() async throws(StoreError) -> [ResultCount]
  /// How often sources of checks did not answer, in stages that are over; nil: in all rollouts of
  /// all services.
  func sourceErrors(of rollout: (service: ServiceName, number: Int)?) async throws(StoreError)
    -> [SourceErrors]
  /// How long each revert took, from the decision to the workers' answer.
  func revertDurations() async throws(StoreError) -> [(service: ServiceName, took: Span)]

  // MARK: receivers of notices

  /// How far a receiver has been notified; a new receiver begins at the newest entry.
  func place(of receiver: String) async throws(StoreError) -> ReceiverPlace
  /// Notes that a receiver has got all entries up to this one, and that it answers.
  ///
  /// Does nothing for a receiver whose place was never asked for.
  func setPlace(of receiver: String, told: Int64) async throws(StoreError)
  /// Notes that a receiver does not answer.
  func setFailing(_ receiver: String, at: Instant) async throws(StoreError)
}

/// One rollout with its entries.
package struct RolloutRecord: Hashable, Sendable {
  package var rollout: Rollout
  package var entries: [Entry]
  package init(rollout: Rollout, entries: [Entry]) {
    self.rollout = rollout
    self.entries = entries
  }
}

/// How many rollouts of a service had one result.
package struct ResultCount: Hashable, Sendable {
  package var service: ServiceName
  package var result: ResultWord
  package var count: Int

  package init(service: ServiceName, result: ResultWord, count: Int) {
    self.service = service
    self.result = result
    self.count = count
  }
}

/// How often the source of a check did not answer in one rollout.
package struct SourceErrors: Hashable, Sendable {
  package var service: ServiceName
  package var rollout: Int
  package var check: String
  package var count: Int

  package init(service: ServiceName, rollout: Int, check: String, count: Int) {
    self.service = service
    self.rollout = rollout
    self.check = check
    self.count = count
  }
}

/// How far a receiver of notices has been notified.
package struct ReceiverPlace: Hashable, Sendable {
  /// The last entry that it has got.
  package var told: Int64
  package var isFailing: Bool

  package init(told: Int64, isFailing: Bool) {
    self.told = told
    self.isFailing = isFailing
  }
}
