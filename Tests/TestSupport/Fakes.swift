package import CanaryCore
package import CanaryDriver
internal import Synchronization

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

  package func apply(_ service: ServiceName, _ routing: Routing, _ generation: Generation)
    async throws(RouterError)
  {
    if let text = refuses(routing) { throw RouterError(.refused, text) }
    acts.withLock { $0.append(.apply(generation, routing.weight)) }
  }
  package func brake(_ service: ServiceName, to pool: PoolName?, _ new: BrakeNote)
    async throws(RouterError)
  {
    pull(new)
  }
  package func isInForce(
    _ service: ServiceName, _ routing: Routing, _ generation: Generation
  ) async -> Bool { true }
  package func forgetFormer(_ service: ServiceName) async {}

  /// Puts the brake on, as a person does from outside.
  package func pull(_ new: BrakeNote) {
    acts.withLock { $0.append(.brake) }
    note.withLock { $0 = new }
  }
  package func release(_ service: ServiceName) async throws(RouterError) {
    acts.withLock { $0.append(.release) }
    note.withLock { $0 = nil }
  }
  package func brakeNote(_ service: ServiceName) async -> BrakeNote? { note.withLock { $0 } }
  package func apply(_ requests: [RouterRequest]) async -> [ServiceName: RouterError] {
    var faults: [ServiceName: RouterError] = [:]
    for request in requests {
      do throws(RouterError) {
        try await apply(request.service, request.routing, request.generation)
      } catch {
        faults[request.service] = error
      }
    }
    return faults
  }
  package func prepare(_ requests: [RouterRequest]) async -> [ServiceName: RouterError] { [:] }
  package func served(_ requests: [RouterRequest]) async -> Set<ServiceName> { [] }
  package func braked() async -> Set<ServiceName> { [] }
  package func observe(_ service: ServiceName, _ aspects: RouterAspects) async
    -> RouterObservation
  {
    RouterObservation()
  }
  package func resting(_ services: [ServiceName]) async -> [ServiceName: ServedShares] { [:] }
  package func removeStaleSockets(_ services: [ServiceName]) async -> [String] { [] }
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

  package func measure(_ checks: [Check], _ service: ServiceName, _ context: StageContext) async
    -> [Measurement]
  {
    let delay = checks.map(slow).max() ?? .zero
    if delay > .zero { await clock.sleep(until: clock.now() + delay) }
    return checks.map { Measurement(check: $0.name, at: clock.now(), reading: reading($0)) }
  }
  package func checkReadiness(_ service: ServiceName, pool: PoolName, _ readiness: Readiness) async
    -> Unready?
  { nil }
  package func settle(_ service: ServiceName) async {}
  package func silence(of service: ServiceName, pool: PoolName) async -> String? { nil }
  package func measureAlone(_ check: Check, _ service: ServiceName, pool: PoolName) async
    -> Measurement
  {
    Measurement(check: check.name, at: clock.now(), reading: reading(check))
  }
  package func measureOnce(_ checks: [Check], _ service: ServiceName, pool: PoolName) async
    -> [CheckState]
  {
    let context = StageContext(
      rollout: 0, stage: 0, plan: Plan(name: "", stages: [], checks: []), stable: pool,
      canary: pool, generation: Generation(0), started: clock.now(), since: clock.now())
    return zip(checks, await measure(checks, service, context)).map { check, measurement in
      Judge.fold(CheckState(check), check, measurement)
    }
  }
}

/// A clock that jumps to the next sleeper's time as soon as nothing else has anything to do.
package final class SimClock: WallClock {
  private struct Inner {
    var now = Instant(milliseconds: 1_000_000)
    /// By how much the wall clock was set since the start.
    var step = Span.zero
    /// Each by the time that it had without the steps.
    var sleepers: [(Instant, CheckedContinuation<Void, Never>)] = []
    var isTicking = false
  }
  private let inner = Mutex(Inner())
  /// The drivers' thread, in whose line the clock waits.
  package let executor = ThreadExecutor()

  package init() {}
  package func now() -> Instant { inner.withLock { $0.now + $0.step } }
  package func uptime() -> Span { inner.withLock { $0.now - Instant(milliseconds: 0) } }

  /// Sets the wall clock; who sleeps is woken no later and no earlier for that.
  package func set(by step: Span) { inner.withLock { $0.step = $0.step + step } }

  package func sleep(until instant: Instant) async {
    await withCheckedContinuation { continuation in
      inner.withLock { $0.sleepers.append((instant - $0.step, continuation)) }
      tick()
    }
  }

  /// Waits in the line of the drivers' own thread.
  private actor Turn {
    private let executor: ThreadExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    init(_ executor: ThreadExecutor) { self.executor = executor }
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
        await Turn(executor).take()
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

extension ThreadExecutor {
  /// One drivers' thread for tests that need no clock of their own.
  package static let test = ThreadExecutor()
}
