package import CanaryCore
package import CanaryDriver
internal import Synchronization

/// A store in memory with the rules of the real one; it can be told to fail its nth call.
package final class MemoryStore: Store {
  private struct Content {
    var states: [Name: Saved<ServiceState>] = [:]
    var entries: [Name: [Entry]] = [:]
    var calls = 0
  }
  private let content = Mutex(Content())
  private let failing: ClosedRange<Int>?

  /// Calls with a number in `failing`, counted from 0, are refused; later ones are not.
  package init(failing: ClosedRange<Int>? = nil) { self.failing = failing }

  private func count(_ content: inout Content) throws(StoreError) {
    defer { content.calls += 1 }
    if let failing, failing.contains(content.calls) {
      throw .unavailable("call \(content.calls) was told to fail")
    }
  }

  package func load(_ service: Name) async throws(StoreError) -> Saved<ServiceState>? {
    try content.withLock { content throws(StoreError) in
      try count(&content)
      return content.states[service]
    }
  }

  package func save(_ state: ServiceState, entries: [Entry], kept: [Kept], over revision: Int)
    async throws(StoreError) -> Int
  {
    try content.withLock { content throws(StoreError) in
      try count(&content)
      guard (content.states[state.service]?.revision ?? 0) == revision else { throw .conflict }
      content.states[state.service] = Saved(value: state, revision: revision + 1)
      content.entries[state.service, default: []] += entries
      return revision + 1
    }
  }

  package func freezeOfAll() async throws(StoreError) -> Freeze? { nil }

  package func history(_ service: Name, limit: Int) async throws(StoreError) -> [RolloutRecord] {
    content.withLock { content in
      guard let rollout = content.states[service]?.value.rollout else { return [] }
      let entries = (content.entries[service] ?? []).filter { $0.rollout == rollout.number }
      return [RolloutRecord(rollout: rollout, entries: entries)]
    }
  }

  package var events: [String] {
    content.withLock { $0.entries.values.flatMap { $0.map(\.event) } }
  }
}

/// A router that remembers what it was asked, in order.
package final class SimRouter: Router {
  package enum Act: Hashable, Sendable {
    case apply(Generation, Weight)
    case brake
    case release
  }
  private let acts = Mutex<[Act]>([])
  private let note = Mutex<BrakeNote?>(nil)
  private let refuses: @Sendable (Routing) -> String?

  package init(refuses: @escaping @Sendable (Routing) -> String? = { _ in nil }) {
    self.refuses = refuses
  }

  package var all: [Act] { acts.withLock { $0 } }

  package func apply(_ service: Name, _ routing: Routing, _ generation: Generation)
    async throws(RouterError)
  {
    if let text = refuses(routing) { throw RouterError(.refused, text) }
    acts.withLock { $0.append(.apply(generation, routing.weight)) }
  }
  package func brake(_ service: Name, _ new: BrakeNote) throws(RouterError) {
    acts.withLock { $0.append(.brake) }
    note.withLock { $0 = new }
  }
  package func release(_ service: Name) throws(RouterError) {
    acts.withLock { $0.append(.release) }
    note.withLock { $0 = nil }
  }
  package func brakeNote(_ service: Name) -> BrakeNote? { note.withLock { $0 } }
}

/// Sources that answer what they are told, some of them late.
package struct SimMetrics: MetricSource {
  let clock: SimClock
  let reading: @Sendable (Check) -> Measurement.Reading
  let slow: @Sendable (Check) -> Span

  package init(
    clock: SimClock, slow: @escaping @Sendable (Check) -> Span = { _ in .zero },
    reading: @escaping @Sendable (Check) -> Measurement.Reading = { _ in .value(0, requests: 100) }
  ) {
    self.clock = clock
    self.slow = slow
    self.reading = reading
  }

  package func measure(_ checks: [Check], _ service: Name, _ occasion: Occasion) async
    -> [Measurement]
  {
    let delay = checks.map(slow).max() ?? .zero
    if delay > .zero { await clock.sleep(until: clock.now() + delay) }
    return checks.map { Measurement(check: $0.name, at: clock.now(), reading: reading($0)) }
  }
  package func look(_ service: Name, pool: Name, _ readiness: Readiness) async -> String? { nil }
  package func settle(_ service: Name) async {}
  package func askOnce(_ checks: [Check], _ service: Name, pool: Name) async -> [CheckState] {
    let occasion = Occasion(
      rollout: 0, stage: 0, plan: Plan(name: "", stages: [], checks: []), stable: pool,
      canary: pool, generation: Generation(0), started: clock.now(), since: clock.now())
    return zip(checks, await measure(checks, service, occasion)).map { check, measurement in
      Judge.fold(CheckState(check), check, measurement)
    }
  }
}

/// A clock that jumps to the next sleeper's time as soon as nothing else has anything to do.
package final class SimClock: WallClock {
  private struct Inner {
    var now = Instant(milliseconds: 1_000_000)
    var sleepers: [(Instant, CheckedContinuation<Void, Never>)] = []
    var isTicking = false
  }
  private let inner = Mutex(Inner())

  package init() {}
  package func now() -> Instant { inner.withLock { $0.now } }

  package func sleep(until instant: Instant) async {
    await withCheckedContinuation { continuation in
      inner.withLock { $0.sleepers.append((instant, continuation)) }
      tick()
    }
  }

  /// Waits in the line of the drivers' own thread.
  private actor Turn {
    nonisolated var unownedExecutor: UnownedSerialExecutor {
      Driver.executor.asUnownedSerialExecutor()
    }
    func take() {}
  }

  /// Wakes the earliest sleeper once all other tasks had many turns, in the pool and on the thread of the drivers.
  private func tick() {
    let starts = inner.withLock { inner in
      defer { inner.isTicking = true }
      return !inner.isTicking
    }
    guard starts else { return }
    Task {
      for _ in 0..<100 {
        await Task.yield()
        await Turn().take()
      }
      let woken = inner.withLock { inner -> CheckedContinuation<Void, Never>? in
        inner.isTicking = false
        guard
          let index = inner.sleepers.indices.min(by: { inner.sleepers[$0].0 < inner.sleepers[$1].0 }
          )
        else { return nil }
        let (at, continuation) = inner.sleepers.remove(at: index)
        inner.now = max(inner.now, at)
        return continuation
      }
      woken?.resume()
      if inner.withLock({ !$0.sleepers.isEmpty }) { tick() }
    }
  }
}
