import CanaryAdapters
import CanaryCore
import CanaryDriver
import Glibc
import TestSupport
import Testing

/// What is SQLite's alone; what every store does stands in `StoreContractTests`.
@Suite(.timeLimit(.minutes(30))) struct StoreTests {
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

  @Test func `many writers at once lose nothing and double nothing`() async throws {
    let folder = try Folder()
    // A connection each, as processes have.
    let stores = (0..<4).map { _ in SQLiteStore(folder: folder.path, patience: .minutes(1)) }
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
      "drop table freeze_of_all", "drop table chain",
      "drop index entry_by_time", "drop index service_by_wake", "drop table receiver",
      "alter table entry drop column hint", "alter table entry drop column origin",
      "alter table entry drop column hash",
      "alter table service drop column wake", "alter table slice drop column hurt",
      "alter table slice drop column rejected", "alter table slice drop column redirected",
      "alter table slice drop column cut_off", "alter table slice drop column waits",
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
    #expect(try sql(folder, "pragma user_version") == "(8,)")
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
    let unbound = Entry(rollout: nil, time: entry("x").time, event: .refused, actor: .canary)
    try await store.append(unbound, of: nil, patience: nil)
    try await store.append(unbound, of: nil, patience: nil)
    let links = try await store.links(of: nil, since: nil, limit: 7).dropLast(2)
    #expect(links.map(\.id) == [16, 17, 18, 19, 20])
    #expect(links.last?.entry.actor.origin == "pts/1 ssh 10.0.0.9")
    let whole = try await store.verify()
    #expect(whole.count == 22 && whole.fault == nil)
    #expect(try sql(folder, "update entry set detail = 'x' where id = 3").contains("append-only"))
    #expect(try sql(folder, "delete from entry where id = 20").contains("append-only"))
    for trigger in ["entry_stays", "entry_is_kept"] {
      _ = try sql(folder, "drop trigger \(trigger)")
    }
    let cut = "delete from entry where id = 22; update sqlite_sequence set seq = 21"
    let bytes = "ff"
    let changes = [
      ("update entry set detail = 'x' where id = 7", "entry 7"),
      ("update entry set origin = 'x' where id = 5", "entry 5"),
      // What means nothing to this program is no less a change.
      ("update entry set event = 'x' where id = 7", "entry 7"),
      ("update entry set weight = 20000 where id = 21", "entry 21"),
      ("update entry set service = '!!' where id = 21", "entry 21"),
      ("update entry set rollout = -5 where id = 21", "entry 21"),
      ("update entry set actor = actor || char(7) where id = 21", "entry 21"),
      ("update entry set hint = '' where id = 21", "entry 21"),
      ("delete from entry where id = 4", "entry 4 is missing"),
      ("delete from entry where id > 18", "newest 4 entries"),
      // Neither is the chain taken away, nor its end together with the notes of it.
      ("update entry set hash = null", "entry 1 has no hash"),
      ("update entry set hash = null where id < 9", "entry 1 has no hash"),
      ("update entry set hash = null where id = 22", "entry 22 has no hash"),
      (cut, "newest 1 entries"),
      ("\(cut); update chain set newest = 21", "is not the one that was written last (21)"),
      ("delete from chain", "the note of its newest entry is gone"),
      // Bytes that are no text are not mended to the text that was there.
      ("update entry set detail = cast(x'\(bytes)' as text) where id = 9", "entry 9"),
    ]
    for (index, (statement, words)) in changes.enumerated() {
      let other = try Folder()
      #expect(try sql(folder, "vacuum into '\(other.path)/canary.db'") == "")
      #expect(try sql(other, statement) == "")
      let found = try await SQLiteStore(folder: other.path, patience: .seconds(5)).verify()
      #expect(found.fault?.contains(words) == true, "\(index): \(found.fault ?? "nothing")")
    }
  }

  @Test func `each hash is told to the system's log`() async throws {
    let folder = try Folder()
    let path = "\(folder.path)/log"
    let log = try Child(
      [
        "python3", "-c",
        """
        import socket, sys
        one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        one.bind(sys.argv[1])
        for _ in range(2): print(one.recv(4096).decode(), flush=True)
        """, path,
      ], output: "\(folder.path)/told")
    defer { log.stop() }
    for _ in 0..<500 where !Files.exists(path) { usleep(10_000) }
    let store = SQLiteStore(
      folder: "\(folder.path)/state", patience: .seconds(5), journal: SystemLog(path))
    _ = try await store.save(state(1), entries: [entry("one")], kept: [], over: 0)
    try await store.append(entry("two"), of: nil, patience: nil)
    #expect(log.wait(.seconds(30)) == 0)
    let told = Files.contents("\(folder.path)/told") ?? ""
    let head = try #require(try await store.verify().head)
    #expect(
      told.contains("<85>canary[") && told.contains("entry 2 of the audit has the hash \(head)"))
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

  private func sql(_ folder: Folder, _ statement: String) throws -> String {
    let script = """
      import sqlite3
      connection = sqlite3.connect("\(folder.path)/canary.db")
      rows = []
      for statement in "\(statement)".split("; "): rows = connection.execute(statement).fetchall()
      connection.commit()
      print(*rows)
      """
    return try Spawn.run(["python3", "-c", script], limit: .seconds(20)).output.filter {
      $0 != "\n"
    }
  }
}
