import CanaryCore
import TestSupport
import Testing

/// What stable has too is no fault of the canary, and what only stable has is no fault of both.
@Suite(.busy) struct FaultOfBothTests {
  private static let start: Int64 = 1_750_000_000_000

  private func judge(_ baseline: PoolCounts = PoolCounts()) -> ComparisonJudge {
    ComparisonJudge(
      rollout: 1, checks: [ComparisonSpec(name: "errors", compare: .failures, advisory: false)],
      stages: 5, alpha: 0.01, baseline: baseline, most: 0.05)
  }

  private func begin(
    _ judge: inout ComparisonJudge, _ stage: Int, _ weight: Double, second: Int,
    trusted: Int? = nil
  ) {
    let at = { (second: Int) in Instant(milliseconds: Self.start + Int64(second) * 1000) }
    judge.begin(
      stage: stage, generation: stage + 2, weight: weight, trusted: at(trusted ?? second),
      at: at(second))
  }

  /// A hundred requests a second from both pools; `rates` are the shares that fail.
  private func feed(
    _ judge: inout ComparisonJudge, _ seconds: Range<Int>, _ weight: Double,
    stable: Double, canary: Double, generation: Int, seed: UInt64
  ) {
    var dice = Dice(seed: seed &* 7919 &+ UInt64(seconds.lowerBound))
    for tick in (seconds.lowerBound * 100)..<(seconds.upperBound * 100) {
      let isCanary = dice.share() < weight
      judge.add(
        generation: generation, milliseconds: Self.start + Int64(tick * 10), isCanary: isCanary,
        failed: dice.share() < (isCanary ? canary : stable), latency: 10)
    }
  }

  @Test func `a fault of both soon after a change of weight is not the canary's`() {
    var reverted = 0
    for seed in 1...300 {
      var judge = judge()
      begin(&judge, 0, 0.05, second: 0)
      feed(&judge, 0..<90, 0.05, stable: 0.001, canary: 0.001, generation: 2, seed: UInt64(seed))
      begin(&judge, 1, 0.6, second: 90)
      feed(&judge, 90..<93, 0.6, stable: 0.001, canary: 0.001, generation: 3, seed: UInt64(seed))
      feed(&judge, 93..<113, 0.6, stable: 0.3, canary: 0.3, generation: 3, seed: UInt64(seed))
      if !judge.alarms.isEmpty { reverted += 1 }
    }
    #expect(reverted <= 8, "\(reverted) of 300")
  }

  @Test func `what a brake routed belongs to no stratum`() {
    var reverted = 0
    for seed in 1...300 {
      var judge = judge()
      begin(&judge, 0, 0.5, second: 0)
      // A driver died, its guard braked: all requests were stable's until the next one took over,
      // which reads them then.
      begin(&judge, 0, 0.5, second: 0, trusted: 40)
      feed(&judge, 0..<40, 0, stable: 0.001, canary: 0, generation: 2, seed: UInt64(seed))
      feed(&judge, 40..<60, 0.5, stable: 0.3, canary: 0.3, generation: 2, seed: UInt64(seed))
      if !judge.alarms.isEmpty { reverted += 1 }
    }
    #expect(reverted <= 8, "\(reverted) of 300")
  }

  @Test func `an alarm by two keys says no more than the weaker one`() throws {
    // Nothing was compared before the stage: the bound has grown for long, the last minute leans.
    var judge = judge()
    begin(&judge, 0, 0.3, second: 0)
    feed(&judge, 0..<40, 0.3, stable: 0.02, canary: 0.2, generation: 2, seed: 3)
    let alarm = try #require(judge.alarms.first)
    let compared = try #require(
      judge.report("errors", margin: nil, at: Instant(milliseconds: Self.start + 40_000)))
    #expect(alarm.evidence >= 100 && alarm.evidence < 10_000, "\(alarm)")
    #expect(compared.odds.hasSuffix("if they were alike"))
  }

  @Test func `at 100 % there is nothing to be alike with`() throws {
    var judge = judge()
    begin(&judge, 0, 1, second: 0)
    feed(&judge, 0..<10, 1, stable: 0, canary: 0.4, generation: 2, seed: 3)
    let compared = try #require(
      judge.report("errors", margin: nil, at: Instant(milliseconds: Self.start + 10_000)))
    #expect(compared.odds.hasSuffix("if no more than 5 % failed"), "\(compared.odds)")
  }

  @Test func `a hotfix for a stable that fails passes`() throws {
    var judge = judge()
    begin(&judge, 0, 0.05, second: 0)
    feed(&judge, 0..<150, 0.05, stable: 0.08, canary: 0, generation: 2, seed: 5)
    let now = Instant(milliseconds: Self.start + 150_000)
    let report = try #require(judge.report("errors", margin: nil, at: now))
    #expect(try #require(report.sharedFor) > .seconds(100))
    let check = Check(
      name: "errors", source: .metric(.errorRate), condition: Condition(versus: Versus()))
    let state = Judge.fold(
      CheckState(check), check, Measurement(check: "errors", at: now, reading: .compared(report)))
    #expect(state.verdict == .pass, "\(state.detail)")
    // One that fails as stable does is held.
    feed(&judge, 150..<220, 0.05, stable: 0.08, canary: 0.08, generation: 2, seed: 5)
    let later = now + .seconds(70)
    let shared = try #require(judge.report("errors", margin: nil, at: later))
    let held = Judge.fold(
      CheckState(check), check, Measurement(check: "errors", at: later, reading: .compared(shared)))
    #expect(held.detail.contains("a fault of both"), "\(held.detail)")
  }

  @Test func `failures that answer fast do not make a mended canary slow`() {
    var baseline = PoolCounts()
    for index in 0..<1000 {
      baseline.count(failed: index % 2 == 0, milliseconds: index % 2 == 0 ? 1 : 80)
    }
    var judge = ComparisonJudge(
      rollout: 1,
      checks: [
        ComparisonSpec(name: "p50", compare: .slow(quantile: 0.5), advisory: false)
      ], stages: 5, alpha: 0.01, baseline: baseline, most: 0.05)
    begin(&judge, 0, 0.2, second: 0)
    var dice = Dice(seed: 9)
    for tick in 0..<30_000 {
      let isCanary = dice.share() < 0.2
      let failed = !isCanary && dice.share() < 0.5
      judge.add(
        generation: 2, milliseconds: Self.start + Int64(tick * 10), isCanary: isCanary,
        failed: failed, latency: failed ? 1 : 80)
    }
    #expect(judge.alarms.isEmpty, "\(judge.alarms)")
  }
}
