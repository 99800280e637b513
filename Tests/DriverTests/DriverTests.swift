import CanaryCore
import CanaryDriver
import Synchronization
import TestSupport
import Testing

/// The real driver with a store, a router and sources that a test commands, under a clock that it drives.
@Suite(.timeLimit(.minutes(30))) struct DriverTests {
  private static let plan = Plan(
    name: "test",
    stages: [(10.0, 60.0), (100, 30)].compactMap { percent, soak in
      Weight(percent: percent).map { Stage(weight: $0, soak: .seconds(soak)) }
    },
    checks: [
      Check(
        name: "errors", source: .metric(.errorRate), condition: Condition(max: 0.05),
        minRequests: 20),
      Check(name: "slow", source: .command(["true"]), condition: Condition(max: 1000)),
    ])

  private struct Bench {
    let store: MemoryStore
    let router: SimRouter
    let clock = SimClock()
    let driver: Driver

    init(
      store: MemoryStore = MemoryStore(), router: SimRouter = SimRouter(),
      slow: @escaping @Sendable (Check) -> Span = { _ in .zero },
      reading: @escaping @Sendable (Check) -> Measurement.Reading = { _ in .value(0, requests: 100)
      }
    ) {
      self.store = store
      self.router = router
      driver = Driver(
        service: "chat", first: { ServiceState(service: "chat", stable: "blue", other: "green") },
        desk: Desk(store: store, clock: clock), executor: clock.executor, router: router,
        source: SimMetrics(clock: clock, slow: slow, reading: reading), log: { _ in })
    }

    func promote() async -> ServiceState? {
      await driver.run(
        .promote(
          PromoteRequest(
            to: "green", plan: DriverTests.plan, retain: .hours(24), actor: Actor("li"))),
        patience: 3)
    }
  }

  @Test func `a good release is driven to its end`() async throws {
    let bench = Bench()
    let start = bench.clock.now()
    let rest = try #require(await bench.promote())
    #expect(rest.stable == "green" && rest.word == .promoted)
    let ten = try #require(Weight(percent: 10))
    #expect(
      bench.router.all.filter { $0 != .release } == [
        .apply(Generation(1), ten), .apply(Generation(2), .all), .apply(Generation(3), .none),
      ])
    let took = bench.clock.now() - start
    #expect(took >= .seconds(90) && took < .seconds(120), "\(took)")
  }

  @Test func `a failed gate brakes before it reloads`() async throws {
    let bench = Bench(reading: {
      $0.name == "errors" ? .value(0.2, requests: 100) : .value(0, requests: 1)
    })
    let rest = try #require(await bench.promote())
    #expect(rest.word == .reverted && rest.stable == "blue")
    let ten = try #require(Weight(percent: 10))
    #expect(
      bench.router.all.filter { $0 != .release } == [
        .apply(Generation(1), ten), .brake, .apply(Generation(2), .none),
      ])
    #expect(bench.router.all.last == .release)
  }

  @Test func `a slow source delays no other and no revert`() async throws {
    let bench = Bench(
      slow: { $0.name == "slow" ? .minutes(4) : .zero },
      reading: { $0.name == "errors" ? .value(0.2, requests: 100) : .value(0, requests: 1) })
    let start = bench.clock.now()
    let rest = try #require(await bench.promote())
    #expect(rest.word == .reverted)
    #expect(bench.clock.now() - start < .seconds(5))
  }

  @Test func `a brake put on by a person is a revert`() async throws {
    let bench = Bench()
    let calls = Mutex(0)
    let router = bench.router
    let note = BrakeNote(by: .person, actor: "li", reason: "by hand", time: bench.clock.now())
    let driver = Driver(
      service: "chat", first: { ServiceState(service: "chat", stable: "blue", other: "green") },
      desk: Desk(store: bench.store, clock: bench.clock), executor: bench.clock.executor,
      router: router,
      source: SimMetrics(
        clock: bench.clock,
        reading: { _ in
          if calls.withLock({
            $0 += 1; return $0
          }) == 3 {
            router.pull(note)
          }
          return .value(0, requests: 100)
        }), log: { _ in })
    let request = PromoteRequest(
      to: "green", plan: Self.plan, retain: .hours(24), actor: Actor("li"))
    let rest = try #require(await driver.run(.promote(request)))
    let rollout = try #require(rest.rollout)
    #expect(rollout.result.rawValue == "stopped" && Wording.reason(rollout) == "by hand")
    #expect(await bench.router.brakeNote("chat") == nil)
  }

  @Test(arguments: 0..<24)
  func `whatever store call fails the end is the same`(nth: Int) async throws {
    for reading in [Measurement.Reading.value(0, requests: 100), .value(0.5, requests: 100)] {
      let bench = Bench(
        store: MemoryStore(failing: nth...(nth + nth % 3)),
        reading: { $0.name == "errors" ? reading : .value(0, requests: 1) })
      let rest = try #require(await bench.promote())
      let isGood = reading == .value(0, requests: 100)
      #expect(rest.word.rawValue == (isGood ? "promoted" : "reverted"), "call \(nth)")
      #expect(bench.store.events.count { $0 == .started } == 1)
      #expect(bench.store.events.count { $0 == (isGood ? .promoted : .reverted) } == 1)
    }
  }

  @Test func `a stage that Nginx refuses is taken back`() async throws {
    let bench = Bench(router: SimRouter(refuses: { $0.weight == .all ? "host not found" : nil }))
    let rest = try #require(await bench.promote())
    guard case .reverted(let reason)? = rest.rollout?.phase else {
      return #expect(Bool(false), "\(rest)")
    }
    #expect(reason.kind == .outside && reason.text == "host not found")
  }

  @Test func `a revert that Nginx refuses keeps the brake and is asked for again`() async throws {
    let bench = Bench(
      router: SimRouter(refuses: { $0.weight == .none ? "broken elsewhere" : nil }),
      reading: { _ in .value(0.5, requests: 100) })
    let rest = try #require(await bench.promote())
    #expect(rest.word == .reverting)
    #expect(bench.router.all.contains(.brake) && bench.router.all.last != .release)
    #expect(await bench.driver.hasGivenUp)
    #expect(await bench.driver.fault?.fact == "broken elsewhere")
  }

  @Test func `two drivers at once do nothing twice`() async throws {
    let bench = Bench()
    let other = Driver(
      service: "chat", first: { ServiceState(service: "chat", stable: "blue", other: "green") },
      desk: Desk(store: bench.store, clock: bench.clock), executor: bench.clock.executor,
      router: bench.router,
      source: SimMetrics(clock: bench.clock), log: { _ in })
    async let first = bench.promote()
    async let second = other.run(.woke)
    let rest = try #require(await first)
    _ = await second
    #expect(rest.word == .promoted)
    for event in [HistoryEvent.started, .promoted] {
      #expect(bench.store.events.count { $0 == event } == 1)
    }
    #expect(bench.store.events.count { $0 == .stage } == 2)
  }

  /// A rollout whose canary turns bad at the nth measurement, at which the wall clock is set.
  private func turningBad(at nth: Int, clockBy step: Span) async throws -> (Span, ServiceState) {
    let clock = SimClock()
    let (store, router) = (MemoryStore(), SimRouter())
    let calls = Mutex(0)
    let driver = Driver(
      service: "chat", first: { ServiceState(service: "chat", stable: "blue", other: "green") },
      desk: Desk(store: store, clock: clock), executor: clock.executor, router: router,
      source: SimMetrics(
        clock: clock,
        reading: { check in
          guard check.name == "errors" else { return .value(0, requests: 1) }
          let count = calls.withLock { count in
            count += 1
            return count
          }
          if count == nth { clock.set(by: step) }
          return .value(count >= nth ? 0.5 : 0, requests: 100)
        }), log: { _ in })
    let began = clock.uptime()
    let request = PromoteRequest(
      to: "green", plan: Self.plan, retain: .hours(24), actor: Actor("li"))
    let rest = try #require(await driver.run(.promote(request), patience: 3))
    return (clock.uptime() - began, rest)
  }

  @Test(arguments: [-86_400.0, -3600, -30, -2, 2, 30, 3600, 86_400])
  func `a clock that is set holds no measurement up and lets none of before pass`(
    step: Double
  ) async throws {
    for nth in 1...6 {
      let (took, rest) = try await turningBad(at: nth, clockBy: .seconds(step))
      #expect(rest.word == .reverted && rest.stable == "blue", "measurement \(nth)")
      #expect(took < .seconds(Double(nth) * 12 + 10), "measurement \(nth): \(took)")
    }
  }

  @Test func `a canary that fails while nothing can be saved is braked at once`() async throws {
    let store = MemoryStore(failing: 12...60)
    let calls = Mutex(0)
    let bench = Bench(
      store: store,
      reading: { check in
        guard check.name == "errors" else { return .value(0, requests: 1) }
        return .value(
          calls.withLock {
            $0 += 1; return $0
          } > 2 ? 0.5 : 0, requests: 100)
      })
    let rest = try #require(await bench.promote())
    #expect(rest.word == .reverted)
    #expect(store.events.count { $0 == .reverted } == 1)
  }

  @Test func `a rollout that cannot be saved for ten seconds is sent back`() async throws {
    let bench = Bench(store: MemoryStore(failing: 12...300))
    let rest = try #require(await bench.promote())
    guard case .reverted(let reason)? = rest.rollout?.phase else {
      return #expect(Bool(false), "\(rest)")
    }
    #expect(reason.kind == .outside)
    #expect(reason.text.contains("nothing could be saved for 10s"), "\(reason.text)")
  }
}
