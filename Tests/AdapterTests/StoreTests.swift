import CanaryAdapters
import CanaryCore
import CanaryDriver
import TestSupport
import Testing

/// One body for every store: what the driver may rely on.
@Suite(.timeLimit(.minutes(30))) struct StoreTests {
  enum Kind: CaseIterable { case memory, sqlite }

  private func make(_ kind: Kind, _ folder: Folder) -> any StateStore & HistoryStore {
    switch kind {
    case .memory: MemoryStore()
    case .sqlite: SQLiteStore(folder: folder.path, patience: .seconds(5))
    }
  }

  private func state(_ generation: Int) -> ServiceState {
    var state = ServiceState(service: "chat", stable: "blue", other: "green")
    state.generation = Generation(generation)
    return state
  }

  private func entry(_ text: String) -> Entry {
    Entry(
      rollout: 1, time: Instant(milliseconds: 5), event: .verdict, weight: Weight(percent: 12.5),
      actor: Actor("li"), detail: "\(text): a 'quoted' detail, ü",
      hint: text == "one" ? nil : "what to do")
  }

  @Test(arguments: Kind.allCases)
  func `a save at an old revision is refused and saves nothing`(kind: Kind) async throws {
    let folder = try Folder()
    let store = make(kind, folder)
    #expect(try await store.load("chat") == nil)
    #expect(try await store.save(state(1), entries: [], kept: [], over: 0) == 1)
    await #expect(throws: StoreError.conflict) {
      try await store.save(state(9), entries: [entry("lost")], kept: [], over: 0)
    }
    #expect(try await store.save(state(2), entries: [], kept: [], over: 1) == 2)
    await #expect(throws: StoreError.conflict) {
      try await store.save(state(9), entries: [entry("lost")], kept: [], over: 1)
    }
    let saved = try #require(try await store.load("chat"))
    #expect(saved.revision == 2 && saved.value == state(2))
  }

  @Test(arguments: Kind.allCases)
  func `what was saved is read back whole`(kind: Kind) async throws {
    let folder = try Folder()
    let store = make(kind, folder)
    let plan = Plan(
      name: "p", stages: [Stage(weight: .all, soak: .seconds(1))],
      checks: [Check(name: "c", source: .command(["true"]))])
    let request = PromoteRequest(
      to: "green", release: "v2", plan: plan, retain: .hours(1), actor: Actor("li"))
    let decision = decide(state(3), .promote(request), at: Instant(milliseconds: 7))
    _ = try await store.save(
      decision.state, entries: decision.entries + [entry("note")], kept: [], over: 0)
    #expect(try await store.load("chat")?.value == decision.state)
    let records = try await store.history("chat", limit: 5)
    #expect(records.count == 1 && records[0].rollout == decision.state.rollout)
    #expect(records[0].entries == decision.entries + [entry("note")])
  }

  @Test func `many writers at once lose nothing and double nothing`() async throws {
    let folder = try Folder()
    // A connection each, as processes have.
    let stores = (0..<4).map { _ in SQLiteStore(folder: folder.path, patience: .seconds(20)) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, store) in stores.enumerated() {
        group.addTask {
          for round in 0..<25 {
            while true {
              let saved = try await store.load("chat")
              var next = saved?.value ?? ServiceState(service: "chat", stable: "blue", other: nil)
              next.generation = next.generation.next
              let entry = Entry(
                rollout: nil, time: Instant(milliseconds: 0), event: .verdict, actor: Actor("x"),
                detail: "\(index)-\(round)")
              do throws(StoreError) {
                _ = try await store.save(
                  next, entries: [entry], kept: [], over: saved?.revision ?? 0)
                break
              } catch {
                guard error == .conflict else { throw error }
              }
            }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(try await stores[0].load("chat")?.value.generation == Generation(100))
    let count = try sql(folder, "select count(*), count(distinct detail) from entry")
    #expect(count == "(100, 100)")
  }

  @Test func `a store of version 0.1.0 is taken over with its running rollout`() async throws {
    let folder = try Folder()
    let store = SQLiteStore(folder: folder.path, patience: .seconds(5))
    let stage = Stage(weight: .all, soak: .hours(1))
    let plan = Plan(
      name: "p", stages: [stage],
      checks: [
        Check(name: "errors", source: .metric(.errorRate), condition: Condition(max: 0.05)),
        Check(name: "health", source: .probe(path: "/health")),
      ])
    let request = PromoteRequest(
      to: "green", plan: plan, retain: .hours(1), actor: Actor("li"))
    var state = self.state(3)
    for event: Event in [
      .promote(request), .looked(fault: nil, rollout: 1), .looked(fault: nil, rollout: 1),
      .looked(fault: nil, rollout: 1), .applied(Generation(4)),
    ] {
      state = decide(state, event, at: Instant(milliseconds: 7)).state
    }
    _ = try await store.save(state, entries: [entry("one")], kept: [], over: 0)
    // What a state says when nothing new is used is what 0.1.0 wrote: keys that it knew, and none besides.
    let text = try sql(folder, "select state from service")
    for key in [
      "versus", "expected", "endpoint", "weighsStable", "guards", "alpha", "totals", "confirmed",
      "hooks", "held", "passed", "approval", "freeze", "scheduled", "jobs", "before", "person",
    ] {
      #expect(!text.contains(key), "\(key)")
    }
    for statement in [
      "drop table measurement", "drop table total", "drop table comparison",
      "drop table freeze_of_all",
      "drop index entry_by_time", "drop index service_by_wake", "drop table receiver",
      "alter table entry drop column hint", "alter table entry drop column origin",
      "alter table entry drop column hash",
      "alter table service drop column wake", "alter table slice drop column hurt",
      "insert into slice values ('chat', 5, 'blue', 3, 1, 0, x'')",
      "pragma user_version = 1",
    ] {
      #expect(try sql(folder, statement) == "")
    }
    #expect(try sql(folder, "pragma user_version") == "(1,)")
    let newer = SQLiteStore(folder: folder.path, patience: .seconds(5))
    #expect(try await newer.load("chat")?.value == state)
    #expect(try await newer.history("chat", limit: 5).first?.entries == [entry("one")])
    #expect(try await newer.measurements("chat", rollout: 1).isEmpty)
    #expect(try sql(folder, "pragma user_version") == "(6,)")
    // Whom a failure reached was not looked for then.
    let slice = try await newer.slices("chat", since: 0, through: .max).slices.first
    #expect(slice?.counts.requests == 3 && slice?.counts.hurt == nil)
    let pending = try await newer.pending()
    #expect(pending.map(\.service) == ["chat"] && pending.map(\.when) == [.now])
    // What was there before is covered by the first hash that comes after it.
    _ = try await newer.append(entry("two"), of: "chat", patience: nil)
    var verified = try await newer.verify()
    #expect(verified.count == 2 && verified.unchained == 1 && verified.fault == nil)
    for trigger in ["entry_stays", "entry_is_kept"] {
      _ = try sql(folder, "drop trigger \(trigger)")
    }
    #expect(try sql(folder, "update entry set actor = 'wang' where id = 1") == "")
    verified = try await newer.verify()
    #expect(verified.fault?.contains("entry 2") == true)
  }

  @Test func `the history is a chain that shows what was done to it`() async throws {
    let folder = try Folder()
    let store = SQLiteStore(folder: folder.path, patience: .seconds(5))
    var revision = 0
    for number in 1...20 {
      var entry = entry("event \(number)")
      entry.actor = Actor("li", origin: number % 2 == 0 ? "pts/1 ssh 10.0.0.9" : nil)
      revision = try await store.save(state(number), entries: [entry], kept: [], over: revision)
    }
    let links = try await store.links(of: nil, since: nil, limit: 5)
    #expect(links.map(\.id) == [16, 17, 18, 19, 20])
    #expect(links.last?.entry.actor.origin == "pts/1 ssh 10.0.0.9")
    let whole = try await store.verify()
    #expect(whole.count == 20 && whole.fault == nil && whole.head == links.last?.hash)
    #expect(try sql(folder, "update entry set detail = 'x' where id = 3").contains("append-only"))
    #expect(try sql(folder, "delete from entry where id = 20").contains("append-only"))
    for trigger in ["entry_stays", "entry_is_kept"] {
      _ = try sql(folder, "drop trigger \(trigger)")
    }
    let changes = [
      ("update entry set detail = 'x' where id = 7", "entry 7"),
      ("update entry set origin = 'x' where id = 5", "entry 5"),
      ("delete from entry where id = 4", "entry 4 is missing"),
      ("delete from entry where id > 18", "newest 2 entries"),
    ]
    for (index, (statement, words)) in changes.enumerated() {
      let other = try Folder()
      #expect(try sql(folder, "vacuum into '\(other.path)/canary.db'") == "")
      #expect(try sql(other, statement) == "")
      let found = try await SQLiteStore(folder: other.path, patience: .seconds(5)).verify()
      #expect(found.fault?.contains(words) == true, "\(index): \(found.fault ?? "nothing")")
    }
  }

  @Test func `measurements are kept with what they were judged by`() async throws {
    let folder = try Folder()
    let store = SQLiteStore(folder: folder.path, patience: .seconds(5))
    let check = Check(name: "errors", source: .metric(.errorRate), condition: Condition(max: 0.05))
    var state = CheckState(check)
    var kept: [KeptMeasurement] = []
    var states: [CheckState] = []
    for (second, value) in [0.01, 0.2, 0.02].enumerated() {
      let measurement = Measurement(
        check: "errors", at: Instant(milliseconds: Int64(second) * 1000),
        reading: .beside(value, requests: 100, stable: 0.01, stableRequests: 900))
      let after = Judge.fold(state, check, measurement)
      let what = KeptMeasurement.What.measured(
        measurement, number: after.measurements, grounds: state.grounds, after.verdict)
      kept.append(KeptMeasurement(rollout: 1, stage: 0, what))
      state = after
      states.append(state)
    }
    kept.append(KeptMeasurement(rollout: 1, stage: 0, .end(state)))
    _ = try await store.save(self.state(1), entries: [], kept: kept, over: 0)
    let records = try await store.measurements("chat", rollout: 1)
    #expect(records.count == 1 && records[0].end == state)
    #expect(records[0].rows.map(\.verdict) == [.pass, .fail, .pass])
    // What is kept is enough to come to the same words again.
    for (row, state) in zip(records[0].rows, states) {
      let again = Judge.fold(row.grounds, check, row.measurement)
      #expect(again.verdict == state.verdict && again.detail == state.detail)
      #expect(again.value == state.value && row.number == state.measurements)
    }
    #expect(state.totals.pass == 2 && state.totals.fail == 1 && state.totals.changes == 3)
  }

  @Test func `the history cannot be changed`() async throws {
    let folder = try Folder()
    let store = SQLiteStore(folder: folder.path, patience: .seconds(5))
    _ = try await store.save(state(1), entries: [entry("one")], kept: [], over: 0)
    #expect(try sql(folder, "delete from entry").contains("append-only"))
    #expect(try sql(folder, "update entry set actor = 'nobody'").contains("append-only"))
  }

  @Test func `a store that cannot be used says why`() async throws {
    let folder = try Folder()
    func fault() async -> String {
      let store = SQLiteStore(folder: folder.path, patience: .seconds(0.1))
      do throws(StoreError) {
        _ = try await store.load("chat")
        return ""
      } catch {
        if case .unavailable(let fault) = error { return fault.description }
        return "conflict"
      }
    }
    #expect(await fault() == "")
    _ = try sql(folder, "pragma user_version = 999")
    #expect(await fault().contains("Use a newer canary"))
    try Files.replace("\(folder.path)/canary.db", with: String(repeating: "rubbish ", count: 1000))
    for rest in ["-wal", "-shm"] { try Files.remove("\(folder.path)/canary.db\(rest)") }
    #expect(await fault().contains("is damaged"))
    try Files.remove("\(folder.path)/canary.db")
    let store = SQLiteStore(folder: "/dev/null/x", patience: .seconds(0.1))
    await #expect(throws: StoreError.self) { try await store.load("chat") }
  }

  @Test func `slices and the place in the log are saved together and added up`() async throws {
    let folder = try Folder()
    let store = SQLiteStore(folder: folder.path, patience: .seconds(5))
    var tally = LogTally(pools: ["blue", "green"])
    for second in 10..<13 {
      tally.add(second: Int64(second), pool: 1) {
        $0.requests += 1
        $0.latency.record(milliseconds: 40)
      }
    }
    tally.unreadable = 2
    let position = LogPosition(device: 1, inode: 2, offset: 300)
    try await store.saveSlices("chat", tally, [position], nil)
    try await store.saveSlices("chat", tally, [position], nil)
    let read = try await store.slices("chat", since: 11, through: .max)
    #expect(read.positions == [position])
    #expect(
      read.slices.map(\.second) == [11, 12]
        && read.slices.allSatisfy { $0.counts.requests == 2 && $0.pool == "green" })
    #expect(read.slices[0].counts.latency.quantile(0.5) == 0.04)
    #expect(try await store.unreadable("chat") == 4)
  }

  private func sql(_ folder: Folder, _ statement: String) throws -> String {
    let script = """
      import sqlite3
      connection = sqlite3.connect("\(folder.path)/canary.db")
      rows = connection.execute("\(statement)").fetchall()
      connection.commit()
      print(*rows)
      """
    return try Spawn.run(["python3", "-c", script], limit: .seconds(20)).output.filter {
      $0 != "\n"
    }
  }
}
