package import CanaryCore

/// A decision that was taken, and between which revisions of the store.
package struct Taken: Sendable {
  package var decision: Decision
  /// The revision that the decision was taken on.
  package var found: Int
  /// The revision afterwards; the same when nothing had to be saved.
  package var revision: Int
  /// What was decided and need not be saved yet.
  package var progress: Progress?
}

/// What a driver has seen since it last saved: time that was soaked, and measurements that changed no verdict.
///
/// It is lost with the driver, and given up when somebody else saves: nothing was done that rests on it.
package struct Progress: Sendable {
  package var state: ServiceState
  /// Measurements that the history is to keep, in parts as they came: one list would be copied for each.
  package var kept: [[Kept]] = []
  package var revision: Int
  package var savedAt: Instant

  package init(_ state: ServiceState, revision: Int, savedAt: Instant) {
    self.state = state
    self.revision = revision
    self.savedAt = savedAt
  }
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
    try await take(event, for: service, after: nil, first: first)
  }

  /// The same for a driver: mere progress is not saved at each event, nor the store asked.
  ///
  /// Whoever else has saved is heard at the driver's next look, and a save over theirs is refused.
  package func take(
    _ event: Event, for service: Name, after progress: Progress?,
    first: @Sendable () -> ServiceState
  ) async throws(StoreError) -> Taken {
    if let progress, let taken = goOn(event, service, progress) { return taken }
    while true {
      let saved = try await store.load(service)
      let revision = saved?.revision ?? 0
      let known = progress.flatMap { $0.revision == revision ? $0 : nil }
      let last = if let saved { saved.value } else { try await beginning(first) }
      let state = known?.state ?? last
      let now = clock.now()
      let decision = decide(state, event, at: now, under: rules(service))
      let kept = (known?.kept ?? []).flatMap { $0 } + decision.kept
      let isUnchanged =
        decision.state == last && decision.entries.isEmpty && kept.isEmpty
      if decision.refusal != nil || isUnchanged {
        return Taken(decision: decision, found: revision, revision: revision, progress: known)
      }
      do throws(StoreError) {
        let next = try await store.save(
          decision.state, entries: decision.entries, kept: kept, over: revision)
        return Taken(
          decision: decision, found: revision, revision: next,
          progress: Progress(decision.state, revision: next, savedAt: now))
      } catch .conflict {
        continue
      }
    }
  }

  /// What a service that was never saved begins with: frozen, when all are.
  package func beginning(_ first: @Sendable () -> ServiceState) async throws(StoreError)
    -> ServiceState
  {
    var state = first()
    state.freeze = try await store.freezeOfAll()
    return state
  }

  /// The decision when it is mere progress that need not be saved yet; else nil.
  private func goOn(_ event: Event, _ service: Name, _ progress: Progress) -> Taken? {
    let now = clock.now()
    guard now - progress.savedAt < progress.state.progressInterval else { return nil }
    let decision = decide(progress.state, event, at: now, under: rules(service))
    guard decision.refusal == nil, decision.entries.isEmpty,
      decision.state.isProgress(from: progress.state)
    else { return nil }
    var progress = progress
    progress.state = decision.state
    if !decision.kept.isEmpty { progress.kept.append(decision.kept) }
    return Taken(
      decision: decision, found: progress.revision, revision: progress.revision, progress: progress)
  }
}
