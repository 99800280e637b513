import CanaryAdapters
import CanaryCore
import CanaryDriver
import TestSupport
import Testing

/// One body for every store: what the driver may rely on.
@Suite(.timeLimit(.minutes(2))) struct StoreTests {
  enum Kind: CaseIterable { case memory, sqlite }

  private func make(_ kind: Kind, _ folder: Folder) -> any Store {
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

  private func entry(_ event: String, rollout: Int = 1) -> Entry {
    Entry(
      rollout: rollout, time: Instant(milliseconds: 5), event: event, weight: Weight(percent: 12.5),
      actor: Actor("li"), detail: "a 'quoted' detail, ü")
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
                rollout: 0, time: Instant(milliseconds: 0), event: "\(index)-\(round)",
                actor: Actor("x"))
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
    let count = try sql(folder, "select count(*), count(distinct event) from entry")
    #expect(count == "(100, 100)")
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
        if case .unavailable(let text) = error { return text }
        return "conflict"
      }
    }
    #expect(await fault() == "")
    _ = try sql(folder, "pragma user_version = 999")
    #expect(await fault().contains("use a newer canary"))
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
    try await store.saveSlices("chat", tally, [position])
    try await store.saveSlices("chat", tally, [position])
    let read = try await store.slices("chat", since: 11)
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
