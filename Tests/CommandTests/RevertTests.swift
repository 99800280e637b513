import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// The first promise: a revert can't be blocked.
@Suite(.blocking) struct RevertTests {
  private static let slow = """
    stages: [{ weight: 50, soak: "10m" }, { weight: 100, soak: "1s" }],
    checks: [{ name: "health", probe: "/health", every: "1s", failures: 3 }]
    """

  /// A rollout at 50 %, driven by a process of its own.
  private func soaking() throws -> Sandbox {
    let sandbox = try Sandbox()
    try sandbox.start(plan: Self.slow)
    let begun = try sandbox.canary("promote", "chat", "--detach")
    #expect(begun.code == 0, "\(begun.text)")
    try sandbox.waitForStage(0)
    return sandbox
  }

  /// No request that began after the return went to the canary.
  private func expectStable(_ seen: [Seen], since: Instant) {
    let after = seen.filter { $0.began > since }
    #expect(!after.isEmpty)
    let wrong = after.filter { $0.pool != "blue" }
    #expect(
      wrong.isEmpty, "\(wrong.count) of \(after.count) requests went to \(wrong.first?.pool ?? "")")
    #expect(seen.contains { $0.began < since && $0.pool == "green" })
  }

  @Test func `after it returned no new request reaches the canary`() throws {
    let sandbox = try soaking()
    defer { sandbox.close() }
    let load = Load(port: sandbox.port, clients: 6, pause: .zero)
    try sandbox.wait("load") { load.count > 1000 }
    let reverted = try sandbox.canary("revert", "chat", "--reason", "seen in a test")
    let since = SystemClock.now
    usleep(500_000)
    let seen = load.stop()
    #expect(reverted.code == 0, "\(reverted.text)")
    expectStable(seen, since: since)
    #expect(seen.allSatisfy { $0.status == 200 })
    #expect(!sandbox.isBraked)
    #expect(try sandbox.field("phase") == "reverted")
    #expect(try sandbox.events().filter { $0 == "reverted" }.count == 1)
    #expect(try sandbox.canary("revert", "chat").text.contains("nothing to revert"))
  }

  @Test func `by a weighted group it works while the rest of nginx conf is broken`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(service: "weights: \"upstream\",", plan: Self.slow)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    try sandbox.writeNginxConf(extra: "server { this is broken; }")
    let load = Load(port: sandbox.port, clients: 4)
    try sandbox.wait("load") { load.count > 500 }
    let reverted = try sandbox.canary("revert", "chat")
    let since = SystemClock.now
    usleep(300_000)
    expectStable(load.stop(), since: since)
    // The traffic is moved, but somebody must mend Nginx: status 1, its own words with file and line, the brake stays.
    #expect(reverted.code == 1, "\(reverted.text)")
    #expect(reverted.text.contains("All new requests go to blue by the brake"), "\(reverted.text)")
    #expect(
      reverted.text.contains("unknown directive \"this\" in \(sandbox.nginxConf):"),
      "\(reverted.text)")
    #expect(sandbox.isBraked)
    try sandbox.writeNginxConf(main: "worker_shutdown_timeout 20s;")
    let again = try sandbox.canary("revert", "chat")
    #expect(again.code == 0, "\(again.text)")
    #expect(!sandbox.isBraked)
    #expect(try sandbox.field("phase") == "reverted")
  }

  @Test func `it works while the store is locked by another process`() throws {
    let sandbox = try soaking()
    defer { sandbox.close() }
    let locker = try Locker(sandbox)
    let load = Load(port: sandbox.port, clients: 4)
    try sandbox.wait("load") { load.count > 500 }
    let reverted = try sandbox.canary("revert", "chat")
    let since = SystemClock.now
    usleep(300_000)
    expectStable(load.stop(), since: since)
    #expect(reverted.code == 0, "\(reverted.text)")
    #expect(reverted.text.contains("is locked by another process"), "\(reverted.text)")
    locker.stop()
    // The note in the brake is the revert: the driver records it and tidies up.
    try sandbox.wait("recorded") { try sandbox.field("phase") == "reverted" && !sandbox.isBraked }
  }

  @Test(arguments: ["seats", "upstream"])
  func `after a promotion it works while the store is locked`(weights: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      service: "weights: \"\(weights)\",",
      plan: "stages: [{ weight: 100, soak: \"200ms\" }], checks: []")
    #expect(try sandbox.canary("promote", "chat").code == 0)
    let locker = try Locker(sandbox)
    let reverted = try sandbox.canary("revert", "chat")
    var client = Client(port: sandbox.port)
    defer { client.close() }
    #expect(Set((0..<40).map { _ in client.request().pool }) == ["blue"])
    #expect(reverted.code == 0, "\(reverted.text)")
    #expect(
      reverted.text.contains("All new requests go to blue by the brake. It could not be recorded"),
      "\(reverted.text)")
    let told = try sandbox.canary("status", "chat").text
    #expect(told.contains("BRAKED  all on blue since"), "\(told)")
    locker.stop()
    #expect(try sandbox.canary("revert", "chat").code == 0)
    #expect(try sandbox.field("stable") == "blue" && sandbox.field("phase") == "reverted")
    #expect(Set((0..<40).map { _ in client.request().pool }) == ["blue"] && !sandbox.isBraked)
  }

  /// Stops it where it holds no lock of the store: a revert that finds the store locked is another test.
  private func stopBetweenWrites(_ controller: Child, _ sandbox: Sandbox) throws {
    let write = """
      import sqlite3
      connection = sqlite3.connect("\(sandbox.folder)/state/canary.db", isolation_level=None, timeout=0)
      connection.execute("BEGIN IMMEDIATE")
      connection.execute("ROLLBACK")
      """
    try sandbox.wait("a moment between two writes") {
      controller.signal(SIGSTOP)
      if try Spawn.run(["python3", "-c", write], limit: .seconds(10)).succeeded { return true }
      controller.signal(SIGCONT)
      return false
    }
  }

  @Test func `it works while the controller is stopped`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.slow)
    let controller = try sandbox.launch("controller")
    try sandbox.wait("controller") {
      FileLock.holder("\(sandbox.folder)/run/controller.lock") != nil
    }
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    try stopBetweenWrites(controller, sandbox)
    let load = Load(port: sandbox.port, clients: 4)
    try sandbox.wait("load") { load.count > 500 }
    let reverted = try sandbox.canary("revert", "chat")
    let since = SystemClock.now
    usleep(300_000)
    expectStable(load.stop(), since: since)
    #expect(reverted.code == 0, "\(reverted.text)")
    #expect(try sandbox.field("phase") == "reverted", "\(reverted.text)")
    controller.signal(SIGCONT)
    usleep(1_500_000)
    // Awake again, it finds what happened and takes nothing back.
    #expect(try sandbox.field("phase") == "reverted")
    #expect(!sandbox.isBraked)
    #expect(try sandbox.events().filter { $0 == "reverted" }.count == 1)
  }

  @Test(.enabled(if: getuid() == 0, "mounting a small disk needs root"))
  func `it works while the disk of the state folder is full`() throws {
    let sandbox = try Sandbox()
    let state = "\(sandbox.folder)/state"
    guard
      try Spawn.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", state], limit: .seconds(10))
        .succeeded
    else { try Test.cancel("no mounting here") }
    defer {
      sandbox.close()
      _ = try? Spawn.run(["umount", "-l", state], limit: .seconds(10))
    }
    try sandbox.start(plan: Self.slow)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    _ = try Spawn.run(["dd", "if=/dev/zero", "of=\(state)/ballast", "bs=4k"], limit: .seconds(20))
    let load = Load(port: sandbox.port, clients: 4)
    try sandbox.wait("load") { load.count > 500 }
    let reverted = try sandbox.canary("revert", "chat")
    let since = SystemClock.now
    usleep(300_000)
    expectStable(load.stop(), since: since)
    #expect(reverted.code == 0, "\(reverted.text)")
    #expect(
      reverted.text.contains("reverted") || reverted.text.contains("the disk is full"),
      "\(reverted.text)")
    try Files.remove("\(state)/ballast")
    try sandbox.wait("recorded") { try sandbox.field("phase") == "reverted" && !sandbox.isBraked }
  }

  @Test func `within retain it goes back to the pool before the promotion`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      service: "retain: \"5s\",", plan: "stages: [{ weight: 100, soak: \"100ms\" }], checks: []")
    #expect(try sandbox.canary("promote", "chat").code == 0)
    #expect(try sandbox.canary("revert", "chat").code == 0)
    #expect(try sandbox.field("stable") == "blue")
    #expect(try sandbox.canary("promote", "chat").code == 0)
    usleep(5_200_000)
    let late = try sandbox.canary("revert", "chat")
    #expect(late.code == 0)
    #expect(
      late.text.contains("nothing to revert: all traffic is on green; blue was kept for "),
      "\(late.text)")
    #expect(!sandbox.isBraked)
  }

  @Test func `while a canary is still awaited a revert moves nothing`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      plan:
        "stages: [{ weight: 100, soak: \"100ms\" }], checks: [], ready: { path: \"/health\", within: \"1m\" }"
    )
    #expect(try sandbox.canary("promote", "chat").code == 0)
    // Within retain the brake leads to blue; a rollout back to blue that is not up must not be sent there.
    try sandbox.set("blue.sick")
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    let load = Load(port: sandbox.port, clients: 3, pause: Span(milliseconds: 1))
    try sandbox.wait("load") { load.count > 200 }
    let reverted = try sandbox.canary("revert", "chat")
    try sandbox.wait("load") { load.count > 400 }
    let seen = load.stop()
    #expect(reverted.code == 0, "\(reverted.text)")
    #expect(seen.allSatisfy { $0.pool == "green" && $0.status == 200 })
    #expect(!sandbox.isBraked)
    #expect(try sandbox.field("stable") == "green")
  }

  @Test func `a brake put on by hand is a revert`() throws {
    let sandbox = try soaking()
    defer { sandbox.close() }
    _ = try Spawn.run(["touch", sandbox.brakeFile], limit: .seconds(5))
    try sandbox.wait("reverted") { try sandbox.field("phase") == "reverted" && !sandbox.isBraked }
  }
}

/// Another process that holds the store's write lock.
private final class Locker {
  private let child: Child

  init(_ sandbox: Sandbox) throws {
    let script = """
      import sqlite3, time
      connection = sqlite3.connect("\(sandbox.folder)/state/canary.db", isolation_level=None, timeout=20)
      connection.execute("BEGIN EXCLUSIVE")
      open("\(sandbox.folder)/locked", "w").close()
      time.sleep(600)
      """
    child = try Child(["python3", "-c", script])
    try sandbox.wait("lock") { Files.exists("\(sandbox.folder)/locked") }
  }

  func stop() { child.stop() }
}
