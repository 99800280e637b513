import CanaryCore
import CanaryDriver
import TestSupport
import Testing

@testable import CanaryCommands

/// The log as a value: what it says of which entries, and how long its lines are.
@Suite struct PipelineLogTests {
  private static let name = String(repeating: "n", count: 63)
  private static let start = Instant(milliseconds: 1_800_000_000_000)

  private struct Told {
    var log: PipelineLog
    var record: RolloutRecord
    var state: ServiceState
    var lines: [String] = []

    init(_ check: String = name) throws {
      let service = try #require(ServiceName(name))
      let (blue, green) = (
        try #require(PoolName("b" + name.dropLast())), try #require(PoolName("g" + name.dropLast()))
      )
      let health = Check(
        name: try #require(CheckName(check)), source: .probe(path: "/"), condition: Condition())
      let plan = Plan(
        name: name,
        stages: (1...40).compactMap { Weight(percent: Double($0)) }.map {
          Stage(weight: $0, soak: .minutes(30))
        }, checks: [health])
      state = ServiceState(service: service, stable: blue, other: green)
      let request = PromoteRequest(
        to: green, release: String(repeating: "é\u{301}", count: 400), plan: plan,
        reason: nil, retain: .hours(24), actor: .canary)
      state = decide(state, .promote(request), at: start).state
      state.rollout?.phase = .soaking(Soak(stage: 0, began: start))
      let rollout = try #require(state.rollout)
      log = PipelineLog(service: service, zone: .utc)
      record = RolloutRecord(rollout: rollout, entries: [])
      state.rollout?.checks = [CheckState(health)]
    }

    mutating func note(_ event: HistoryEvent, _ detail: String, at second: Double) {
      let time = start + .seconds(second)
      record.entries.append(
        Entry(rollout: 1, time: time, event: event, actor: .canary, detail: detail))
      look(at: second)
    }

    mutating func look(at second: Double) {
      let items = log.look(PipelineLog.Seen(record, state, now: start + .seconds(second)))
      lines += items.map(\.text)
    }
  }

  @Test func `no name and no text makes a line longer than 160 characters`() throws {
    var told = try Told()
    let long = String(repeating: "x y", count: 1300)
    told.note(.started, long, at: 0)
    told.note(.stage, "stage 1 of 40, generation 2", at: 1)
    told.note(.verdict, "\(Self.name): pending: 2 of 8 failed \(long) the end", at: 2)
    told.note(.awaitingApproval, "stage 2 of 40 needs \(long)", at: 3)
    told.note(.paused, long, at: 4)
    told.look(at: 500)
    told.note(.reverting, "check \(Self.name) failed: 3 of 12 failed \(long): 1 in 550", at: 501)
    #expect(told.lines.count == 7, "\(told.lines)")
    for line in told.lines { #expect(line.unicodeScalars.count <= 160, "\(line)") }
    #expect(told.lines[5].unicodeScalars.count <= 120, "\(told.lines[5])")
    #expect(told.lines[6].contains("FAILED     nnn"), "\(told.lines[6])")
    #expect(told.lines[6].hasSuffix(": 1 in 550"), "\(told.lines[6])")
    #expect(told.lines[2].hasSuffix(" the end"), "\(told.lines[2])")
  }

  @Test func `a check that flaps fills no log, and a quiet stage is told every five minutes`()
    throws
  {
    var told = try Told("errors")
    told.note(.started, "", at: 0)
    told.note(.stage, "stage 1 of 40, generation 2", at: 1)
    for second in 2..<52 {
      let verdict = second % 2 == 0 ? "pending: bad" : "pass: good"
      told.note(.verdict, "errors: \(verdict)", at: Double(second))
    }
    #expect(told.lines.count <= 5, "\(told.lines)")
    #expect(told.lines[2].contains("    trouble    errors: bad"), "\(told.lines)")
    #expect(told.lines[3].contains("    recovered  errors: good"), "\(told.lines)")
    let before = told.lines.count
    for second in stride(from: 60.0, to: 1000, by: 1) { told.look(at: second) }
    #expect(told.lines.count == before + 3, "\(told.lines)")
  }
}
