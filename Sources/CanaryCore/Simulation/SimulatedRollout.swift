/// A whole rollout against invented traffic: the real policy and judge, and a clock that jumps.
package struct SimulatedRollout {
  /// How it ended.
  package struct Outcome: Hashable, Sendable {
    package enum End: String, Hashable, Sendable { case promoted, reverted, unfinished }
    package var end: End
    package var took: Span
    /// Requests that failed on the canary while it was bad.
    package var hurt: Int
    package var reason: String?
    /// How long after the canary turned bad the rollout was reverted; nil: it was not.
    package var noticed: Span?
  }

  private struct Sink: RequestSink {
    var tally: LogTally
    var answers: AnswerMaker
    var generation = 0
    var start: Int64
    var hurt = 0
    var isBad = false

    @inline(__always)
    mutating func take(milliseconds: Int64, isCanary: Bool, failed: Bool, latency: Int64) {
      let time = start + milliseconds
      let pool = isCanary ? 1 : 0
      let line = answers.line(isBad: isCanary && isBad, failed: failed, latency: latency)
      if isCanary, isBad, failed || line?.isHurt ?? true { hurt += 1 }
      guard let line else { return }
      tally.compare(
        generation: generation, milliseconds: time, pool: pool, failed: line.failed,
        latency: line.latency, isDrawn: true, answer: line.answer)
      tally.add(second: time / 1000, pool: pool) { counts in
        if let failed = line.failed {
          counts.count(failed: failed, milliseconds: line.latency)
          counts.note(line.answer.signs)
        } else {
          counts.aborted += 1
          counts.waits.record(milliseconds: line.latency)
        }
      }
    }
  }

  private static let stable: PoolName = "stable"
  private static let canary: PoolName = "canary"
  private static let start: Int64 = 1_750_000_000_000

  private let scenario: Scenario
  private var state: ServiceState
  private var sink: Sink
  private var maker: TrafficMaker
  private let baseline: PoolCounts
  private var owed: [Event] = []
  private var now = Instant(milliseconds: start)

  /// Prepares a rollout that the traffic alone decides.
  ///
  /// Sources other than the log always pass; checks before the rollout and approvals are left out.
  package init(_ scenario: Scenario, plan: Plan, seed: UInt64) {
    var plan = plan
    plan.before = []
    for index in plan.stages.indices { plan.stages[index].approval = nil }
    self.scenario = scenario
    var maker = TrafficMaker(scenario, seed: seed, lasting: Self.longest(plan))
    baseline = maker.baseline()
    self.maker = maker
    sink = Sink(
      tally: LogTally(pools: [Self.stable, Self.canary]),
      answers: AnswerMaker(scenario, seed: seed), start: Self.start)
    state = ServiceState(service: "simulated", stable: Self.stable, other: Self.canary)
    owed = [
      .promote(PromoteRequest(to: Self.canary, plan: plan, retain: .hours(1), actor: .canary))
    ]
  }

  /// The longest that a rollout may take: the sum of all deadlines, and a minute.
  package static func longest(_ plan: Plan) -> Span {
    plan.stages.reduce(.zero) { $0 + $1.deadline } + .minutes(1)
  }

  /// Runs until the rollout is over, or has taken longer than `longest`.
  package mutating func run() -> Outcome {
    guard let plan = promise?.plan else { return outcome() }
    let end = now + Self.longest(plan)
    settle()
    var lastLook = now
    while state.running != nil, now < end {
      let elapsed = now.milliseconds - Self.start
      let weight = (state.serving?.routing.weight.percent ?? 0) / 100
      sink.isBad = elapsed >= scenario.onset.milliseconds
      sink.generation = state.serving?.generation.number ?? 0
      maker.half(from: elapsed, weight: weight, canaryIsBad: sink.isBad, into: &sink)
      now = now + Span(milliseconds: 500)
      // Sources answer every five seconds here, and at once after an alarm.
      let isUrgent = sink.tally.comparison?.judge.alarms.isEmpty == false
      guard isUrgent || now - lastLook >= .seconds(5) else { continue }
      lastLook = now
      owed.append(.woke)
      settle()
      sink.tally.drop(before: now.second - 1800)
    }
    return outcome()
  }

  private var promise: PromoteRequest? {
    if case .promote(let request)? = owed.first { return request }
    return nil
  }

  /// Handles events and their effects until nothing is left but to let time pass.
  private mutating func settle() {
    while !owed.isEmpty {
      let decision = decide(state, owed.removeFirst(), at: now)
      if decision.refusal != nil { continue }
      state = decision.state
      for effect in decision.effects { perform(effect) }
    }
  }

  private mutating func perform(_ effect: Effect) {
    switch effect {
    case .apply(_, let generation): owed.append(.applied(generation))
    case .look(_, _, let rollout):
      now = now + Span(milliseconds: 250)
      owed.append(.looked(fault: nil, rollout: rollout))
      owed.append(.woke)
    case .measure(let checks, let context):
      owed.append(
        .measured(measure(checks, context), rollout: context.rollout, stage: context.stage))
    case .wake(let at): if at <= now { owed.append(.woke) }
    // A simulated rollout has no approvals, no hooks and no hosts.
    case .brake, .forgetFormer, .release, .preflight, .run, .end: break
    }
  }

  private mutating func measure(_ checks: [Check], _ context: StageContext) -> [Measurement] {
    if sink.tally.comparison == nil, let judge = LogReading.judge(context, baseline: baseline) {
      sink.tally.comparison = TallyComparison(
        judge, pools: sink.tally.pools, canary: context.canary, stable: context.stable)
    }
    sink.tally.comparison?.judge.begin(
      stage: context.stage, generation: context.generation.number,
      weight: context.weight.percent / 100, trusted: context.trusted, at: context.since)
    sink.tally.watchLimits(context, at: now)
    let reading = LogReading(context, at: now, sink.tally.comparison?.judge)
    return checks.map { check in
      check.source.isFromLog
        ? reading.measure(check, &sink.tally)
        : Measurement(check: check.name, at: now, reading: Self.good(check))
    }
  }

  private static func good(_ check: Check) -> Measurement.Reading {
    guard check.condition.hasBound else { return .answer(true, "taken as good") }
    return .value(check.condition.max ?? check.condition.min ?? 0, requests: nil)
  }

  private func outcome() -> Outcome {
    let took = now - Instant(milliseconds: Self.start)
    let end: Outcome.End
    switch state.rollout?.phase {
    case .promoted?: end = .promoted
    case .reverted?, .reverting?: end = .reverted
    default: end = .unfinished
    }
    return Outcome(
      end: end, took: took, hurt: sink.hurt,
      reason: state.rollout.flatMap(Wording.reason),
      noticed: end == .reverted ? took - min(took, scenario.onset) : nil)
  }
}
