import CanaryCore
import TestSupport
import Testing

/// Canaries that answer, and are bad all the same, against invented traffic.
@Suite(.busy) struct BadReleaseSimulationTests {
  /// The default checks, with stages of a minute.
  private static let plan: Plan = {
    var plan = PlanReader.standard
    plan.stages = plan.stages.map { Stage(weight: $0.weight, soak: .minutes(1)) }
    return plan
  }()

  private func scenario(_ defect: Defect?) -> Scenario {
    var scenario = Scenario(rate: 100, stableErrors: 0.001, canaryErrors: 0.001)
    scenario.defect = defect
    return scenario
  }

  @Test(arguments: Defect.allCases)
  func `none of them is promoted by the default checks`(defect: Defect) {
    for seed in 0..<(defect == .unlogged ? 1 : 2) {
      var rollout = SimulatedRollout(scenario(defect), plan: Self.plan, seed: UInt64(seed))
      let outcome = rollout.run()
      #expect(outcome.end == .reverted, "\(seed): \(outcome)")
    }
  }

  @Test(arguments: Defect.allCases.filter { $0 != .unlogged })
  func `each is found by the comparisons alone, within a few requests`(defect: Defect) {
    let hurt = (0..<8).map { seed in
      SimulatedRules(scenario(defect), plan: Self.plan, seed: UInt64(seed), withPeers: false)
        .compared?.hurt ?? .max
    }.sorted()
    // A body is tiny beside two hundred of stable's.
    let most = defect == .tiny ? 40 : 25
    #expect(hurt[7] <= most, "\(hurt)")
  }

  @Test func `a release with the noise of every service is not blamed for it`() {
    let reverted = (0..<30).count { seed in
      let scenario = Scenario(rate: 10, stableErrors: 0.002, canaryErrors: 0.002)
      return SimulatedRules(scenario, plan: Self.plan, seed: UInt64(seed), withPeers: false)
        .compared != nil
    }
    #expect(reverted <= 2, "\(reverted)")
  }

  private static let start: Int64 = 1_750_000_000_000

  private func judge(weight: Double = 0.05) -> ComparisonJudge {
    var judge = ComparisonJudge(
      rollout: 1, checks: PlanReader.standard.comparisons, stages: 5, alpha: 0.01,
      baseline: PoolCounts(), most: 0.05)
    let at = Instant(milliseconds: Self.start)
    judge.begin(stage: 0, generation: 2, weight: weight, trusted: at, at: at)
    return judge
  }

  /// Requests ten milliseconds apart; the canary's answers by their number.
  private func feed(
    _ judge: inout ComparisonJudge, _ count: Int, share: Double = 0.05,
    canary: (Int) -> (failed: Bool?, answer: Answer)?,
    stable: (Int) -> (failed: Bool?, answer: Answer) = { _ in (false, Answer(size: 500)) }
  ) {
    var dice = Dice(seed: 3)
    for index in 0..<count {
      let isCanary = dice.share() < share
      guard let (failed, answer) = isCanary ? canary(index) : stable(index) else { continue }
      judge.add(
        generation: 2, milliseconds: Self.start + Int64(index * 10), isCanary: isCanary,
        failed: failed, latency: failed == nil ? 300 : 10, answer: answer)
    }
  }

  private func report(_ judge: ComparisonJudge, _ check: CheckName) throws -> ComparisonReport {
    try #require(
      judge.report(check, margin: nil, at: Instant(milliseconds: Self.start + 100_000)))
  }

  @Test func `what a release does in one request of a hundred is no regression`() {
    var judge = judge()
    feed(&judge, 60_000, canary: { _ in (false, Answer(size: 500)) })
    let before = judge.evidence
    // One of a hundred of the canary's is led elsewhere, none of stable's.
    var seen = 0
    feed(
      &judge, 60_000,
      canary: { _ in
        seen += 1
        return (false, seen % 100 == 0 ? Answer(.redirected) : Answer(size: 500))
      })
    #expect(judge.alarms.isEmpty && before < 10, "\(judge.alarms)")
  }

  @Test func `clients that give up on the canary alone are failures, and break no silence`() throws
  {
    var judge = judge()
    feed(
      &judge, 3000, canary: { _ in (nil, Answer(.abandoned)) },
      stable: { $0 % 50 == 0 ? (nil, Answer(.abandoned)) : (false, Answer(size: 500)) })
    let alarm = try #require(judge.alarms.first)
    #expect(alarm.check == "errors_vs_stable" && alarm.milliseconds < Self.start + 5000)
    let line = try report(judge, "errors_vs_stable").line
    #expect(line.contains("gave up waiting") || line.contains("were due"), "\(line)")
    // Those who click away from both say nothing of either.
    var both = self.judge()
    let left = { (index: Int) -> (failed: Bool?, answer: Answer) in
      index % 10 == 0 ? (nil, Answer(.abandoned)) : (false, Answer(size: 500))
    }
    feed(&both, 30_000, canary: left, stable: left)
    #expect(both.alarms.isEmpty, "\(both.alarms)")
  }

  @Test func `lines that are missing hold the stage and say how many`() throws {
    var judge = judge()
    feed(&judge, 4000, canary: { $0 % 4 == 0 ? (false, Answer(size: 500)) : nil })
    #expect(judge.alarms.isEmpty)
    let report = try report(judge, "errors_vs_stable")
    let check = try #require(
      PlanReader.standard.checks.first { $0.name == "errors_vs_stable" })
    let state = Judge.fold(
      CheckState(check), check,
      Measurement(check: check.name, at: Instant(milliseconds: 0), reading: .compared(report)))
    #expect(state.verdict == .inconclusive)
    #expect(
      state.detail.contains(
        "% of the requests are the canary's where 5 % were sent: their failures may be logged elsewhere"
      ), "\(state.detail)")
    // They come again, and the hold ends.
    feed(&judge, 20_000, canary: { _ in (false, Answer(size: 500)) })
    let later = try self.report(judge, "errors_vs_stable")
    #expect(
      Judge.fold(
        CheckState(check), check,
        Measurement(check: check.name, at: Instant(milliseconds: 0), reading: .compared(later))
      ).verdict == .pass)
  }

  @Test func `too few lines are seldom chance`() throws {
    var held = 0
    for seed in 0..<100 {
      var judge = judge()
      var dice = Dice(seed: UInt64(seed))
      var isHeld = false
      for index in 0..<5000 {
        judge.add(
          generation: 2, milliseconds: Self.start + Int64(index * 10),
          isCanary: dice.share() < 0.05, failed: false, latency: 10)
        if index % 500 == 0, try report(judge, "errors_vs_stable").missing != nil { isHeld = true }
      }
      if isHeld { held += 1 }
    }
    #expect(held <= 1, "\(held)")
  }

  @Test func `what was cut off is told as that`() throws {
    var judge = judge()
    feed(
      &judge, 3000,
      canary: { $0 % 5 < 2 ? (true, Answer(.cutOff)) : (false, Answer(size: 500)) })
    #expect(!judge.alarms.isEmpty)
    let line = try report(judge, "errors_vs_stable").line
    #expect(line.contains("canary failed, most of it cut off,"), "\(line)")
    let own = try report(judge, "cut_off_vs_stable").line
    #expect(own.hasPrefix("canary cut off "), "\(own)")
  }
}
