import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// Nothing goes blind: a store that cannot be written, a clock that is set, a config that is broken.
@Suite(.blocking) struct BlindTests {
  private static let slow = """
    stages: [{ weight: 50, soak: "10m" }, { weight: 100, soak: "1s" }],
    checks: [{ name: "errors", metric: "error_rate", max: "5%", window: "10s", every: "200ms" }]
    """

  private func soaking(service: String = "", plan: String = Self.slow) throws -> Sandbox {
    let sandbox = try Sandbox()
    try sandbox.start(service: service, plan: plan, failShare: "60%")
    let begun = try sandbox.canary("promote", "chat", "--detach")
    #expect(begun.code == 0, "\(begun.text)")
    try sandbox.waitForStage(0)
    return sandbox
  }

  /// The pools of 60 requests.
  private func pools(_ sandbox: Sandbox) -> Set<String> {
    var client = Client(port: sandbox.port)
    defer { client.close() }
    return Set((0..<60).map { _ in client.request().pool })
  }

  private func python(_ script: String) throws -> Child { try Child(["python3", "-c", script]) }

  private func lock(_ sandbox: Sandbox) throws -> Child {
    let child = try python(
      """
      import sqlite3, time
      connection = sqlite3.connect("\(sandbox.folder)/state/canary.db", isolation_level=None, timeout=20)
      connection.execute("BEGIN EXCLUSIVE")
      open("\(sandbox.folder)/locked", "w").close()
      time.sleep(600)
      """)
    try sandbox.wait("lock") { Files.exists("\(sandbox.folder)/locked") }
    return child
  }

  @Test func `a bad canary is braked while the store is locked`() throws {
    // In a soak so short, progress is to be saved twice a second.
    let sandbox = try soaking(plan: Self.slow.replacing("10m", with: "1m"))
    defer { sandbox.close() }
    let locker = try lock(sandbox)
    usleep(2_000_000)
    try sandbox.set("green.fail")
    let load = Load(port: sandbox.port, clients: 3)
    try sandbox.wait("the brake", 20) { sandbox.isBraked }
    #expect(pools(sandbox) == ["blue"])
    locker.stop()
    try sandbox.wait("recorded") { try sandbox.field("phase") == "reverted" && !sandbox.isBraked }
    _ = load.stop()
    let history = try sandbox.canary("history", "chat").text
    #expect(history.contains("check errors failed"), "\(history)")
  }

  @Test(.enabled(if: getuid() == 0, "mounting a small disk needs root"))
  func `a rollout that cannot be saved ends after ten seconds`() throws {
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
    try sandbox.start(
      plan: "stages: [{ weight: 50, soak: \"1m\" }, { weight: 100, soak: \"1s\" }], checks: []")
    let driver = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    _ = try Spawn.run(["dd", "if=/dev/zero", "of=\(state)/ballast", "bs=4k"], limit: .seconds(20))
    try sandbox.wait("the brake", 30) { sandbox.isBraked }
    #expect(pools(sandbox) == ["blue"])
    try Files.remove("\(state)/ballast")
    #expect(driver.wait(.seconds(20)) == 1, "\(driver.text)")
    #expect(driver.text.contains("the state can be saved again"), "\(driver.text)")
    let history = try sandbox.canary("history", "chat").text
    #expect(history.contains("nothing could be saved for 10s"), "\(history)")
    #expect(!sandbox.isBraked)
  }

  @Test(arguments: ["unknown", "weight", "syntax", "gone", "empty", "folder", "service"])
  func `a broken config does not keep a revert back`(fault: String) throws {
    let sandbox = try soaking()
    defer { sandbox.close() }
    let path = "\(sandbox.folder)/canary.json5"
    let text = try #require(try Files.read(path))
    let broken: String? =
      switch fault {
      case "unknown": text.replacing("stable: \"blue\"", with: "stabel: 1, stable: \"blue\"")
      case "weight": text.replacing("weight: 50", with: "weight: \"many\"")
      case "syntax": text.replacing("services: {", with: "services: { {")
      case "service": text.replacing("chat: {", with: "chit: {")
      case "empty": ""
      default: nil
      }
    try Files.remove(path)
    if let broken { try Files.replace(path, with: broken) }
    if fault == "folder" { try Files.makeFolder(path) }
    let reverted = try sandbox.canary("revert", "chat", "--reason", "a test")
    #expect(pools(sandbox) == ["blue"], "\(fault): \(reverted.text)")
    #expect(reverted.code == 1, "\(fault): \(reverted.text)")
    #expect(reverted.text.contains("all traffic is on blue"), "\(fault): \(reverted.text)")
    #expect(reverted.text.contains("the config must be mended"), "\(fault): \(reverted.text)")
    if fault == "folder" { rmdir(path) }
    try Files.replace(path, with: text)
    #expect(try sandbox.field("phase") == "reverted")
  }

  @Test func `a revert of what was never there touches nothing`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.slow)
    let reverted = try sandbox.canary("revert", "chta")
    #expect(reverted.code == 2, "\(reverted.text)")
    #expect(reverted.text.contains("did you mean 'chat'?"), "\(reverted.text)")
    #expect(!Files.exists("\(sandbox.folder)/run/chta.brake"))
  }

  @Test(arguments: ["missing", "damaged", "read-only"])
  func `a store that is gone does not keep a revert back`(fault: String) throws {
    let sandbox = try soaking()
    defer { sandbox.close() }
    let state = "\(sandbox.folder)/state"
    switch fault {
    case "missing": _ = try Spawn.run(["rm", "-rf", state], limit: .seconds(5))
    case "damaged":
      for suffix in ["", "-wal", "-shm"] { unlink("\(state)/canary.db\(suffix)") }
      try Files.replace("\(state)/canary.db", with: String(repeating: "no database ", count: 900))
    default: _ = try Spawn.run(["chmod", "-R", "a-w", state], limit: .seconds(5))
    }
    let reverted = try sandbox.canary("revert", "chat")
    #expect(pools(sandbox) == ["blue"], "\(fault): \(reverted.text)")
    #expect(reverted.code == 0, "\(fault): \(reverted.text)")
  }

  @Test func `a driver whose store was removed reverts and ends`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.slow)
    let driver = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    _ = try Spawn.run(["rm", "-rf", "\(sandbox.folder)/state"], limit: .seconds(5))
    #expect(driver.wait(.seconds(40)) == 1, "\(driver.text)")
    #expect(pools(sandbox) == ["blue"])
    let history = try sandbox.canary("history", "chat").text
    #expect(history.contains("the store was removed"), "\(history)")
  }

  @Test(arguments: ["", "weights: \"upstream\","])
  func `a driver whose run folder was removed reverts and ends`(service: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(service: service, plan: Self.slow)
    let driver = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    _ = try Spawn.run(["rm", "-rf", "\(sandbox.folder)/run"], limit: .seconds(5))
    try sandbox.wait("stable", 20) { pools(sandbox) == ["blue"] }
    #expect(driver.wait(.minutes(1)) != nil, "\(driver.text)")
    #expect(driver.text.contains("was removed"), "\(driver.text)")
  }

  @Test func `a promote ends with its own rollout and stops no other`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.slow)
    let controller = try sandbox.launch("controller")
    try sandbox.wait("controller") {
      FileLock.holder("\(sandbox.folder)/run/controller.lock") != nil
    }
    let first = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    // Stopped, it sees nothing of what comes.
    try sandbox.wait("a moment in which it holds no lock of the store") {
      first.signal(SIGSTOP)
      let script = """
        import sqlite3
        c = sqlite3.connect("\(sandbox.folder)/state/canary.db", isolation_level=None, timeout=0)
        c.execute("BEGIN IMMEDIATE")
        c.execute("ROLLBACK")
        """
      if try Spawn.run(["python3", "-c", script], limit: .seconds(10)).succeeded { return true }
      first.signal(SIGCONT)
      return false
    }
    #expect(try sandbox.canary("revert", "chat").code == 0)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    first.signal(SIGTERM)
    first.signal(SIGCONT)
    #expect(first.wait(.seconds(20)) == 4, "\(first.text)")
    usleep(700_000)
    #expect(try sandbox.field("phase") == "soaking")
    #expect(try sandbox.field("rollout") == "2")
    controller.stop()
  }

  @Test func `apply after a lost store keeps the promoted pool`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: "stages: [{ weight: 100, soak: \"100ms\" }], checks: []")
    #expect(try sandbox.canary("promote", "chat").code == 0)
    _ = try Spawn.run(["rm", "-rf", "\(sandbox.folder)/state"], limit: .seconds(5))
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 0, "\(applied.text)")
    #expect(applied.text.contains("green is taken as stable"), "\(applied.text)")
    #expect(pools(sandbox) == ["green"])
    #expect(try sandbox.field("stable") == "green")
  }

  @Test func `a promote with a broken nginx conf begins nothing`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.slow)
    try sandbox.writeNginxConf(extra: "server { this is broken; }")
    let refused = try sandbox.canary("promote", "chat")
    #expect(refused.code == 1, "\(refused.text)")
    #expect(refused.text.contains("unknown directive \"this\""), "\(refused.text)")
    #expect(try sandbox.field("phase") == "idle")
    #expect(!sandbox.isBraked)
  }

  @Test func `a config that loosens a gate leaves a line in the audit`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.slow)
    try sandbox.writeConfig(plan: Self.slow.replacing("5%", with: "50%"))
    #expect(try sandbox.canary("apply").code == 0)
    let audit = try sandbox.canary("audit").text
    #expect(
      audit.contains("services.chat.plan.checks.errors.max: \"5%\" → \"50%\""), "\(audit)")
  }

  @Test(.enabled(if: getuid() == 0, "becoming another user needs root"))
  func `who may only read can look`() throws {
    let sandbox = try soaking()
    defer { sandbox.close() }
    for isWriting in [true, false] {
      if !isWriting {
        #expect(try sandbox.canary("revert", "chat").code == 0)
      }
      let opened = try Spawn.run(
        ["chmod", "-R", "a+rX,go-w", sandbox.folder], limit: .seconds(5))
      #expect(opened.succeeded)
      for words in [["status", "chat"], ["history", "chat"], ["report", "chat"], ["audit"]] {
        let ran = try Spawn.run(
          ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", Sandbox.program]
            + words + ["--config", "\(sandbox.folder)/canary.json5"], limit: .seconds(20))
        #expect(ran.end == .exit(0), "\(words) \(isWriting): \(ran.output)")
      }
    }
  }
}
