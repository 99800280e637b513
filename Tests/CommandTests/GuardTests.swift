import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// The guard of a driver, and who notices when both are gone.
@Suite(.blocking) struct GuardTests {
  private static let slow = """
    stages: [{ weight: 50, soak: "10m" }, { weight: 100, soak: "1s" }], checks: []
    """

  private func pools(_ sandbox: Sandbox) -> Set<String> {
    var client = Client(port: sandbox.port)
    defer { client.close() }
    return Set((0..<60).map { _ in client.request().pool })
  }

  /// The guards of the sandbox's drivers.
  private func guards(_ sandbox: Sandbox) throws -> [Int32] {
    let ran = try Spawn.run(["pgrep", "-f", "__guard \(sandbox.folder)/run"], limit: .seconds(5))
    return ran.output.split(separator: "\n").compactMap { Int32($0) }
  }

  private func promoting(_ sandbox: Sandbox) throws -> Child {
    let driver = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    return driver
  }

  @Test(arguments: ["empty", "gone", "folder", "held"])
  func `the guard brakes whatever became of the lock file`(fault: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.slow)
    let driver = try promoting(sandbox)
    let lock = "\(sandbox.folder)/run/chat.drive"
    var holder: Child?
    switch fault {
    case "empty": truncate(lock, 0)
    case "gone": unlink(lock)
    case "folder":
      unlink(lock)
      mkdir(lock, 0o755)
    default: break
    }
    driver.signal(SIGKILL)
    _ = driver.wait()
    if fault == "held" {
      holder = try Child(
        ["python3", "-c", "import fcntl,time; f=open('\(lock)'); fcntl.flock(f,2); time.sleep(60)"])
    }
    try sandbox.wait("the brake", 10) { sandbox.isBraked }
    #expect(pools(sandbox) == ["blue"])
    holder?.stop()
  }

  @Test func `a driver killed after its promotion was saved leaves it in place`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: "stages: [{ weight: 100, soak: \"100ms\" }], checks: []")
    // Between the save and the end of the guard: as soon as the store has it.
    let script = """
      import os, signal, sqlite3, sys
      store = sqlite3.connect(sys.argv[1], timeout=20)
      phase = "SELECT json_extract(state, '$.rollout.number') = ? AND json_type(state, '$.rollout.phase.promoted') IS NOT NULL FROM service"
      while store.execute(phase, (int(sys.argv[3]),)).fetchone() != (1,): pass
      os.kill(int(sys.argv[2]), signal.SIGKILL)
      """
    for number in 1...4 {
      let driver = try sandbox.launch("promote", "chat", "--json")
      let killed = try Spawn.run(
        [
          "python3", "-c", script, "\(sandbox.folder)/state/canary.db",
          "\(driver.pid)", "\(number)",
        ], limit: .minutes(1))
      #expect(killed.succeeded, "\(killed.output)")
      _ = driver.wait()
      usleep(900_000)
      let stable = try sandbox.field("stable")
      #expect(!sandbox.isBraked)
      #expect(pools(sandbox) == [stable])
    }
  }

  @Test(arguments: [["status", "chat"], ["history", "chat"], ["watchdog", "--once"]])
  func `the next command notices that driver and guard are gone`(words: [String]) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      plan: Self.slow, top: "metrics: \"canary.prom\",")
    let driver = try promoting(sandbox)
    for pid in try guards(sandbox) { kill(pid, SIGKILL) }
    driver.signal(SIGKILL)
    _ = driver.wait()
    usleep(1_200_000)
    #expect(!sandbox.isBraked)
    let ran = try sandbox.canary(words)
    #expect(ran.text.contains("The brake is on now"), "\(ran.text)")
    #expect(pools(sandbox) == ["blue"])
    // Everybody learns of it, also those who read files.
    try sandbox.wait("metrics") {
      (try Files.read("\(sandbox.folder)/canary.prom") ?? "").contains(
        "canary_brake{service=\"chat\"} 1")
    }
    #expect(try sandbox.canary("history", "chat").text.contains("braked"))
  }

  @Test func `metrics say that the guard of a killed controller has put the brake on`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.slow, top: "metrics: \"canary.prom\",")
    let controller = try sandbox.launch("controller")
    try sandbox.wait("controller") {
      FileLock.holder("\(sandbox.folder)/run/controller.lock") != nil
    }
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    controller.signal(SIGKILL)
    _ = controller.wait()
    try sandbox.wait("the brake") { sandbox.isBraked }
    try sandbox.wait("metrics", 10) {
      (try Files.read("\(sandbox.folder)/canary.prom") ?? "").contains(
        "canary_brake{service=\"chat\"} 1")
    }
  }

  @Test func `without a descriptor the brake goes on all the same`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      plan: """
        stages: [{ weight: 50, soak: "10m" }, { weight: 100, soak: "1s" }],
        checks: [{ name: "errors", metric: "error_rate", max: "5%", window: "10s", every: "200ms" }]
        """, failShare: "60%")
    let driver = try promoting(sandbox)
    let load = Load(port: sandbox.port, clients: 3)
    try sandbox.wait("load") { load.count > 300 }
    #expect(
      try Spawn.run(["prlimit", "--pid", "\(driver.pid)", "--nofile=4:4"], limit: .seconds(5))
        .succeeded)
    try sandbox.set("green.fail")
    try sandbox.wait("stable", 20) { sandbox.isBraked && pools(sandbox) == ["blue"] }
    _ = load.stop()
  }

  @Test func `what a killed Nginx left behind keeps no other from starting`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.slow)
    let workers = try Spawn.run(["pgrep", "-P", "\(sandbox.nginxPid)"], limit: .seconds(5)).output
    kill(sandbox.nginxPid, SIGKILL)
    for pid in workers.split(separator: "\n").compactMap({ Int32($0) }) { kill(pid, SIGKILL) }
    usleep(300_000)
    #expect(Files.exists("\(sandbox.folder)/run/probe.sock"))
    let ran = try sandbox.canary("watchdog", "--once")
    #expect(ran.text.contains("which a killed Nginx left behind"), "\(ran.text)")
    #expect(!Files.exists("\(sandbox.folder)/run/probe.sock"))
    unlink("\(sandbox.folder)/nginx.pid")
    try sandbox.startNginxAsWritten()
    try sandbox.wait("service") { sandbox.answers(sandbox.port) }
  }
}
