package import CanaryCore

/// A decision that was taken, and between which revisions of the store.
package struct Taken: Sendable {
  package var decision: Decision
  /// The revision that the decision was taken on.
  package var found: Int
  /// The revision afterwards; the same when nothing had to be saved.
  package var revision: Int
}

/// Where an event meets the policy: load, decide, save.
///
/// The only way a state changes.
package struct Desk: Sendable {
  package let store: any Store
  package let clock: any WallClock
  /// What the config allows a service now.
  package let rules: @Sendable (Name) -> Rules

  package init(
    store: any Store, clock: any WallClock,
    rules: @escaping @Sendable (Name) -> Rules = { _ in Rules() }
  ) {
    self.store = store
    self.clock = clock
    self.rules = rules
  }

  /// The saved decision, or a refusal with nothing saved.
  ///
  /// A conflict with another process is decided anew.
  ///
  /// `first` makes the state of a service that was never seen.
  package func take(
    _ event: Event, for service: Name, first: @Sendable () -> ServiceState
  ) async throws(StoreError) -> Taken {
    while true {
      let saved = try await store.load(service)
      let state = saved?.value ?? first()
      let decision = decide(state, event, at: clock.now(), under: rules(service))
      if decision.refusal != nil || (decision.state == state && decision.entries.isEmpty) {
        return Taken(
          decision: decision, found: saved?.revision ?? 0, revision: saved?.revision ?? 0)
      }
      do throws(StoreError) {
        let revision = try await store.save(
          decision.state, entries: decision.entries, kept: decision.kept,
          over: saved?.revision ?? 0)
        return Taken(decision: decision, found: saved?.revision ?? 0, revision: revision)
      } catch .conflict {
        continue
      }
    }
  }
}
