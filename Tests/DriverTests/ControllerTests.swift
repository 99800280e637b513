import CanaryCore
import CanaryDriver
import Synchronization
import TestSupport
import Testing

/// The real controller and the real driver under a clock that the test drives: a scheduled rollout through the night.
@Suite(.timeLimit(.minutes(10))) struct ControllerTests {
  /// Hooks that take a while and remember what ran.
  private final class Hooks: JobRunner {
    let clock: SimClock
    let ran = Mutex<[String]>([])
    init(clock: SimClock) { self.clock = clock }
    func run(_ job: Job) async -> JobEnd {
      let stage = job.facts.stage.map { " \($0 + 1)" } ?? ""
      ran.withLock { $0.append(job.facts.moment.rawValue + stage) }
      await clock.sleep(until: clock.now() + .seconds(7))
      return JobEnd(isGood: true, text: "exit 0")
    }
    func end(_ jobs: [Int], of service: ServiceName) {}
  }

  private static let people = [2, 3].map {
    Actor("p\($0)", person: Person(uids: [$0], users: ["p\($0)"], groups: ["sre"]))
  }

  private func request(_ hooks: CanaryCore.Hooks) -> PromoteRequest {
    var plan = Plan(
      name: "night",
      stages: [(10.0, 20.0), (100, 30)].compactMap { percent, minutes in
        Weight(percent: percent).map { Stage(weight: $0, soak: .seconds(minutes * 60)) }
      },
      checks: [
        Check(
          name: "errors", source: .metric(.errorRate), condition: Condition(max: 0.05),
          minRequests: 20)
      ])
    plan.stages[1].approval = ApprovalRule(by: [.group("sre")], count: 2, within: .hours(48))
    var request = PromoteRequest(
      to: "green", release: "v2.0.0", plan: plan, retain: .hours(24),
      actor: Actor("p1", person: Person(uids: [1], users: ["p1"], groups: ["sre"])))
    request.hooks = hooks
    return request
  }

  @Test func `a night's rollout waits for its window, its edge and its people`() async throws {
    let clock = SimClock()
    let store = MemoryStore()
    let router = SimRouter()
    // The clock begins at 00:16:40 UTC; a quarter of an hour is too short for both stages.
    let calendar = Calendar(
      windows: [60, 120].map {
        Window(days: nil, dates: nil, from: $0, to: $0 + 15, zone: .utc, text: "at \($0 / 60)")
      })
    let rules = GrowthRules(calendar: calendar)
    let desk = Desk(store: store, clock: clock, rules: { _ in rules })
    let first: @Sendable () -> ServiceState = {
      ServiceState(service: "chat", stable: "blue", other: "green")
    }
    let runner = Hooks(clock: clock)
    var hooks = CanaryCore.Hooks()
    for moment in Moment.allCases { hooks[moment] = [Hook(words: [moment.rawValue])] }
    let scheduled = Schedule(request: request(hooks), at: clock.now(), inWindow: true)
    let taken = try await desk.submit(.schedule(scheduled), for: "chat", first: first)
    #expect(taken.decision.refusal == nil)
    #expect(taken.decision.state.word == .scheduled)

    let bell = Bell(clock: clock, executor: clock.executor, interval: .seconds(5)) { (nil, []) }
    let ringing = Task { await bell.run() }
    defer { ringing.cancel() }
    let controller = Controller(
      clock: clock, executor: clock.executor,
      pending: {
        guard let state = (try? await store.load("chat"))??.value else { return [] }
        // People look as often as the controller does, and agree as soon as they are asked.
        if state.word == .awaitingApproval {
          for person in Self.people {
            _ = try? await desk.submit(.approve(person, nil), for: "chat", first: first)
          }
        }
        return state.pending?.isDue(at: clock.now()) == true ? ["chat"] : []
      },
      makeDrive: { name in
        let driver = Driver(
          service: name, first: first, desk: desk, executor: clock.executor, router: router,
          source: SimMetrics(clock: clock), jobs: runner, bell: bell, log: { _ in })
        return Drive(run: { _ = await driver.run(.woke) }, drain: { driver.drain() })
      })
    let loop = Task { await controller.run() }
    defer { loop.cancel() }
    // The clock is the controller's and the driver's alone: whoever else slept by it could let a night pass while they
    // have not yet had their turn.
    var phase = StateWord.idle
    let begun = ContinuousClock.now
    while phase != .promoted, ContinuousClock.now - begun < .seconds(300) {
      try await Task.sleep(for: .milliseconds(5))
      phase = try #require(try await store.load("chat")).value.word
    }
    try #require(phase == .promoted)
    // The hooks after it are the driver's as well.
    while runner.ran.withLock({ $0.last }) != "after_promote",
      ContinuousClock.now - begun < .seconds(300)
    {
      try await Task.sleep(for: .milliseconds(5))
    }
    let entries = try await store.history("chat", limit: 1).first?.entries ?? []
    let at = { (event: HistoryEvent) in entries.filter { $0.event == event }.map(\.time.clockTime) }
    #expect(
      entries.allSatisfy {
        [.stage, .started].contains($0.event) ? calendar.isOpen(at: $0.time) : true
      })
    // In the first window, held at its edge, and on in the second.
    let stages = entries.filter { $0.event == .stage }.map(\.time)
    try #require(stages.count == 2)
    #expect(
      stages[1] - stages[0] > .minutes(45) && stages[1] - stages[0] < .minutes(75), "\(at(.stage))"
    )
    #expect(at(.held).count == 1 && at(.awaitingApproval).count == 1)
    #expect(entries.count { $0.event == .approved } == 2)
    #expect(
      runner.ran.withLock { $0 } == [
        "before_rollout", "before_stage 1", "after_stage 1", "before_stage 2", "after_stage 2",
        "after_promote",
      ])
    #expect(entries.count { $0.event == .hook } >= 5)
  }

  @Test func `what is scheduled and cannot begin in time is dropped with its reason`() async throws
  {
    let clock = SimClock()
    let store = MemoryStore()
    let desk = Desk(store: store, clock: clock)
    let first: @Sendable () -> ServiceState = {
      ServiceState(service: "chat", stable: "blue", other: "green")
    }
    let at = clock.now() + .minutes(5)
    let scheduled = Schedule(
      request: request(CanaryCore.Hooks()), at: at, inWindow: false)
    _ = try await desk.submit(.schedule(scheduled), for: "chat", first: first)
    let freeze = Freeze(
      actor: Actor("li"), reason: "the week's end", since: clock.now(), until: nil)
    _ = try await desk.submit(.freeze(freeze), for: "chat", first: first)
    for minute in [6, 64, 66] as [Int64] {
      await clock.sleep(until: at + .minutes(minute - 5))
      _ = try await desk.submit(.woke, for: "chat", first: first)
    }
    let state = try #require(try await store.load("chat")).value
    #expect(state.scheduled == nil && state.rollout == nil)
    #expect(store.events == [.scheduled, .frozen, .missed])
  }
}
