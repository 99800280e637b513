package import CanaryCore

/// A decision, and the revisions of the store before and after it.
package struct SavedDecision: Sendable {
  package var decision: Decision
  /// The revision that the decision rests on.
  package var found: Int
  /// The revision after the decision; the same when nothing had to be saved.
  package var revision: Int
  /// Whether the store has answered; false when the decision rests on memory alone.
  package var isSaved = true
  /// What the driver hands to its next `submit`: the state, with what is not saved yet.
  package var progress: Progress?
  /// The pool that a revert nobody asked for would lead to: nothing was decided before it is known
  /// whether that answers; nil: the decision stands.
  package var asks: PoolName?
}

/// What a driver has seen since it last saved: soaked time, and measurements without a new verdict.
///
/// It is lost with the driver, and dropped when another process saves; that is safe, because
/// nothing was done that rests on it.
package struct Progress: Sendable {
  package var state: ServiceState
  /// Measurements for the history, in parts as they came: one list would be copied each time.
  package var kept: [[KeptMeasurement]] = []
  /// Entries of a time in which nothing could be saved.
  package var entries: [Entry] = []
  package var revision: Int
  /// By the time since the host's start.
  package var savedAt: Span
  /// Whether the next decision must not rest on memory alone.
  package var mustSave = false

  package init(_ state: ServiceState, revision: Int, savedAt: Span) {
    self.state = state
    self.revision = revision
    self.savedAt = savedAt
  }
}

/// Applies an event to the state of a service: load, decide, save.
///
/// Nothing else changes a state.
package struct Desk: Sendable {
  package let store: any StateStore
  package let clock: any WallClock
  /// What the config allows the service now.
  package let rules: @Sendable (ServiceName) -> GrowthRules

  package init(
    store: any StateStore, clock: any WallClock,
    rules: @escaping @Sendable (ServiceName) -> GrowthRules = { _ in GrowthRules() }
  ) {
    self.store = store
    self.clock = clock
    self.rules = rules
  }

  /// The same desk, for a decision that rests on what was seen of stable: its fault, or nil.
  package func knowing(stableFault: String?) -> Desk {
    Desk(store: store, clock: clock) { [rules] service in
      var rules = rules(service)
      rules.stableFault = stableFault
      return rules
    }
  }

  /// Decides on the event and saves the decision; a refusal saves nothing.
  ///
  /// When another process saves in between, the event is decided again on the new state. `first`
  /// makes the state of a service that was never saved.
  package func submit(
    _ event: Event, for service: ServiceName, first: @Sendable () async -> ServiceState
  ) async throws(StoreError) -> SavedDecision {
    try await submit(event, for: service, after: nil, first: first)
  }

  /// The same for a driver, whose mere progress is not saved at each event.
  ///
  /// While it need not be saved, the store is not read either: the driver notices other saves at
  /// its next look, and never overwrites them. With `asking`, a revert that nobody asked for is not
  /// decided yet (`SavedDecision.asks`).
  package func submit(
    _ event: Event, for service: ServiceName, after progress: Progress?, asking: Bool = false,
    first: @Sendable () async -> ServiceState
  ) async throws(StoreError) -> SavedDecision {
    if let progress, let taken = deferred(event, service, progress) { return taken }
    while true {
      let saved = try await store.load(service)
      let revision = saved?.revision ?? 0
      let isLost = progress?.isLost(from: saved?.value) ?? false
      let known = progress.flatMap { $0.revision == revision || isLost ? $0 : nil }
      let last = if let saved { saved.value } else { try await beginning(first) }
      let state = known?.state ?? last
      let now = clock.now()
      let decision = decide(
        state, isLost ? known?.ending ?? event : event, at: now, under: rules(service))
      let kept = (known?.kept ?? []).flatMap { $0 } + decision.kept
      let entries = (known?.entries ?? []) + decision.entries
      if asking, !isLost, let pool = decision.goesBackByItself(from: state) {
        return SavedDecision(
          decision: Decision(state), found: revision, revision: revision, progress: known,
          asks: pool)
      }
      let isUnchanged = decision.state == last && entries.isEmpty && kept.isEmpty
      if decision.refusal != nil || isUnchanged {
        return SavedDecision(
          decision: decision, found: revision, revision: revision, progress: known)
      }
      do throws(StoreError) {
        let next = try await store.save(
          decision.state, entries: entries, kept: kept, over: revision)
        return SavedDecision(
          decision: decision, found: revision, revision: next,
          progress: Progress(decision.state, revision: next, savedAt: clock.uptime()))
      } catch .conflict {
        continue
      }
    }
  }

  /// Decides on one event of each service, and saves all decisions at once.
  ///
  /// Who is saved by another process in between is decided again by itself. When it throws, a part
  /// may be saved; the events can be submitted again. `first` makes the state of the service of an
  /// event, by its index, that was never saved.
  package func submit(
    _ events: [(service: ServiceName, event: Event)],
    first: @Sendable (Int) async -> ServiceState
  ) async throws(StoreError) -> [Decision] {
    var decisions: [Decision] = []
    var changes: [(index: Int, change: StateChange)] = []
    let now = clock.now()
    for (index, (service, event)) in events.enumerated() {
      let saved = try await store.load(service)
      let last = if let saved { saved.value } else { try await beginning { await first(index) } }
      let decision = decide(last, event, at: now, under: rules(service))
      decisions.append(decision)
      let isUnchanged =
        decision.state == last && decision.entries.isEmpty && decision.kept.isEmpty
      if decision.refusal != nil || isUnchanged { continue }
      let change = StateChange(
        decision.state, entries: decision.entries, kept: decision.kept,
        over: saved?.revision ?? 0)
      changes.append((index, change))
    }
    if changes.isEmpty { return decisions }
    let revisions = try await store.save(changes.map(\.change))
    for ((index, _), revision) in zip(changes, revisions) where revision == nil {
      let (service, event) = events[index]
      decisions[index] = try await submit(event, for: service) { await first(index) }.decision
    }
    return decisions
  }

  /// The initial state of a service that was never saved: frozen while all services are.
  package func beginning(_ first: @Sendable () async -> ServiceState) async throws(StoreError)
    -> ServiceState
  {
    var state = await first()
    state.freeze = try await store.freezeOfAll()
    return state
  }

  /// The decision, when it is mere progress that need not be saved yet; nil otherwise.
  private func deferred(_ event: Event, _ service: ServiceName, _ progress: Progress)
    -> SavedDecision?
  {
    guard progress.entries.isEmpty, !progress.mustSave,
      clock.uptime() - progress.savedAt < progress.state.progressInterval
    else { return nil }
    let decision = decide(progress.state, event, at: clock.now(), under: rules(service))
    guard decision.refusal == nil, decision.entries.isEmpty,
      decision.state.isProgress(from: progress.state)
    else { return nil }
    var progress = progress
    progress.state = decision.state
    if !decision.kept.isEmpty { progress.kept.append(decision.kept) }
    return SavedDecision(
      decision: decision, found: progress.revision, revision: progress.revision, isSaved: false,
      progress: progress)
  }
}

extension Progress {
  /// Whether the store has lost the rollout that this driver drives: it was removed, or an older one
  /// is in its place.
  func isLost(from saved: ServiceState?) -> Bool {
    guard let running = state.running, revision > 0 else { return false }
    return (saved?.rollout?.number ?? 0) < running.number
  }

  /// The end of that rollout; nil: it is ending.
  fileprivate var ending: Event? {
    guard let running = state.running else { return nil }
    if case .reverting = running.phase { return nil }
    return .revertOnly(
      rollout: running.number, .canary,
      Reason(.outside, "the store was removed or replaced while the rollout ran"))
  }
}
