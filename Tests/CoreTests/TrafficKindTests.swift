import CanaryCore
import TestSupport
import Testing

/// Good releases under the traffic that reverts them elsewhere, and bad ones under the same rules.
@Suite(.busy) struct TrafficKindTests {
  /// The default plan, with stages of a few minutes.
  private static let plan: Plan = {
    var plan = PlanReader.standard
    for index in plan.stages.indices {
      plan.stages[index].soak = .minutes(4)
      plan.stages[index].deadline = .minutes(12)
    }
    return plan
  }()

  /// A quick look; `canary simulate --traffic all --runs 2000` is the long one.
  @Test(arguments: TrafficKind.allCases)
  func `a good release is not reverted`(kind: TrafficKind) throws {
    let scenario = Scenario(rate: 30, stableErrors: 0.01, canaryErrors: 0.01).with(kind)
    let each = 40
    var reasons: [String] = []
    let rounds = try Campaign.current.rounds(1) { round in
      for index in 0..<each {
        let seed = UInt64(round.seed % 1_000_000_000) &* 1009 &+ UInt64(index)
        var rollout = SimulatedRollout(scenario, plan: Self.plan, seed: seed)
        if let reason = rollout.run().reason, reason.hasPrefix("check ") { reasons.append(reason) }
      }
    }
    let runs = Double(rounds * each)
    let allowed = 0.01 * runs + 3 * (0.01 * 0.99 * runs).squareRoot()
    #expect(Double(reasons.count) <= allowed, "\(reasons.count) of \(runs): \(reasons)")
  }

  private func thresholds(_ metric: Metric, _ max: Double, _ window: Span) -> Plan {
    var bound = Check(
      name: "bound", source: .metric(metric), condition: Condition(max: max), window: window,
      minRequests: 20)
    bound.weighsStable = true
    let compared = Check(
      name: "far", source: .metric(.latencyP50), condition: Condition(versus: Versus(worseBy: 1)))
    let weight = Weight(percent: 5) ?? .all
    return Plan(
      name: "t", stages: [Stage(weight: weight, soak: .minutes(30))], checks: [bound, compared])
  }

  @Test func `a bound that only the canary breaks reverts promptly`() {
    for (metric, max, window) in [
      (Metric.errorRate, 0.05, Span.minutes(1)), (.latencyP99, 1, .seconds(30)),
    ] {
      var scenario = Scenario(rate: 100, stableErrors: 0.001, canaryErrors: 0.001)
      if metric == .errorRate { scenario.canaryErrors = 0.3 } else { scenario.slowdown = 6 }
      for seed in 1...20 as ClosedRange<UInt64> {
        var rollout = SimulatedRollout(
          scenario, plan: thresholds(metric, max, window), seed: seed)
        let outcome = rollout.run()
        #expect(outcome.reason?.hasPrefix("check bound failed") == true, "\(outcome)")
        #expect(outcome.took < .seconds(60), "\(outcome.took): \(outcome.reason ?? "")")
      }
    }
  }

  @Test func `a bound that both break holds, however little stable answers`() {
    let check: Check = {
      var check = Check(
        name: "bound", source: .metric(.errorRate), condition: Condition(max: 0.05),
        minRequests: 20)
      check.weighsStable = true
      return check
    }()
    let keys = { (bound: Double, beside: Double?) in
      LimitKeys(bound: bound, beside: beside, alarm: 100)
    }
    func verdict(_ stable: Double?, _ requests: Int, _ keys: LimitKeys?) -> CheckState {
      let reading = Measurement.Reading.beside(
        0.2, requests: 100, stable: stable, stableRequests: requests, keys: keys)
      let at = Instant(milliseconds: 1_000_000)
      return Judge.fold(
        CheckState(check), check, Measurement(check: "bound", at: at, reading: reading))
    }
    #expect(verdict(0.02, 600, keys(1000, 1000)).verdict == .fail)
    #expect(verdict(0.2, 5, keys(1000, 1000)).verdict == .inconclusive)
    #expect(verdict(0.02, 600, keys(10, 1000)).detail.hasSuffix("which so few may do by chance"))
    let alike = verdict(0.045, 600, keys(1000, 3))
    #expect(alike.verdict == .pending)
    #expect(alike.detail.contains("but not clearly more than stable"), "\(alike.detail)")
    #expect(verdict(nil, 0, keys(1000, nil)).verdict == .fail)
  }

  @Test func `what worse_by tolerates raises no alarm`() {
    var baseline = PoolCounts()
    var dice = Dice(seed: 4)
    for _ in 0..<6000 { baseline.count(failed: dice.share() < 0.001, milliseconds: 2) }
    func alarms(
      _ compare: ComparisonKind, worseBy: Double? = nil, longerBy: Int64? = nil,
      failing: Double = 0.001, latency: Int64 = 2
    ) -> Int {
      let spec = ComparisonSpec(
        name: "one", compare: compare, advisory: false, worseBy: worseBy, longerBy: longerBy,
        warmup: WarmUp())
      var judge = ComparisonJudge(
        rollout: 1, checks: [spec], stages: 1, alpha: 0.01, baseline: baseline, most: 0.05)
      let start: Int64 = 1_750_000_000_000
      let at = Instant(milliseconds: start)
      judge.begin(stage: 0, generation: 2, weight: 0.05, trusted: at, at: at)
      for tick in 0..<120_000 {
        let isCanary = dice.share() < 0.05
        judge.add(
          generation: 2, milliseconds: start + Int64(tick * 10), isCanary: isCanary,
          failed: dice.share() < (isCanary ? failing : 0.001),
          latency: isCanary ? latency : 2)
      }
      return judge.alarms.count
    }
    #expect(alarms(.failures, failing: 0.015) == 1)
    #expect(alarms(.failures, worseBy: 0.02, failing: 0.015) == 0)
    #expect(alarms(.failures, worseBy: 0.02, failing: 0.3) == 1)
    #expect(alarms(.slow(quantile: 0.5), latency: 4) == 1)
    #expect(alarms(.slow(quantile: 0.5), longerBy: 2, latency: 4) == 0)
    #expect(alarms(.slow(quantile: 0.5), longerBy: 2, latency: 7) == 1)
    #expect(alarms(.slow(quantile: 0.5), worseBy: 1, latency: 4) == 0)
  }

  @Test func `a warm-up is over after both its time and its requests`() throws {
    var baseline = PoolCounts()
    for _ in 0..<1000 { baseline.count(failed: false, milliseconds: 10) }
    func slow(seconds: Int, rate: Int, share: Double) throws -> (bad: Int, warming: String?) {
      let spec = ComparisonSpec(
        name: "p95", compare: .slow(quantile: 0.95), advisory: false)
      var judge = ComparisonJudge(
        rollout: 1, checks: [spec], stages: 1, alpha: 0.01, baseline: baseline, most: 0.05)
      let start: Int64 = 1_750_000_000_000
      let at = Instant(milliseconds: start)
      judge.begin(stage: 0, generation: 2, weight: share, trusted: at, at: at)
      var dice = Dice(seed: 8)
      for tick in 0..<(seconds * rate) {
        let isCanary = dice.share() < share
        judge.add(
          generation: 2, milliseconds: start + Int64(tick * 1000 / rate), isCanary: isCanary,
          failed: false, latency: isCanary ? 500 : 10)
      }
      let report = try #require(
        judge.report("p95", margin: nil, at: at + .seconds(Double(seconds))))
      return (report.canary.bad, report.warming)
    }
    // Hundreds of requests, but not yet the time; then the time, but too few requests.
    #expect(try slow(seconds: 25, rate: 200, share: 0.5).bad == 0)
    #expect(try slow(seconds: 25, rate: 200, share: 0.5).warming == "5s of the warm-up left")
    #expect(try slow(seconds: 60, rate: 10, share: 0.1).bad == 0)
    #expect(
      try slow(seconds: 60, rate: 10, share: 0.1).warming?.hasSuffix(
        "of the warm-up's 100 canary requests") == true)
    #expect(try slow(seconds: 60, rate: 200, share: 0.5).bad > 100)
  }

  @Test func `a source that failed is asked again soon`() {
    let check = Check(
      name: "far", source: .command(["true"]), every: .minutes(10))
    var state = CheckState(check)
    let at = Instant(milliseconds: 1_000_000)
    state = Judge.fold(state, check, Measurement(check: "far", at: at, reading: .failed("refused")))
    #expect(state.nextDue(check, soak: .hours(1)) == at + .seconds(5))
    state = Judge.fold(
      state, check, Measurement(check: "far", at: at, reading: .answer(true, "200")))
    #expect(state.nextDue(check, soak: .hours(1)) == at + .minutes(10))
  }
}
