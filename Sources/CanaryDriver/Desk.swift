package import CanaryCore

/// Where an event meets the policy: load, decide, save. The only way a state changes.
package struct Desk: Sendable {
  package let store: any Store
  package let clock: any WallClock

  package init(store: any Store, clock: any WallClock) {
    self.store = store
    self.clock = clock
  }

  /// The saved decision, or a refusal with nothing saved. A conflict with another process is decided anew.
  ///
  /// `first` makes the state of a service that was never seen.
  package func take(
    _ event: Event, for service: Name, first: @Sendable () -> ServiceState
  ) async throws(StoreError) -> Saved<Decision> {
    while true {
      let saved = try await store.load(service)
      let state = saved?.value ?? first()
      let decision = decide(state, event, at: clock.now())
      if decision.refusal != nil || (decision.state == state && decision.entries.isEmpty) {
        return Saved(value: decision, revision: saved?.revision ?? 0)
      }
      do throws(StoreError) {
        let revision = try await store.save(decision.state, entries: decision.entries, over: saved?.revision ?? 0)
        return Saved(value: decision, revision: revision)
      } catch .conflict {
        continue
      }
    }
  }
}
