import CanaryCore
import TestSupport
import Testing

/// A seat in a line tells the pool that its request must have met, and whether it is compared.
@Suite(.busy) struct SeatCheckTests {
  private static let start: Int64 = 1_795_000_000_000
  private static let table = PoolTable([("10.0.0.1:80", "blue"), ("10.0.0.2:80", "green")])

  private static func plan(only: [Selector?], weight: Double) throws -> Plan {
    let stages = try only.map { one in
      var stage = Stage(weight: try #require(Weight(percent: weight)), soak: .minutes(1))
      stage.only = one
      return stage
    }
    return Plan(name: "test", stages: stages, checks: [])
  }

  private static func context(_ plan: Plan, stage: Int = 0) -> StageContext {
    StageContext(
      rollout: 1, stage: stage, plan: plan, stable: "blue", canary: "green",
      generation: Generation(5), started: Instant(milliseconds: start),
      since: Instant(milliseconds: start))
  }

  private static func line(
    _ seat: String, _ pools: [Int], at second: Int64 = 60, status: Int = 200
  ) -> String {
    let each = { (item: String) in
      Array(repeating: item, count: pools.count).joined(separator: ", ")
    }
    let statuses = Array(repeating: "502", count: pools.count - 1) + ["\(status)"]
    return [
      "canary2", "\(start / 1000 + second).000", "5", "\(status)", "0.010",
      pools.map { "10.0.0.\($0):80" }.joined(separator: ", "),
      statuses.joined(separator: ", "), each("0.005"), each("0.005"), seat, "-",
    ].joined(separator: "\t")
  }

  private static func read(_ lines: [String], _ context: StageContext) throws -> LogTally {
    var tally = LogTally(pools: table.pools)
    tally.census = [:]
    tally.seats = SeatCheck(table, context)
    let times = try #require(SwitchTimes([StageSwitch(context)]))
    let parser = LogParser(table, .response, times)
    for line in lines {
      Array(line.utf8).withUnsafeBufferPointer { parser.parse($0[...], into: &tally) }
    }
    #expect(tally.unreadable == 0 && tally.unattributed == 0)
    return tally
  }

  @Test func `a first try contradicts its seat or does not`() throws {
    let context = Self.context(try Self.plan(only: [nil], weight: 30.5))
    let cases: [(seat: String, pools: [Int], contradicts: Bool)] = [
      ("0", [2], false), ("0", [1], true), ("30", [2], false), ("30", [1], true),
      ("30.5", [1], false), ("30.5", [2], true), ("31", [1], false), ("99", [2], true),
      // A retry meets the other pool by right.
      ("0", [2, 1], false), ("99", [1, 2], false), ("99", [2, 1], true),
      ("never", [1], false), ("never", [2], true), ("preview", [2], false), ("preview", [1], true),
      // By letters nothing is known.
      ("d", [1], false), ("d", [2], false), ("x", [2], false),
    ]
    for one in cases {
      let tally = try Self.read([Self.line(one.seat, one.pools)], context)
      #expect(tally.seats?.contradictions == (one.contradicts ? 1 : 0), "\(one)")
      #expect((tally.seats?.words != nil) == one.contradicts)
    }
  }

  @Test func `while a pool fails the other one takes its seats`() throws {
    let context = Self.context(try Self.plan(only: [nil], weight: 30))
    let failing = Self.line("0", [2, 1], at: 60)
    #expect(try Self.read([failing, Self.line("1", [1], at: 70)], context).seats?.words == nil)
    let later = try Self.read([failing, Self.line("1", [1], at: 130)], context)
    #expect(later.seats?.contradictions == 1)
    // Failures of stable explain nothing about the canary's seats.
    let stable = Self.line("99", [1, 2], at: 60)
    #expect(
      try Self.read([stable, Self.line("1", [1], at: 70)], context).seats?.contradictions == 1)
  }

  @Test func `before the stage is trusted nothing contradicts`() throws {
    var context = Self.context(try Self.plan(only: [nil], weight: 30))
    context.trusted = context.since + .seconds(90)
    #expect(try Self.read([Self.line("0", [1], at: 60)], context).seats?.words == nil)
    #expect(try Self.read([Self.line("0", [1], at: 95)], context).seats?.words != nil)
  }

  @Test func `in a stage with only, its circles alone are compared`() throws {
    let (office, staff) = try (Self.only("10.0.0.0/8"), Self.only("10.0.0.0/7"))
    let plan = try Self.plan(only: [office, staff, nil], weight: 50)
    let seats = ["17", "o1.17", "o2.17", "77", "o1.77"]
    let compared = [["o1.17", "o1.77"], ["o1.17", "o2.17", "o1.77"], seats]
    let met = [["o1.17"], ["o1.17", "o2.17"], ["17", "o1.17", "o2.17"]]
    for stage in 0..<3 {
      let context = Self.context(plan, stage: stage)
      for seat in seats {
        let pool = met[stage].contains(seat) ? 2 : 1
        let tally = try Self.read([Self.line(seat, [pool])], context)
        #expect(tally.seats?.words == nil, "\(seat) in stage \(stage)")
        let count = tally.census?[5]?.pools.reduce(0, +) ?? 0
        #expect(count == (compared[stage].contains(seat) ? 1 : 0), "\(seat) in stage \(stage)")
        let wrong = try Self.read([Self.line(seat, [3 - pool])], context)
        #expect(wrong.seats?.contradictions == 1, "\(seat) in stage \(stage)")
      }
    }
  }

  private static func only(_ range: String) throws -> Selector {
    var selector = Selector()
    selector.ranges = [try AddressRange(parsing: range)]
    return selector
  }
}
