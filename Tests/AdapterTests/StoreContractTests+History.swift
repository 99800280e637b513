import CanaryAdapters
import CanaryCore
import CanaryDriver
import TestSupport
import Testing

// Rollouts, the chain, totals, receivers, and what the access log said.
extension StoreContractTests {
  @Test(arguments: Kind.allCases)
  func `rollouts are told newest first, with their entries in order`(kind: Kind) async throws {
    let stand = try Stand(kind)
    let store = stand.store
    for number in 1...3 {
      let state = Sample.rollout(number, .starting(since: Sample.time(2), passes: 0))
      let entries = ["a", "b"].map { Sample.entry("\($0)\(number)", rollout: number) }
      _ = try await store.save(state, entries: entries, kept: [], over: number - 1)
    }
    let other = Sample.rollout(3, .promoted(until: Sample.time(9)), of: "blog")
    _ = try await store.save(
      other, entries: [Sample.entry("of blog", rollout: 3)], kept: [], over: 0)
    let late = Sample.entry("late", rollout: 1)
    try await store.append(late, of: "chat", patience: nil)
    for store in [store, stand.other] {
      let records = try await store.history("chat", limit: 2)
      #expect(records.map(\.rollout.number) == [3, 2])
      #expect(records[0].entries == ["a3", "b3"].map { Sample.entry($0, rollout: 3) })
      #expect(try await store.rollouts("chat", limit: 2) == records.map(\.rollout))
      #expect(try await store.rollouts("chat", limit: 9).map(\.number) == [3, 2, 1])
      #expect(try await store.record("chat", rollout: 2) == records[1])
      let first = try await store.record("chat", rollout: 1)
      #expect(first?.entries == ["a1", "b1"].map { Sample.entry($0) } + [late])
      #expect(try await store.record("blog", rollout: 3)?.rollout == other.rollout)
      #expect(try await store.record("chat", rollout: 4) == nil)
      #expect(try await store.history("wiki", limit: 9).isEmpty)
    }
  }

  @Test(arguments: Kind.allCases)
  func `measurements are kept with what they were judged by`(kind: Kind) async throws {
    let stand = try Stand(kind)
    var state = CheckState(Sample.check)
    var kept: [KeptMeasurement] = []
    var states: [CheckState] = []
    for (second, value) in [0.01, 0.2, 0.02].enumerated() {
      let measurement = Measurement(
        check: "errors", at: Sample.time(Int64(second)),
        reading: .beside(value, requests: 100, stable: 0.01, stableRequests: 900))
      let after = Judge.fold(state, Sample.check, measurement)
      let what = KeptMeasurement.What.measured(
        measurement, number: after.measurements, grounds: state.grounds, after.verdict)
      kept.append(KeptMeasurement(rollout: 1, stage: 0, what))
      state = after
      states.append(state)
    }
    kept.append(KeptMeasurement(rollout: 1, stage: 0, .end(state)))
    _ = try await stand.store.save(Sample.state(1), entries: [], kept: kept, over: 0)
    let records = try await stand.other.measurements("chat", rollout: 1)
    #expect(records.count == 1 && records[0].end == state)
    #expect(records[0].rows.map(\.verdict) == [.pass, .fail, .pass])
    // What is kept is enough to come to the same words again.
    for (row, state) in zip(records[0].rows, states) {
      let again = Judge.fold(row.grounds, Sample.check, row.measurement)
      #expect(again.verdict == state.verdict && again.detail == state.detail)
      #expect(again.value == state.value && row.number == state.measurements)
    }
    #expect(state.totals.pass == 2 && state.totals.fail == 1 && state.totals.changes == 3)
  }

  @Test(arguments: Kind.allCases)
  func `measurements come by stage, check and number, each once`(kind: Kind) async throws {
    let stand = try Stand(kind)
    let kept = [
      Sample.measured(1, 0.5, stage: 1), Sample.measured(2, 0.2), Sample.measured(1, 0.1),
      Sample.measured(1, 0.3, name: "back"), Sample.measured(2, 0.4),
      Sample.end("errors", errors: 1, rollout: 1), Sample.end("errors", errors: 2, rollout: 1),
      Sample.measured(1, 0.9, rollout: 2),
      Sample.end("only-total", errors: 0, rollout: 1, stage: 1),
    ]
    _ = try await stand.store.save(Sample.state(1), entries: [], kept: kept, over: 0)
    let records = try await stand.other.measurements("chat", rollout: 1)
    #expect(records.map(\.stage) == [0, 0, 1, 1])
    #expect(records.map(\.name) == ["back", "errors", "errors", "only-total"])
    #expect(records[1].rows.map(\.number) == [1, 2])
    #expect(
      records[1].rows.map(\.measurement.reading) == [0.1, 0.4].map { .value($0, requests: 100) })
    #expect(records[1].end?.totals.error == 2)
    #expect(records[2].end == nil && records[3].rows.isEmpty && records[3].end != nil)
    #expect(try await stand.other.measurements("blog", rollout: 1).isEmpty)
  }

  @Test(arguments: Kind.allCases)
  func `of rollouts before the newest hundred only totals are kept`(kind: Kind) async throws {
    let stand = try Stand(kind)
    var revision = 0
    for rollout in [1, 2, 101] {
      let kept = [
        Sample.measured(1, 0.1, rollout: rollout),
        Sample.end("errors", errors: 1, rollout: rollout),
      ]
      revision = try await stand.store.save(
        Sample.state(1), entries: [], kept: kept, over: revision)
    }
    for (rollout, rows) in [(1, 0), (2, 1), (101, 1)] {
      let records = try await stand.other.measurements("chat", rollout: rollout)
      #expect(records.count == 1 && records[0].rows.count == rows && records[0].end != nil)
    }
  }

  @Test(arguments: Kind.allCases)
  func `the history is one chain of all services`(kind: Kind) async throws {
    let stand = try Stand(kind)
    let store = stand.store
    var revision = 0
    for number in 1...4 {
      revision = try await store.save(
        Sample.state(number), entries: [Sample.entry("saved", at: Int64(number) * 10)], kept: [],
        over: revision)
    }
    let refused = Sample.entry("of none", .refused, rollout: nil, at: 50)
    try await store.append(refused, of: nil, patience: .seconds(1))
    try await store.append(Sample.entry("of blog", .unknown, at: 60), of: "blog", patience: nil)
    for store in [store, stand.other] {
      let all = try await store.links(of: nil, since: nil, limit: 9)
      #expect(all.map(\.id) == [1, 2, 3, 4, 5, 6])
      #expect(all.map(\.service) == ["chat", "chat", "chat", "chat", nil, "blog"])
      #expect(all[4].entry == refused && all[5].entry.event == .unknown)
      #expect(try await store.links(of: nil, since: nil, limit: 2) == Array(all[4...]))
      #expect(try await store.links(of: nil, since: Sample.time(30), limit: 3) == Array(all[3...]))
      #expect(
        try await store.links(of: "chat", since: Sample.time(20), limit: 9) == Array(all[1...3]))
      #expect(try await store.links(of: "chat", since: nil, limit: 2) == Array(all[2...3]))
      #expect(try await store.links(after: 2, limit: 3) == Array(all[2...4]))
      #expect(try await store.links(after: 6, limit: 3).isEmpty)
      let report = try await store.verify()
      #expect(report.count == 6 && report.unchained == 0 && report.fault == nil)
      #expect(report.head != nil && report.head == all.last?.hash)
      let hashes = all.compactMap(\.hash)
      #expect(Set(hashes).count == 6)
      for hash in hashes { #expect(try await store.holds(hash)) }
      #expect(try await store.holds("0000") == false)
    }
  }

  // MARK: totals

  @Test(arguments: Kind.allCases)
  func `rollouts are counted by how they ended`(kind: Kind) async throws {
    let stand = try Stand(kind)
    var revisions: [ServiceName: Int] = [:]
    func save(_ service: ServiceName, _ number: Int, _ phase: Phase) async throws {
      let state = Sample.rollout(number, phase, of: service)
      revisions[service] = try await stand.store.save(
        state, entries: [Sample.entry("x", rollout: number)], kept: [],
        over: revisions[service] ?? 0)
    }
    try await save("chat", 1, .reverted(Reason(.gate, "errors")))
    try await save("chat", 2, .promoted(until: Sample.time(9)))
    try await save("chat", 3, .reverted(Reason(.outside, "nginx")))
    try await save("chat", 4, .reverted(Reason(.person, "li")))
    // One that is saved often is one, and one that runs has no end.
    try await save("chat", 5, .starting(since: Sample.time(1), passes: 0))
    try await save("blog", 1, .starting(since: Sample.time(1), passes: 0))
    try await save("blog", 1, .promoted(until: Sample.time(8)))
    #expect(
      try await stand.other.results() == [
        ResultCount(service: "blog", result: .promoted, count: 1),
        ResultCount(service: "chat", result: .promoted, count: 1),
        ResultCount(service: "chat", result: .reverted, count: 2),
        ResultCount(service: "chat", result: .stopped, count: 1),
      ])
  }

  @Test(arguments: Kind.allCases)
  func `sources that did not answer are counted over the stages`(kind: Kind) async throws {
    let stand = try Stand(kind)
    let kept = [
      Sample.end("slow", errors: 2, rollout: 1),
      Sample.end("slow", errors: 3, rollout: 1, stage: 1),
      Sample.end("good", errors: 0, rollout: 1), Sample.end("slow", errors: 4, rollout: 2),
      Sample.measured(1, 0.1),
    ]
    _ = try await stand.store.save(Sample.state(1), entries: [], kept: kept, over: 0)
    var blog = Sample.state(1)
    blog.service = "blog"
    _ = try await stand.store.save(
      blog, entries: [], kept: [Sample.end("slow", errors: 1, rollout: 1)], over: 0)
    let own = [
      SourceErrors(service: "chat", rollout: 1, check: "slow", count: 5),
      SourceErrors(service: "chat", rollout: 2, check: "slow", count: 4),
    ]
    let all = try await stand.other.sourceErrors(of: nil).sorted {
      ($0.service, $0.rollout) < ($1.service, $1.rollout)
    }
    #expect(all == [SourceErrors(service: "blog", rollout: 1, check: "slow", count: 1)] + own)
    #expect(try await stand.other.sourceErrors(of: ("chat", 1)) == [own[0]])
    #expect(try await stand.other.sourceErrors(of: ("chat", 3)).isEmpty)
  }

  @Test(arguments: Kind.allCases)
  func `a revert lasts from the decision to the answer`(kind: Kind) async throws {
    let stand = try Stand(kind)
    for (service, event, rollout, second) in [
      ("chat", .reverting, 1, 10), ("blog", .reverting, 1, 20), ("chat", .reverting, 1, 11),
      ("chat", .reverted, 1, 13), ("blog", .reverted, 1, 19), ("chat", .reverted, 2, 30),
      ("chat", .reverting, 3, 40),
    ] as [(ServiceName, HistoryEvent, Int, Int64)] {
      let entry = Sample.entry("x", event, rollout: rollout, at: second)
      try await stand.store.append(entry, of: service, patience: nil)
    }
    // From the first decision; never negative, even if the clock was set back; none without a decision.
    let took = try await stand.other.revertDurations().sorted { $0.service < $1.service }
    #expect(took.map(\.service) == ["blog", "chat"])
    #expect(took.map(\.took) == [.zero, .seconds(3)])
  }

  // MARK: receivers

  @Test(arguments: Kind.allCases)
  func `a receiver begins at the newest entry and keeps its place`(kind: Kind) async throws {
    let stand = try Stand(kind)
    let store = stand.store
    #expect(try await store.place(of: "first") == ReceiverPlace(told: 0, isFailing: false))
    for text in ["one", "two"] {
      try await store.append(Sample.entry(text), of: "chat", patience: nil)
    }
    #expect(try await store.place(of: "first").told == 0)
    #expect(try await store.place(of: "second") == ReceiverPlace(told: 2, isFailing: false))
    try await store.append(Sample.entry("three"), of: "chat", patience: nil)
    #expect(try await stand.other.place(of: "second").told == 2)
    try await store.setFailing("second", at: Sample.time(9))
    #expect(try await stand.other.place(of: "second") == ReceiverPlace(told: 2, isFailing: true))
    try await store.setPlace(of: "second", told: 3)
    #expect(try await stand.other.place(of: "second") == ReceiverPlace(told: 3, isFailing: false))
    #expect(try await stand.other.place(of: "first") == ReceiverPlace(told: 0, isFailing: false))
    // What is noted of one that never asked for its place is nothing.
    try await store.setPlace(of: "third", told: 1)
    try await store.setFailing("third", at: Sample.time(9))
    #expect(try await stand.other.place(of: "third") == ReceiverPlace(told: 3, isFailing: false))
  }
}
