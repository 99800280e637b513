import CanaryCore
import TestSupport
import Testing

/// Stages that the history tells, for a log whose lines do not.
@Suite(.busy) struct RecordedStagesTests {
  private static let start: Int64 = 1_795_000_000_000
  private static let table = PoolTable([("10.0.0.1:80", "blue"), ("10.0.0.2:80", "green")])
  private static let shares = [0.05, 0.2, 0.2, 1]

  private static let plan = Plan(
    name: "p",
    stages: shares.compactMap { share in
      Weight(percent: share * 100).map { Stage(weight: $0, soak: .seconds(30)) }
    },
    checks: [
      Check(
        name: "errors", source: .metric(.errorRate), condition: Condition(versus: Versus()),
        every: .seconds(5))
    ])

  private static func at(_ seconds: Double) -> Instant {
    Instant(milliseconds: start) + .seconds(seconds)
  }

  private static func entry(_ event: HistoryEvent, _ seconds: Double, _ detail: String? = nil)
    -> Entry
  {
    Entry(rollout: 7, time: at(seconds), event: event, actor: .canary, detail: detail)
  }

  /// Stages of 30 s each from the 30th second on, then the end.
  private static func entries(_ end: HistoryEvent = .promoted) -> [Entry] {
    [entry(.started, 0)]
      + shares.indices.map {
        entry(.stage, 30 + Double($0) * 30, "stage \($0 + 1) of 4 (some%), generation \(41 + $0)")
      } + [entry(end, 150)]
  }

  @Test func `a rollout's entries tell when its stages were in force`() throws {
    let stages = try #require(RecordedStages(Self.entries()))
    #expect(stages.generations == [41, 42, 43, 44])
    #expect(stages.generations(within: Self.at(59)...Self.at(90)) == [42, 43])
    #expect(stages.generations(within: Self.at(151)...Self.at(900)).isEmpty)
    for (seconds, expected) in [
      (28.7, 40), (29.5, nil), (30.1, 41), (58.7, 41), (59.9, nil), (60.1, 42), (90.1, 43),
      (120.1, 44),
      (148.7, 44), (149.5, nil), (151, nil), (9999, nil),
    ] as [(Double, Int?)] {
      let moment = Self.at(seconds).milliseconds
      #expect(stages.times.generation(start: moment, tried: moment) == expected, "\(seconds)")
    }
    // A revert is asked for when it is noted: what decided it is the last stage's.
    let reverted = try #require(RecordedStages(Self.entries(.reverting)))
    for (seconds, expected) in [(149.99, 44), (150.01, nil)] as [(Double, Int?)] {
      let late = Self.at(seconds).milliseconds
      #expect(reverted.times.generation(start: late, tried: late) == expected, "\(seconds)")
    }
    // While it runs, the last stage is the present one; before the first stage there is none.
    let running = try #require(RecordedStages(Self.entries().dropLast()))
    let now = Self.at(9999).milliseconds
    #expect(running.times.generation(start: now, tried: now) == 44)
    #expect(RecordedStages([Self.entry(.started, 0)]) == nil)
    // Words of another version: the stages are numbered by their order.
    var odd = Self.entries()
    odd[2].detail = "stage two"
    #expect(RecordedStages(odd)?.generations == [1, 2, 3, 4])
    // Stages without a soak leave nothing to tell apart, and do no harm.
    let quick = (0..<3).map { Self.entry(.stage, 30, "generation \(41 + $0)") }
    let last = try #require(RecordedStages(quick))
    #expect(last.times.generation(start: now, tried: now) == 43)
  }

  /// Ten requests a second from the start until 20 s after the end; the canary fails from `onset` on.
  private func lines(onset: Double, _ generation: (Double) -> Int) -> [String] {
    var dice = Dice(seed: 9)
    return (0..<1700).map { index in
      let second = Double(index) / 10
      let stage = Int(((second - 30) / 30).rounded(.down))
      let share = stage < 0 ? 0 : stage > 3 ? 1 : Self.shares[stage]
      let isCanary = dice.share() < share
      let status = isCanary && second >= onset && dice.share() < 0.7 ? 500 : 200
      let time = Self.at(second + 0.05).milliseconds
      return
        "canary2\t\(time / 1000).\("\(1000 + time % 1000)".dropFirst())\t\(generation(second))\t\(status)\t0.010\t10.0.0.\(isCanary ? 2 : 1):80\t\(status)\t0.010\t0.010\t\(index % 100)\t-"
    }
  }

  private func replay(_ lines: [String], _ stages: RecordedStages?) -> LogReplay {
    let parser = LogParser(Self.table, .response, stages?.times)
    var tally = LogTally(pools: Self.table.pools)
    tally.census = [:]
    func each(_ take: (Slice<UnsafeBufferPointer<UInt8>>) -> Void) {
      for line in lines { Array(line.utf8).withUnsafeBufferPointer { take($0[...]) } }
    }
    each { parser.parse($0, into: &tally) }
    let census = (tally.census ?? [:]).filter { stages?.generations.contains($0.key) ?? true }
    var replay = LogReplay(
      census, pools: Self.table.pools, plan: Self.plan, stable: "blue", canary: "green",
      baseline: PoolCounts(), isOneRollout: true)
    each { replay.read($0, parser) }
    replay.finish()
    return replay
  }

  @Test func `a log of one generation is replayed stage by stage`() throws {
    let stages = try #require(RecordedStages(Self.entries()))
    let found = replay(lines(onset: 65) { _ in 1 }, stages)
    #expect(found.steps.map(\.generation) == [41, 42, 43, 44], "\(found.steps.map(\.generation))")
    #expect(found.steps.map(\.stage) == [0, 1, 2, 3])
    for (step, share) in zip(found.steps, Self.shares) {
      #expect(abs(step.canaryShare - share) < 0.08, "\(step.canaryShare)")
      // A second before each switch is left out, and a little more.
      #expect((283...300).contains(step.requests), "\(step.requests)")
    }
    #expect(found.steps[0].reverted == nil)
    let reverted = try #require(found.steps[1].reverted)
    #expect(reverted.at > Self.at(65) && reverted.at < Self.at(80), "\(reverted)")
    // As with a generation for each stage.
    let named = replay(lines(onset: 65) { 40 + max(0, min(4, Int($0 / 30))) }, nil)
    let same = try #require(named.steps.first { $0.reverted != nil })
    let times = try #require(same.reverted.map { abs(($0.at - reverted.at).seconds) })
    #expect(same.generation == 42 && times <= 2, "\(times)")
  }
}
