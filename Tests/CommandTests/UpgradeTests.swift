import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// What an older program left is read and gone on with; see Tests/Fixtures.
@Suite(.blocking) struct UpgradeTests {
  private static let fixture =
    #filePath.split(separator: "/").dropLast(2).reduce("") { "\($0)/\($1)" } + "/Fixtures/0.1.0"

  private static func read(_ name: String) throws -> String {
    try #require(try Files.read("\(fixture)/\(name)"), "\(name)")
  }

  /// Makes the store of the sandbox from a script of the fixture.
  private func load(_ name: String, into sandbox: Sandbox) throws {
    let script = """
      import sqlite3, sys
      connection = sqlite3.connect(sys.argv[2])
      connection.executescript(open(sys.argv[1], encoding="utf-8").read())
      """
    let ran = try Spawn.run(
      [
        "python3", "-c", script, "\(Self.fixture)/\(name)", "\(sandbox.folder)/state/canary.db",
      ], limit: .seconds(30))
    try #require(ran.succeeded, "\(ran.output)")
  }

  // MARK: reading

  /// The old store with its config, and nothing that runs.
  private func oldStore() throws -> Sandbox {
    let sandbox = try Sandbox()
    try load("store.sql", into: sandbox)
    try Files.replace("\(sandbox.folder)/canary.json5", with: try Self.read("canary.json5"))
    return sandbox
  }

  /// Where two answers differ, but for keys that came after 0.1.0 and are null for what it wrote.
  private func differences(_ old: Node, _ new: Node?, at path: String = "") -> [String] {
    switch (old, new) {
    case (.table(let old), .table(let new)):
      let added = new.filter { old[$0.key] == nil && !($0.key == "hint" && $0.value == .null) }
      return added.map { "\(path)/\($0.key): new, \($0.value.shown)" }
        + old.flatMap { differences($0.value, new[$0.key], at: "\(path)/\($0.key)") }
    case (.list(let old), .list(let new)) where old.count == new.count:
      return zip(old, new).enumerated().flatMap {
        differences($1.0, $1.1, at: "\(path)/\($0)")
      }
    default:
      // One request is no plural any more.
      if case .text(let old) = old, case .text(let new)? = new,
        old.replacing(/\b1 (canary )?requests/, with: { "1 \($0.output.1 ?? "")request" }) == new
      {
        return []
      }
      return old == new ? [] : ["\(path): \(old.shown) became \(new?.shown ?? "nothing")"]
    }
  }

  /// What comes of stages is told by the time of asking.
  private func withoutStages(_ answer: Node?) -> Node? {
    guard case .list(let items) = answer else { return answer }
    return .list(
      items.filter { item in
        guard case .table(let item) = item else { return true }
        return item["event"] != .text("stage")
      })
  }

  /// The weight of a status is asked of Nginx since, and none runs here; what was added is left out.
  private func withoutWeights(_ answer: Node) -> Node {
    switch answer {
    case .list(let items): return .list(items.map(withoutWeights))
    case .table(let table) where table["weights"] != nil:
      return .table(
        table.filter {
          !["weight", "weights", "weight_fault", "releases", "headline", "done"].contains($0.key)
        })
    default: return answer
    }
  }

  @Test func `what 0_1_0 left is told as 0_1_0 told it`() throws {
    let sandbox = try oldStore()
    defer { sandbox.close() }
    guard case .table(let expected) = JSONAnswer.parse(try Self.read("expected.json")) else {
      Issue.record("expected.json is no table")
      return
    }
    let commands = Set(expected.keys.compactMap { $0.split(separator: " ").first })
    #expect(commands == ["status", "schedule", "audit", "history", "report"])
    for (line, old) in expected {
      let asked = try sandbox.canary(line.split(separator: " ").map(String.init))
      #expect(asked.code == 0, "\(line): \(asked.text)")
      if case .text(let text) = old {
        // The layout is another; every fact and every event is there.
        let rows = text.split(separator: "\n").filter {
          $0.hasPrefix("| ") && !$0.contains(/^\| (\d+ \(|stage)/)
        }
        #expect(rows.count > 8 || !line.hasPrefix("report"), "\(line)")
        for row in rows { #expect(asked.text.contains(row), "\(line): \(row)") }
        continue
      }
      let new = try #require(JSONAnswer.parse(asked.text), "\(line): \(asked.text)")
      let isSchedule = line.hasPrefix("schedule")
      let found = differences(
        isSchedule ? withoutStages(old) ?? .null : withoutWeights(old),
        isSchedule ? withoutStages(new) : withoutWeights(new))
      #expect(found.isEmpty, "\(line): \(found.prefix(5))")
    }
  }

  @Test func `the history of 0_1_0 is gone on with`() throws {
    let sandbox = try oldStore()
    defer { sandbox.close() }
    let before = try audit(sandbox)
    #expect(before.isWhole)
    #expect(try sandbox.canary("cancel", "dated").code == 0)
    let thawed = try sandbox.canary("thaw")
    #expect(thawed.code == 0, "\(thawed.text)")
    let after = try audit(sandbox)
    #expect(after.isWhole && after.count > before.count + 1)
    // The hash that somebody wrote down before the upgrade is in the chain after it.
    let holds = try sandbox.canary("audit", "--head", before.head)
    #expect(holds.code == 0, "\(holds.text)")
  }

  private func audit(_ sandbox: Sandbox) throws -> (isWhole: Bool, count: Double, head: String) {
    let text = try sandbox.canary("audit", "--json").text
    let answer = try #require(JSONAnswer.parse(text), "\(text)")
    guard case .number(let count) = JSONAnswer.at("/chain/entries", in: answer),
      case .text(let head) = JSONAnswer.at("/chain/head", in: answer)
    else { throw SandboxError("no chain: \(text)") }
    return (JSONAnswer.at("/chain/whole", in: answer) == .bool(true), count, head)
  }

  // MARK: going on

  enum Variant: String, CaseIterable { case braked, unbraked }

  /// The rollout that 0.1.0 left in the middle of a soak, served by Nginx from the files of 0.1.0.
  private func soaking(_ variant: Variant) throws -> Sandbox {
    let sandbox = try Sandbox()
    let folder = sandbox.folder
    func fill(_ name: String) throws -> String {
      [
        ("@FOLDER@", folder), ("@PORT@", "\(sandbox.port)"),
        ("@BLUE@", "\(sandbox.bluePorts[0])"), ("@GREEN@", "\(sandbox.greenPorts[0])"),
      ].reduce(try Self.read(name)) { $0.replacing($1.0, with: $1.1) }
    }
    try load("soaking/\(variant.rawValue)/store.sql", into: sandbox)
    try Files.replace("\(folder)/canary.json5", with: try fill("soaking/canary.json5.in"))
    for suffix in ["conf", "location"] {
      let text = try fill("soaking/\(variant.rawValue)/canary/chat.\(suffix).in")
      try Files.replace("\(folder)/canary/chat.\(suffix)", with: Seal.seal(text))
    }
    for name in Files.names(in: "\(Self.fixture)/soaking/\(variant.rawValue)/run") {
      let text = try Self.read("soaking/\(variant.rawValue)/run/\(name)")
      try Files.replace("\(folder)/run/\(name)", with: text)
    }
    try sandbox.startApps()
    try sandbox.startNginx()
    try sandbox.wait("service") { sandbox.answers(sandbox.port) }
    return sandbox
  }

  /// Looks at what 0.1.0 left, and starts the load.
  private func loaded(_ sandbox: Sandbox) throws -> Load {
    #expect(try sandbox.field("phase") == "soaking")
    // The first command finds that nobody drives and that no guard has seen it, and puts the brake on.
    #expect(try sandbox.field("brake") == "true")
    var client = Client(port: sandbox.port)
    let pools = Set((0..<50).map { _ in client.request().pool })
    client.close()
    #expect(pools == ["blue"])
    let load = Load(port: sandbox.port, clients: 4, pause: Span(milliseconds: 5))
    try sandbox.wait("load") { load.count > 200 }
    return load
  }

  /// No request failed, all traffic is on one pool since then, and the history is whole.
  private func expectWhole(
    _ sandbox: Sandbox, _ load: Load, on pool: String, since: Instant, events: [String: Int]
  ) throws {
    usleep(500_000)
    let seen = load.stop()
    let failed = seen.filter { $0.status != 200 }
    #expect(failed.isEmpty, "\(failed.count) of \(seen.count) failed: \(failed.prefix(3))")
    let after = seen.filter { $0.began > since }
    #expect(!after.isEmpty && after.allSatisfy { $0.pool == pool })
    #expect(!sandbox.isBraked)
    #expect(try sandbox.field("stable") == pool)
    #expect(try audit(sandbox).isWhole)
    let told = try sandbox.events()
    for (event, count) in events {
      #expect(told.count { $0 == event } == count, "\(event): \(told)")
    }
  }

  @Test(arguments: Variant.allCases)
  func `a soak that 0_1_0 left is gone on with, and no request fails`(variant: Variant) throws {
    let sandbox = try soaking(variant)
    defer { sandbox.close() }
    let load = try loaded(sandbox)
    let served = try #require(Double(try sandbox.field("elapsed_seconds")))
    #expect(served > 1 && served < 4)
    #expect(try sandbox.generationOnDisk() == 2)
    _ = try sandbox.launch("controller")
    try sandbox.wait("the promotion", 60) {
      let status = try sandbox.status()
      let stage = JSONAnswer.parse(status).flatMap { JSONAnswer.at("/stage", in: $0) }
      if let stage, JSONAnswer.at("/index", in: stage) == .number(0),
        case .number(let elapsed) = JSONAnswer.at("/elapsed_seconds", in: stage)
      {
        #expect(elapsed >= served, "it soaks anew")
      }
      return status.contains("\"phase\": \"promoted\"")
    }
    let since = SystemClock.now
    #expect(try sandbox.generationOnDisk() == 4)
    try expectWhole(
      sandbox, load, on: "green", since: since,
      events: [
        "started": 1, "stage": 2, "resumed": 1, "promoted": 1, "reverting": 0, "reverted": 0,
      ])
  }

  @Test(arguments: Variant.allCases)
  func `a soak that 0_1_0 left is reverted, and no request fails`(variant: Variant) throws {
    let sandbox = try soaking(variant)
    defer { sandbox.close() }
    let load = try loaded(sandbox)
    let reverted = try sandbox.canary("revert", "chat", "--reason", "taken back after an upgrade")
    let since = SystemClock.now
    #expect(reverted.code == 0, "\(reverted.text)")
    #expect(try sandbox.field("phase") == "reverted")
    #expect(try sandbox.generationOnDisk() == 3)
    try expectWhole(
      sandbox, load, on: "blue", since: since,
      events: ["started": 1, "stage": 1, "reverting": 1, "reverted": 1, "promoted": 0])
  }
}
