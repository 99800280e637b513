import CanaryCore
import TestSupport
import Testing

/// Stages that change without a reload: by its times, each request belongs to the stage that drew it.
@Suite(.busy) struct SwitchTimesTests {
  private static let day: Int64 = 1_795_000_000_000
  private static let table = PoolTable([("10.0.0.1:80", "blue"), ("10.0.0.2:80", "green")])

  /// Two stages: asked for after 10 and after 20 seconds.
  private static let switches = [
    StageSwitch(asked: day + 10_000, seen: day + 10_020, generation: 5),
    StageSwitch(asked: day + 20_000, seen: day + 20_010, generation: 6),
  ]

  /// The generations that the parser tells for a line; empty: it is compared with none.
  private func stages(_ line: String, _ times: SwitchTimes?) -> [Int] {
    var tally = LogTally(pools: Self.table.pools)
    tally.census = [:]
    let parser = LogParser(Self.table, .response, times)
    Array(line.utf8).withUnsafeBufferPointer { parser.parse($0[...], into: &tally) }
    tally.close()
    let tries = Self.table.pools.reduce(0) {
      $0 + tally.total(pool: $1, from: 0, through: .max / 2).requests
    }
    #expect(tally.unreadable == 0 && tries > 0, "\(line)")
    let found = Array((tally.census ?? [:]).keys)
    #expect(tally.betweenStages == 1 - found.count, "\(line)")
    return found
  }

  private static func seconds(_ milliseconds: Int64) -> String {
    "\(milliseconds / 1000).\("\(1000 + milliseconds % 1000)".dropFirst())"
  }

  /// A line that ends at this time after `day`; with generation 1, whatever its stage.
  private static func line(
    end: Int64, took: Int64, tries: [Int64], generation: Int = 1, pool: Int = 1, status: Int = 200,
    way: String = "17"
  ) -> String {
    let each = { (item: String) in
      Array(repeating: item, count: tries.count).joined(separator: ", ")
    }
    let times = tries.map(seconds).joined(separator: ", ")
    return [
      "canary2", seconds(day + end), "\(generation)", "\(status)", seconds(took),
      each("10.0.0.\(pool):80"), each("\(status)"), times, times, way, "-",
    ].joined(separator: "\t")
  }

  @Test func `the rule, to the millisecond`() throws {
    let times = try #require(SwitchTimes(Self.switches))
    let cases: [(start: Int64, tried: Int64, generation: Int?)] = [
      (9_740, 9_749, 4), (9_740, 9_750, nil), (9_749, 9_749, 4), (9_750, 9_750, nil),
      (10_019, 10_019, nil), (10_020, 10_020, 5), (10_020, 19_749, 5),
      (10_020, 19_750, nil), (9_000, 15_000, nil), (10_019, 15_000, nil),
      (20_009, 20_009, nil), (20_010, 20_010, 6), (20_010, 90_000, 6),
      (0, 90_000, nil), (0, 0, 4),
      // The first try cannot begin before the request: a clock was set.
      (9_999, 9_000, nil), (20_005, 9_000, nil),
    ]
    for (start, tried, generation) in cases {
      let found = times.generation(start: Self.day + start, tried: Self.day + tried)
      #expect(found == generation, "\(start) to \(tried)")
    }
    #expect(SwitchTimes([]) == nil)
  }

  @Test func `slow clients, streams and retries belong to the stage that drew them`() throws {
    let times = SwitchTimes(Self.switches)
    let cases: [(String, end: Int64, took: Int64, tries: [Int64], [Int])] = [
      (
        "an hour of events that began in the stage before", 19_000 + 3_600_000, 3_600_000,
        [3_599_998], [5]
      ),
      ("an hour of events from before the rollout", 9_000 + 3_600_000, 3_600_000, [3_599_990], [4]),
      ("an answer that a slow client takes 5 s to read", 24_000, 5_010, [10], []),
      (
        "a body that takes 5 s to arrive: by its start alone it would be the stage before", 24_000,
        5_010, [5], []
      ),
      ("a head that takes 0.2 s, over a switch", 20_200, 210, [5], []),
      ("a head that takes 0.2 s, before it", 19_740, 210, [5], [5]),
      ("two tries, the second of them after the switch", 20_450, 820, [500, 315], [5]),
      ("two tries after the switch, of a request from before it", 20_450, 520, [100, 100], []),
      ("an answer after the switch to a try before it", 20_005, 400, [399], [5]),
      ("a request within the switch", 20_009, 4, [4], []),
      ("a request that ends with the switch", 20_000, 330, [330], [5]),
      ("the first request after it", 20_020, 10, [10], [6]),
    ]
    for (name, end, took, tries, expected) in cases {
      #expect(
        stages(Self.line(end: end, took: took, tries: tries), times) == expected, "\(name)")
    }
    // Without the times, a line belongs to the generation in it.
    #expect(stages(Self.line(end: 20_005, took: 4, tries: [4]), nil) == [1])
  }

  @Test func `a connection of a TCP service is drawn when it opens`() throws {
    let times = SwitchTimes(Self.switches)
    for (end, lasted, expected) in [
      (60_000, 50_500, [4]), (60_000, 45_000, [5]), (60_000, 39_995, []),
    ]
      as [(Int64, Int64, [Int])]
    {
      let line =
        "canary3\t\(Self.seconds(Self.day + end))\t1\t200\t\(Self.seconds(lasted))\t10.0.0.2:80\t0.001\t0.002\t\(Self.seconds(lasted))"
      #expect(stages(line, times) == expected, "\(lasted)")
    }
  }

  @Test func `a clock that Nginx reads less often widens the window`() throws {
    let usual = try #require(SwitchTimes(Self.switches))
    let slow = try #require(SwitchTimes(Self.switches, timerResolution: Span(milliseconds: 100)))
    for (tried, usually, slowly) in [
      (9_640, 4, 4), (9_649, 4, 4), (9_650, 4, nil), (9_750, nil, nil),
    ]
      as [(Int64, Int?, Int?)]
    {
      let at = Self.day + tried
      #expect(usual.generation(start: at, tried: at) == usually, "\(tried)")
      #expect(slow.generation(start: at, tried: at) == slowly, "\(tried)")
    }
    // Its time is never ahead.
    #expect(slow.generation(start: Self.day + 20_010, tried: Self.day + 20_010) == 6)
  }

  @Test func `times that cannot be are compared with none`() throws {
    let times = try #require(SwitchTimes(Self.switches))
    let line = Self.line(end: 21_000, took: 10, tries: [10])
    // Older than the clock, more tries than time, no time at all: all are counted.
    for (took, tries, expected) in [
      ("99999999999.999", "0.010", []), ("0.010", "900.000", [6]), ("0.010", "-", [6]),
      ("1.0", "0.010", []),
      ("-", "0.010", []), ("x", "0.010", []), ("21.500", "900.000", [4]),
    ] as [(String, String, [Int])] {
      let odd = line.replacing("\t0.010\t", with: "\t\(took)\t", maxReplacements: 1)
        .replacing("0.010\t17", with: "\(tries)\t17")
      #expect(stages(odd, times) == expected, "\(took) \(tries)")
    }
  }

  @Test func `switches are told apart as far as their clock lets them`() throws {
    var times = try #require(SwitchTimes(Self.switches.reversed()))
    #expect(times == SwitchTimes(Self.switches))
    func add(_ asked: Int64, _ seen: Int64, _ generation: Int) -> Bool {
      times.add(StageSwitch(asked: asked, seen: seen, generation: generation))
    }
    func told(_ moment: Int64) -> Int? { times.generation(start: moment, tried: moment) }
    // What is known already changes nothing: not the same stage again, not one before.
    let known = [add(Self.day + 30_000, Self.day + 30_001, 6), add(0, 1, 5)]
    #expect(known == [false, false] && times == SwitchTimes(Self.switches))
    // A stage without a soak: two switches in one millisecond.
    let isLater = add(Self.day + 20_009, Self.day + 20_012, 7)
    #expect(isLater)
    let found = [19_700, 20_005, 20_011, 20_012].map { told(Self.day + $0) }
    #expect(found == [5, nil, nil, 7])
    // The clock is set back by an hour: what comes now is the newest stage's.
    let back = Self.day - 3_600_000
    let isNext = add(back, back + 5, 8)
    #expect(isNext)
    let after = [back - 300, back + 2, back + 5, Self.day + 30_000].map(told)
    #expect(after == [7, nil, 8, 8])
    // Hundreds of them: the newest are kept apart.
    for number in 9..<400 {
      _ = add(back + Int64(number) * 1000, back + Int64(number) * 1000 + 5, number)
    }
    let newest = [350, 398, 399].map { told(back + Int64($0) * 1000 + 500) }
    #expect(newest == [350, 398, 399])
    let old = try #require(told(back))
    #expect((9..<350).contains(old))
  }

  @Test func `a stage begins in a log with its first request for it`() throws {
    let weight = try #require(Weight(percent: 5))
    let plan = Plan(name: "p", stages: [Stage(weight: weight, soak: .minutes(5))], checks: [])
    func context(asked: Int64?) -> StageContext {
      StageContext(
        rollout: 3, stage: 0, plan: plan, stable: "blue", canary: "green",
        generation: Generation(9), started: Instant(milliseconds: 0),
        asked: asked.map(Instant.init(milliseconds:)), since: Instant(milliseconds: 1000))
    }
    func switched(asked: Int64) -> StageSwitch {
      var switched = StageSwitch(asked: asked, seen: 1001, generation: 9)
      switched.met = StageSwitch.Met(weight: weight, preview: true)
      return switched
    }
    // Rounded down, so that a request of the same millisecond may be older.
    #expect(StageSwitch(context(asked: 990)) == switched(asked: 990))
    // From a store of an older version; and from a clock that was set.
    for asked in [nil, 5000] as [Int64?] {
      #expect(StageSwitch(context(asked: asked)) == switched(asked: 1000))
    }
  }

  // MARK: the whole way

  /// One request, as it really was.
  private struct Request {
    var drawn: Int64
    var start: Int64
    var end: Int64
    var line: (_ generation: Int) -> String
  }

  /// Traffic of 60 s over three stages with slow heads, slow readers, streams, retries, and Nginx's own clock.
  private static func traffic(_ count: Int, _ dice: inout Dice, weight: (Int64) -> Double)
    -> [Request]
  {
    (0..<count).map { index in
      let start = Int64(index * 60_000 / count)
      let drawn = start + (dice.below(20) == 0 ? Int64(dice.below(400)) : 0)
      var tries = [Int64(dice.below(dice.below(30) == 0 ? 4000 : 60))]
      if dice.below(30) == 0 { tries.append(Int64(dice.below(300))) }
      let reading = dice.below(20) == 0 ? Int64(dice.below(500)) : 0
      // Nginx's time is up to some milliseconds behind, at the start as at the end.
      let end = max(drawn + tries.reduce(0, +) + reading - Int64(dice.below(3)), start)
      let took = end - start + Int64(dice.below(3))
      let pool = dice.share() < weight(drawn) ? 2 : 1
      let status = dice.below(40) == 0 ? 500 : 200
      let seat = "\(dice.below(100))"
      return Request(drawn: drawn, start: start, end: end) { generation in
        line(
          end: end, took: took, tries: tries, generation: generation, pool: pool, status: status,
          way: generation == 1 ? seat : "d")
      }
    }.sorted { $0.end < $1.end }
  }

  /// The moments at which the set of seats really changed, within their switches.
  private static func generation(at drawn: Int64) -> Int {
    drawn < 10_010 ? 4 : drawn < 20_005 ? 5 : 6
  }

  @Test func `no request is told a stage that did not draw it`() throws {
    let times = try #require(SwitchTimes(Self.switches))
    var dice = Dice(seed: 14)
    var left = 0
    let all = Self.traffic(6000, &dice) { _ in 0.5 }
    for request in all {
      let found = stages(request.line(1), times)
      left += 1 - found.count
      let truth = Self.generation(at: request.drawn)
      #expect(found.isEmpty || found == [truth], "drawn at \(request.drawn): \(request.line(1))")
    }
    #expect((20...300).contains(left), "\(left) of \(all.count)")
  }

  @Test func `the judge says of seats what it says of generations`() throws {
    let shares: [Int: Double] = [4: 0, 5: 0.1, 6: 0.4]
    var dice = Dice(seed: 15)
    let requests = Self.traffic(20_000, &dice) { shares[Self.generation(at: $0)] ?? 0 }
      // Those near to a switch are compared with none: here nobody came then.
      .filter { request in
        Self.switches.allSatisfy {
          request.start - 4 > $0.seen - Self.day || request.end + 260 < $0.asked - Self.day
            || request.drawn + 760 < $0.asked - Self.day
        }
      }
    func judged(_ times: SwitchTimes?, _ line: (Request) -> String) throws -> LogTally {
      let checks = [
        ComparisonSpec(name: "errors", compare: .failures, advisory: false),
        ComparisonSpec(name: "p95", compare: .slow(quantile: 0.95), advisory: false),
      ]
      let judge = ComparisonJudge(
        rollout: 1, checks: checks, stages: 2, alpha: 0.01, baseline: PoolCounts(), most: 0.05)
      var tally = LogTally(pools: Self.table.pools)
      tally.comparison = TallyComparison(
        judge, pools: Self.table.pools, canary: "green", stable: "blue")
      let parser = LogParser(Self.table, .response, times)
      var stage = -1
      for request in requests {
        while stage + 1 < Self.switches.count,
          request.end + Self.day >= Self.switches[stage + 1].seen
        {
          stage += 1
          let at = Instant(milliseconds: Self.switches[stage].seen)
          tally.comparison?.judge.begin(
            stage: stage, generation: stage + 5, weight: shares[stage + 5] ?? 0, trusted: at, at: at
          )
        }
        Array(line(request).utf8).withUnsafeBufferPointer { parser.parse($0[...], into: &tally) }
      }
      tally.close()
      return tally
    }
    let byLine = try judged(nil) { $0.line(Self.generation(at: $0.drawn)) }
    let byTime = try judged(SwitchTimes(Self.switches)) { $0.line(1) }
    #expect(byTime.betweenStages == 0 && requests.count > 15_000, "\(requests.count)")
    #expect(byTime.slices == byLine.slices)
    let judge = try #require(byTime.comparison?.judge)
    #expect(judge == byLine.comparison?.judge)
    #expect(
      judge.report("errors", margin: nil, at: Instant(milliseconds: 0))?.canary.requests ?? 0 > 3000
    )
  }
}
