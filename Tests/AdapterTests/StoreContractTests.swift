import CanaryAdapters
import CanaryCore
import CanaryDriver
import TestSupport
import Testing

/// What every store must do; one body for all of them.
///
/// A store that is new passes these tests as it is: it gets a case of `Kind`, and nothing else.
@Suite(.timeLimit(.minutes(30))) struct StoreContractTests {
  typealias Store = StateStore & ChangeFeed & HistoryStore & LogStore

  enum Kind: CaseIterable { case memory, sqlite }

  /// One store as two processes have it: each has a connection of its own, where there are any.
  struct Stand {
    let folder: Folder
    let store: any Store
    let other: any Store

    init(_ kind: Kind) throws {
      folder = try Folder()
      switch kind {
      case .memory:
        let memory = MemoryStore()
        (store, other) = (memory, memory)
      case .sqlite:
        store = SQLiteStore(folder: folder.path, patience: .seconds(5))
        other = SQLiteStore(folder: folder.path, patience: .seconds(5))
      }
    }
  }

  // MARK: states

  @Test(arguments: Kind.allCases)
  func `a save at an old revision is refused and saves nothing`(kind: Kind) async throws {
    let stand = try Stand(kind)
    let store = stand.store
    #expect(try await store.load("chat") == nil)
    #expect(try await store.save(Sample.state(1), entries: [], kept: [], over: 0) == 1)
    #expect(try await store.save(Sample.state(2), entries: [], kept: [], over: 1) == 2)
    let lost = Sample.rollout(7, .starting(since: Sample.time(1), passes: 0))
    let kept = KeptMeasurement(rollout: 7, stage: 0, .end(CheckState(Sample.check)))
    for revision in [0, 1, 3] {
      await #expect(throws: StoreError.conflict) {
        try await store.save(lost, entries: [Sample.entry("lost")], kept: [kept], over: revision)
      }
    }
    var unknown = lost
    unknown.service = "blog"
    await #expect(throws: StoreError.conflict) {
      try await store.save(unknown, entries: [Sample.entry("lost")], kept: [kept], over: 1)
    }
    for one in [store, stand.other] {
      let saved = try #require(try await one.load("chat"))
      #expect(saved.revision == 2 && saved.value == Sample.state(2))
      #expect(try await one.load("blog") == nil)
      #expect(try await one.history("chat", limit: 9).isEmpty)
      #expect(try await one.links(after: 0, limit: 9).isEmpty)
      #expect(try await one.measurements("chat", rollout: 7).isEmpty)
      #expect(try await one.revisions() == ["chat": 2])
    }
  }

  @Test(arguments: Kind.allCases)
  func `what was saved is read back whole`(kind: Kind) async throws {
    let stand = try Stand(kind)
    let plan = Plan(
      name: "p", stages: [Stage(weight: .all, soak: .seconds(1))],
      checks: [Check(name: "c", source: .command(["true"]))])
    let request = PromoteRequest(
      to: "green", release: "v2", plan: plan, reason: "a 'quoted' reason, ü", retain: .hours(1),
      actor: Actor("li", origin: "pts/1 ssh 10.0.0.9"))
    let decision = decide(Sample.state(3), .promote(request), at: Sample.time(7))
    let entries = decision.entries + [Sample.entry("one", hint: nil), Sample.entry("two")]
    let saved = try await stand.store.save(decision.state, entries: entries, kept: [], over: 0)
    #expect(saved == 1)
    for store in [stand.store, stand.other] {
      #expect(try await store.load("chat")?.value == decision.state)
      #expect(try await store.peek("chat") == decision.state)
      let records = try await store.history("chat", limit: 5)
      #expect(records.count == 1 && records[0].rollout == decision.state.rollout)
      #expect(records[0].entries == entries)
    }
  }

  @Test(arguments: Kind.allCases)
  func `a look at what is not there says so and makes no store`(kind: Kind) async throws {
    let stand = try Stand(kind)
    let store = stand.store
    #expect(try await store.peek("chat") == nil)
    #expect(try await store.peek("chat", patience: .seconds(1)) == nil)
    #expect(try await store.freezeOfAll() == nil)
    #expect(try await store.pending().isEmpty)
    #expect(try await store.revisions().isEmpty)
    #expect(try await store.history("chat", limit: 9).isEmpty)
    #expect(try await store.record("chat", rollout: 1) == nil)
    #expect(try await store.rollouts("chat", limit: 9).isEmpty)
    #expect(try await store.measurements("chat", rollout: 1).isEmpty)
    #expect(try await store.links(of: nil, since: nil, limit: 9).isEmpty)
    #expect(try await store.links(after: 0, limit: 9).isEmpty)
    #expect(try await store.verify() == ChainReport())
    #expect(try await store.holds("0000") == false)
    #expect(try await store.results().isEmpty)
    #expect(try await store.sourceErrors(of: nil).isEmpty)
    #expect(try await store.revertDurations().isEmpty)
    #expect(!store.exists)
    _ = try await store.save(Sample.state(1), entries: [], kept: [], over: 0)
    #expect(store.exists && stand.other.exists && !store.place.isEmpty)
  }

  @Test(arguments: Kind.allCases)
  func `a freeze of all stands until another or none takes its place`(kind: Kind) async throws {
    let stand = try Stand(kind)
    let freeze = Freeze(
      actor: Actor("wang", origin: "pts/2"), reason: "the end of the year", since: Sample.time(5),
      until: Sample.time(9))
    var longer = freeze
    longer.until = nil
    for one in [freeze, longer, nil] {
      try await stand.store.freezeAll(one)
      #expect(try await stand.store.freezeOfAll() == one)
      #expect(try await stand.other.freezeOfAll() == one)
    }
  }

  // MARK: changes

  @Test(arguments: Kind.allCases)
  func `what another has saved is seen at once`(kind: Kind) async throws {
    let stand = try Stand(kind)
    _ = try await stand.store.save(Sample.state(1), entries: [], kept: [], over: 0)
    #expect(try await stand.other.load("chat")?.revision == 1)
    _ = try await stand.other.save(Sample.state(2), entries: [], kept: [], over: 1)
    #expect(try await stand.store.peek("chat") == Sample.state(2))
    let saved = try #require(try await stand.store.load("chat"))
    #expect(saved.revision == 2 && saved.value == Sample.state(2))
    await #expect(throws: StoreError.conflict) {
      try await stand.store.save(Sample.state(9), entries: [], kept: [], over: 1)
    }
  }

  @Test(arguments: Kind.allCases)
  func `the version changes with whatever another saves`(kind: Kind) async throws {
    let stand = try Stand(kind)
    let other = stand.other
    _ = try await other.place(of: "ops")
    let saves: [(what: String, save: () async throws -> Void)] = [
      ("state", { _ = try await other.save(Sample.state(1), entries: [], kept: [], over: 0) }),
      ("entry", { try await other.append(Sample.entry("one"), of: nil, patience: nil) }),
      ("freeze", { try await other.freezeAll(nil) }),
      ("slices", { try await other.saveSlices("chat", Sample.tally(), [], nil) }),
      ("place", { try await other.setPlace(of: "ops", told: 1) }),
      ("failure", { try await other.setFailing("ops", at: Sample.time(1)) }),
    ]
    var last = try await stand.store.version()
    #expect(try await stand.store.version() == last)
    for (what, save) in saves {
      try await save()
      let next = try await stand.store.version()
      #expect(next != last, "\(what)")
      last = next
    }
    if let mark = stand.store.changeMark { #expect(Files.exists(mark)) }
  }

  @Test(arguments: Kind.allCases)
  func `pending work is told with the time from which on it is due`(kind: Kind) async throws {
    let stand = try Stand(kind)
    let request = PromoteRequest(to: "green", plan: Sample.plan, retain: .hours(1), actor: .canary)
    var states = (["asked", "dated", "idle"] as [ServiceName]).map { name in
      var state = Sample.state(1)
      state.service = name
      return state
    }
    states[0].asked = Generation(2)
    states[1].scheduled = Schedule(request: request, at: Sample.time(90), inWindow: false)
    for state in states {
      _ = try await stand.store.save(state, entries: [], kept: [], over: 0)
    }
    for store in [stand.store, stand.other] {
      let pending = try await store.pending().sorted { $0.service < $1.service }
      #expect(pending.map(\.service) == ["asked", "dated"])
      #expect(pending.map(\.when) == [.now, .at(Sample.time(90))])
    }
    states[0].asked = nil
    _ = try await stand.store.save(states[0], entries: [], kept: [], over: 1)
    #expect(try await stand.other.pending().map(\.service) == ["dated"])
    #expect(try await stand.other.revisions() == ["asked": 2, "dated": 1, "idle": 1])
  }
}
