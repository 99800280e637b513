import CanaryAdapters
import CanaryCore
import FoundationEssentials
import TestSupport
import Testing

/// The comparison over a stream of requests: what it counts, what it survives, and what it says of it.
@Suite(.busy) struct ComparerTests {
  private static let start: Int64 = 1_750_000_000_000

  private static let checks = [
    ("errors", ComparisonKind.failures), ("p95", ComparisonKind.slow(quantile: 0.95)),
  ].compactMap { name, compare in
    CheckName(name).map { ComparisonSpec(name: $0, compare: compare, advisory: false) }
  }

  private func judge(_ baseline: PoolCounts = PoolCounts(), weight: Double = 0.05)
    -> ComparisonJudge
  {
    var judge = ComparisonJudge(
      rollout: 1, checks: Self.checks, stages: 5, alpha: 0.01, baseline: baseline, most: 0.05)
    begin(&judge, weight: weight)
    return judge
  }

  private func begin(_ judge: inout ComparisonJudge, stage: Int = 0, weight: Double = 0.05) {
    let at = Instant(milliseconds: Self.start)
    judge.begin(stage: stage, generation: stage + 2, weight: weight, trusted: at, at: at)
  }

  /// Twenty requests a round, one of them the canary's, a round a second.
  private func feed(
    _ judge: inout ComparisonJudge, rounds: Range<Int>,
    canaryFails: (Int) -> Bool = { _ in false },
    stableFails: (Int) -> Bool = { _ in false }, generation: Int = 2, latency: Int64 = 10
  ) {
    for round in rounds {
      for index in 0..<20 {
        let isCanary = index == 7
        judge.add(
          generation: generation, milliseconds: Self.start + Int64(round * 1000 + index * 50),
          isCanary: isCanary,
          failed: isCanary ? canaryFails(round) : stableFails(round * 20 + index),
          latency: latency)
      }
    }
  }

  @Test(arguments: [0.05, 0.1, 0.3, 0.6])
  func `a canary that is down is found within a handful of requests at any share`(weight: Double) {
    var judge = judge(weight: weight)
    var dice = Dice(seed: 4)
    var failed = 0
    var time = Self.start
    while judge.alarms.isEmpty, failed < 100 {
      time += 10
      let isCanary = dice.share() < weight
      if isCanary { failed += 1 }
      judge.add(
        generation: 2, milliseconds: time, isCanary: isCanary, failed: isCanary, latency: 10)
    }
    #expect(failed <= 12, "\(failed)")
  }

  @Test func `a request that fails everywhere counts once, by its first try`() throws {
    // Stable fails now and then and the try on the canary fails as well: a poisoned request, tried twice.
    let table = PoolTable([("10.0.0.1:80", "blue"), ("10.0.0.2:80", "green")])
    let parser = LogParser(table, .response)
    var tally = LogTally(pools: table.pools)
    tally.comparison = TallyComparison(judge(), pools: table.pools, canary: "green", stable: "blue")
    var dice = Dice(seed: 5)
    for index in 0..<20_000 {
      let time =
        "\((Self.start + Int64(index * 10)) / 1000).\(String(1000 + index * 10 % 1000).dropFirst())"
      let isPoisoned = dice.share() < 0.01
      let first = dice.share() < 0.05 ? "10.0.0.2:80" : "10.0.0.1:80"
      let other = first == "10.0.0.1:80" ? "10.0.0.2:80" : "10.0.0.1:80"
      let line =
        isPoisoned
        ? "canary1\t\(time)\t2\t502\t0.010\t\(first), \(other)\t502, 502\t-, -\t0.005, 0.005"
        : "canary1\t\(time)\t2\t200\t0.010\t\(first)\t200\t0.010\t0.010"
      Array(line.utf8).withUnsafeBufferPointer { parser.parse($0[...], into: &tally) }
    }
    #expect(tally.unreadable == 0)
    let judge = try #require(tally.comparison?.judge)
    #expect(judge.alarms.isEmpty, "\(judge.alarms)")
    // Every try still counts for its pool: the canary failed as often as stable, on a twentieth of the requests.
    let canary = tally.total(pool: "green", from: 0, through: .max / 2)
    #expect(Double(canary.failures) / Double(canary.requests) > 0.1)
  }

  @Test func `no stratum spans a change of weight`() {
    // All of stable's failures come before the change, all of the canary's after it.
    var judge = judge()
    feed(&judge, rounds: 0..<10, stableFails: { _ in true })
    let before = judge.evidence
    begin(&judge, stage: 1, weight: 0.1)
    #expect(judge.generation == 3)
    // What the old generation still answers is not this stage's.
    feed(&judge, rounds: 10..<12, generation: 2)
    let report = judge.report("errors", margin: nil, at: Instant(milliseconds: Self.start))
    #expect(report?.canary.requests == 0)
    #expect(judge.evidence <= before)
  }

  @Test func `a comparison that was saved goes on as if nothing had happened`() throws {
    var whole = judge()
    feed(&whole, rounds: 0..<200, canaryFails: { $0 % 9 == 0 })
    var half = judge()
    feed(&half, rounds: 0..<77, canaryFails: { $0 % 9 == 0 })
    let text = try JSONEncoder().encode(half)
    var resumed = try JSONDecoder().decode(ComparisonJudge.self, from: text)
    #expect(resumed == half)
    feed(&resumed, rounds: 77..<200, canaryFails: { $0 % 9 == 0 })
    #expect(resumed == whole)
    #expect(text.count < 24_000, "\(text.count)")
  }

  @Test func `a fault of both pools is held, not blamed`() throws {
    var judge = judge()
    feed(&judge, rounds: 0..<60)
    feed(&judge, rounds: 60..<100, canaryFails: { $0 % 3 == 0 }, stableFails: { $0 % 3 == 0 })
    #expect(judge.alarms.isEmpty)
    let now = Instant(milliseconds: Self.start + 100_000)
    let report = try #require(judge.report("errors", margin: nil, at: now))
    let check = Check(
      name: "errors", source: .metric(.errorRate), condition: Condition(versus: Versus()))
    let state = Judge.fold(
      CheckState(check), check, Measurement(check: "errors", at: now, reading: .compared(report)))
    #expect(state.verdict == .inconclusive)
    #expect(state.detail.contains("a fault of both, the canary is not blamed"), "\(state.detail)")
  }

  @Test func `a canary that hangs is told by its silence`() throws {
    var judge = judge()
    for index in 0..<2000 where judge.alarms.isEmpty {
      judge.add(
        generation: 2, milliseconds: Self.start + Int64(index * 10), isCanary: false, failed: false,
        latency: 10)
    }
    let alarm = try #require(judge.alarms.first)
    #expect((15...25).contains(alarm.due ?? 0), "\(alarm)")
    let report = try #require(
      judge.report("errors", margin: nil, at: Instant(milliseconds: Self.start)))
    #expect(report.line.hasPrefix("the canary answered 0 of "), "\(report.line)")
    #expect(report.line.hasSuffix(" were due"), "\(report.line)")
  }

  @Test func `what the brake routed is no silence`() {
    var judge = judge()
    let later = Instant(milliseconds: Self.start + 100_000)
    judge.begin(
      stage: 0, generation: 2, weight: 0.05, trusted: later,
      at: Instant(milliseconds: Self.start))
    for index in 0..<5000 {
      judge.add(
        generation: 2, milliseconds: Self.start + Int64(index * 10), isCanary: false, failed: false,
        latency: 10)
    }
    #expect(judge.alarms.isEmpty)
  }

  @Test func `one line tells a person what was seen`() {
    var report = ComparisonReport(
      compare: .failures, canary: BadCount(805, bad: 33), stable: BadCount(15_310, bad: 46),
      evidence: 12_345.6, alarm: 100, isWorse: true, margin: 0.01, isAlone: false)
    #expect(
      "\(report.line): \(report.odds)"
        == "canary 5xx 4.1 % (33 of 805) against stable 0.3 % (46 of 15,310): 1 in 12,000 if they were alike"
    )
    report.compare = .slow(quantile: 0.95)
    report.edge = 0.216
    report.canary = BadCount(58, bad: 8)
    #expect(
      report.line
        == "canary slower than stable's p95 of 216 ms (+10 %) in 13.8 % (8 of 58) against 0.3 % (46 of 15,310)"
    )
    #expect(
      ComparisonReport.odds(99.9) == "99"
        && ComparisonReport.odds(1e15) == "more than 1,000,000,000,000")
  }

  private func verdict(_ report: ComparisonReport, _ versus: Versus = Versus()) -> CheckState {
    let check = Check(
      name: "errors", source: .metric(.errorRate), condition: Condition(versus: versus),
      minRequests: 20)
    let measurement = Measurement(
      check: "errors", at: Instant(milliseconds: Self.start), reading: .compared(report))
    return Judge.fold(CheckState(check), check, measurement)
  }

  @Test func `too little data holds with a forecast, or says what it cannot know`() {
    var report = ComparisonReport(
      compare: .failures, canary: BadCount(90), stable: BadCount(1710), evidence: 1, alarm: 100,
      isWorse: false, upper: 0.045, margin: 0.01, needed: 4123, neededTime: .seconds(640),
      isAlone: false)
    let held = verdict(report)
    #expect(held.verdict == .inconclusive)
    #expect(
      held.detail
        == "canary 5xx 0 % (0 of 90) against stable 0 % (0 of 1,710); up to 4.5 points worse is possible, the margin is 1: about 4,200 more requests, 11 min at this traffic",
      "\(held.detail)")
    let passed = verdict(report, Versus(demandsEvidence: false))
    #expect(passed.verdict == .pass)
    #expect(
      passed.detail.hasSuffix("up to 4.5 points worse could not be excluded (margin 1)"),
      "\(passed.detail)")
    report.upper = 0.0048
    #expect(verdict(report).verdict == .pass)
    #expect(verdict(report).detail.hasSuffix("at most 0.48 points worse (margin 1)"))
    report.evidence = 14
    #expect(verdict(report).verdict == .pending)
    report.evidence = 1
    report.canary = BadCount(12)
    #expect(verdict(report, Versus(demandsEvidence: false)).verdict == .inconclusive)
  }

  @Test func `evidence comes with requests, and the margin sets how many`() throws {
    var judge = judge()
    let now = Instant(milliseconds: Self.start)
    var needed = 0
    for round in 0..<2000 {
      feed(&judge, rounds: round..<(round + 1))
      if try #require(judge.report("errors", margin: 0.01, at: now)).isProven {
        needed = round + 1
        break
      }
    }
    #expect((380...430).contains(needed), "\(needed)")
    #expect(judge.report("errors", margin: 0.001, at: now)?.isProven == false)
    #expect(judge.report("errors", margin: 0.05, at: now)?.isProven == true)
  }
}
