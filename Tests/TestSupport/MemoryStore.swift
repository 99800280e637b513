package import CanaryCore
package import CanaryDriver
internal import Synchronization

/// A store in memory with the rules of the real one; it can be told to fail its nth call of `load` and `save`.
package final class MemoryStore: StateStore, ChangeFeed, HistoryStore, LogStore {
  private let content = Mutex(MemoryContent())
  private let failing: ClosedRange<Int>?

  /// Calls with a number in `failing`, counted from 0, are refused; later ones are not.
  package init(failing: ClosedRange<Int>? = nil) { self.failing = failing }

  private func count(_ content: inout MemoryContent) throws(StoreError) {
    defer { content.calls += 1 }
    if let failing, failing.contains(content.calls) {
      throw .unavailable(Fault("call \(content.calls) was told to fail"))
    }
  }

  /// Changes something, which others hear of by the version.
  private func change<Value>(_ work: (inout MemoryContent) -> Value) -> Value {
    content.withLock { content in
      content.version += 1
      return work(&content)
    }
  }

  // MARK: states

  package func load(_ service: ServiceName) async throws(StoreError) -> Saved<ServiceState>? {
    try content.withLock { content throws(StoreError) in
      try count(&content)
      return content.states[service]
    }
  }

  package func peek(_ service: ServiceName, patience: Span?) async throws(StoreError)
    -> ServiceState?
  {
    content.withLock { $0.states[service]?.value }
  }

  package func save(
    _ state: ServiceState, entries: [Entry], kept: [KeptMeasurement], over revision: Int
  ) async throws(StoreError) -> Int {
    try content.withLock { content throws(StoreError) in
      try count(&content)
      guard (content.states[state.service]?.revision ?? 0) == revision else { throw .conflict }
      content.states[state.service] = Saved(value: state, revision: revision + 1)
      content.version += 1
      if let rollout = state.rollout, !entries.isEmpty {
        content.rollouts[state.service, default: [:]][rollout.number] = rollout
      }
      for entry in entries { content.append(entry, state.service) }
      for one in kept { content.keep(one, of: state.service) }
      return revision + 1
    }
  }

  package func peekAll() async throws(StoreError) -> [ServiceName: ServiceState] {
    content.withLock { $0.states.mapValues(\.value) }
  }

  package func save(_ changes: [StateChange]) async throws(StoreError) -> [Int?] {
    var revisions: [Int?] = []
    for one in changes {
      do throws(StoreError) {
        revisions.append(
          try await save(one.state, entries: one.entries, kept: one.kept, over: one.revision))
      } catch .conflict {
        revisions.append(nil)
      }
    }
    return revisions
  }

  package func freezeOfAll() async throws(StoreError) -> Freeze? { content.withLock { $0.freeze } }
  package func freezeAll(_ freeze: Freeze?) async throws(StoreError) {
    change { $0.freeze = freeze }
  }

  // MARK: changes

  package func version() async throws(StoreError) -> Int { content.withLock { $0.version } }
  package var changeMark: String? { nil }

  package func pending() async throws(StoreError) -> [(service: ServiceName, when: Pending)] {
    content.withLock { content in
      content.states.compactMap { name, saved in saved.value.pending.map { (name, $0) } }
    }
  }

  package func revisions() async throws(StoreError) -> [ServiceName: Int] {
    content.withLock { $0.states.mapValues(\.revision) }
  }

  // MARK: history

  package var place: String { "memory" }
  package var exists: Bool { content.withLock { $0.version > 0 } }

  package func history(_ service: ServiceName, limit: Int) async throws(StoreError)
    -> [RolloutRecord]
  {
    content.withLock { content in
      (content.rollouts[service] ?? [:]).sorted { $0.key > $1.key }.prefix(limit)
        .map { content.record(service, $0.value) }
    }
  }

  package func record(_ service: ServiceName, rollout: Int) async throws(StoreError)
    -> RolloutRecord?
  {
    content.withLock { content in
      content.rollouts[service]?[rollout].map { content.record(service, $0) }
    }
  }

  package func rollouts(_ service: ServiceName, limit: Int) async throws(StoreError) -> [Rollout] {
    try await history(service, limit: limit).map(\.rollout)
  }

  package func measurements(_ service: ServiceName, rollout: Int) async throws(StoreError)
    -> [CheckRecord]
  {
    content.withLock { content in
      content.checks.filter { $0.key.service == service && $0.key.rollout == rollout }.values
        .filter { !$0.rows.isEmpty || $0.end != nil }
        .sorted { ($0.stage, $0.name) < ($1.stage, $1.name) }
    }
  }

  package func append(_ entry: Entry, of service: ServiceName?, patience: Span?)
    async throws(StoreError)
  {
    change { $0.append(entry, service) }
  }

  package func links(of service: ServiceName?, since: Instant?, limit: Int)
    async throws(StoreError) -> [ChainLink]
  {
    content.withLock { content in
      content.links.filter { link in
        (service == nil || link.service == service) && (since.map { link.entry.time >= $0 } ?? true)
      }.suffix(limit)
    }
  }

  package func links(after id: Int64, limit: Int) async throws(StoreError) -> [ChainLink] {
    content.withLock { Array($0.links.filter { $0.id > id }.prefix(limit)) }
  }

  package func verify() async throws(StoreError) -> ChainReport {
    content.withLock { content in
      var report = ChainReport()
      report.count = content.links.count
      report.head = content.links.last?.hash
      return report
    }
  }

  package func holds(_ hash: String) async throws(StoreError) -> Bool {
    content.withLock { $0.links.contains { $0.hash == hash } }
  }

  package func results() async throws(StoreError) -> [ResultCount] {
    content.withLock { content in
      content.rollouts.flatMap { service, rollouts in
        Dictionary(grouping: rollouts.values.filter(\.phase.isOver), by: \.result).map {
          ResultCount(service: service, result: $0, count: $1.count)
        }
      }.sorted { ($0.service, $0.result.rawValue) < ($1.service, $1.result.rawValue) }
    }
  }

  package func sourceErrors(
    of rollout: (service: ServiceName, number: Int)?
  ) async throws(StoreError) -> [SourceErrors] {
    content.withLock { content in
      var sums: [SourceErrors] = []
      for (key, record) in content.checks {
        guard let count = record.end?.totals.error, count > 0,
          rollout.map({ $0.service == key.service && $0.number == key.rollout }) ?? true
        else { continue }
        let known = sums.firstIndex {
          $0.service == key.service && $0.rollout == key.rollout && $0.check == key.name.text
        }
        if let known {
          sums[known].count += count
        } else {
          sums.append(
            SourceErrors(
              service: key.service, rollout: key.rollout, check: key.name.text, count: count))
        }
      }
      return sums.sorted {
        ($0.service, $0.check, $0.rollout) < ($1.service, $1.check, $1.rollout)
      }
    }
  }

  package func revertDurations() async throws(StoreError) -> [(service: ServiceName, took: Span)] {
    content.withLock { content in
      content.links.filter { $0.entry.event == .reverted }.compactMap { end in
        let begins = content.links.filter {
          $0.service == end.service && $0.entry.rollout == end.entry.rollout
            && $0.entry.event == .reverting
        }
        guard let service = end.service, let begin = begins.map(\.entry.time).min() else {
          return nil
        }
        return (service, max(.zero, end.entry.time - begin))
      }
    }
  }

  package func place(of receiver: String) async throws(StoreError) -> ReceiverPlace {
    if let known = content.withLock({ $0.places[receiver] }) { return known }
    return change { content in
      let new = ReceiverPlace(told: content.links.last?.id ?? 0, isFailing: false)
      content.places[receiver] = content.places[receiver] ?? new
      return content.places[receiver] ?? new
    }
  }

  package func setPlace(of receiver: String, told: Int64) async throws(StoreError) {
    change { content in
      if content.places[receiver] != nil {
        content.places[receiver] = ReceiverPlace(told: told, isFailing: false)
      }
    }
  }

  package func setFailing(_ receiver: String, at: Instant) async throws(StoreError) {
    change { $0.places[receiver]?.isFailing = true }
  }

  // MARK: logs

  package func saveSlices(
    _ service: ServiceName, _ tally: LogTally, _ positions: [LogPosition],
    _ judge: ComparisonJudge?
  ) async throws(StoreError) {
    var tally = tally
    tally.close()
    change { content in
      content.add(tally, of: service)
      content.positions[service] = positions
      if let judge { content.judges[service] = judge }
    }
  }

  package func slices(_ service: ServiceName, since second: Int64, through last: Int64)
    async throws(StoreError) -> (slices: [LogSlice], positions: [LogPosition])
  {
    content.withLock { content in
      let found = (content.slices[service] ?? []).filter {
        $0.second >= second && $0.second <= last
      }
      return (found, content.positions[service] ?? [])
    }
  }

  package func comparison(_ service: ServiceName, rollout: Int) async throws(StoreError)
    -> ComparisonJudge?
  {
    content.withLock { content in
      content.judges[service].flatMap { $0.rollout == rollout ? $0 : nil }
    }
  }

  package func unreadable(_ service: ServiceName) async throws(StoreError) -> Int {
    content.withLock { $0.unreadable[service] ?? 0 }
  }

  /// Every event that was ever saved, in order.
  package var events: [HistoryEvent] { content.withLock { $0.links.map(\.entry.event) } }
}
