import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// A host that comes back with an empty `run`, Nginx first: stable, until the pool was looked at.
@Suite(.blocking) struct RebootTests {
  private static let plan = """
    stages: [{ weight: 30, soak: "10m" }, { weight: 100, soak: "1s" }],
    ready: { path: "/health", times: 2 },
    checks: [{ name: "health", probe: "/health", every: "1s", failures: 3 }]
    """

  /// The pids of every process of the program that has this sandbox in its command line.
  private func processes(_ sandbox: Sandbox) -> [Int32] {
    Files.names(in: "/proc").compactMap { Int32($0) }.filter { pid in
      guard let line = try? Files.read("/proc/\(pid)/cmdline", limit: 4096) else { return false }
      return line.hasPrefix(Sandbox.program) && line.contains(sandbox.folder)
    }
  }

  /// Ends all that runs at once, and loses what is on tmpfs.
  private func reboot(_ sandbox: Sandbox) throws {
    for pid in processes(sandbox) { kill(pid, SIGSTOP) }
    for pid in processes(sandbox) { kill(pid, SIGKILL) }
    sandbox.stopNginx()
    for name in Files.names(in: "\(sandbox.folder)/run") {
      _ = try Spawn.run(["rm", "-rf", "\(sandbox.folder)/run/\(name)"], limit: .seconds(5))
    }
    try sandbox.startNginxAsWritten()
    try sandbox.wait("nginx") { sandbox.answers(sandbox.port) }
  }

  private func expectStable(_ sandbox: Sandbox, at place: SourceLocation = #_sourceLocation) {
    var client = Client(port: sandbox.port)
    defer { client.close() }
    let seen = (0..<200).map { _ in client.request() }
    #expect(seen.allSatisfy { $0.pool == "blue" && $0.status == 200 }, sourceLocation: place)
  }

  @Test func `after a reboot a stage comes back only once its pool was looked at`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.plan)
    _ = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    try reboot(sandbox)
    expectStable(sandbox)
    #expect(try sandbox.field("weight") == "0")
    let told = try sandbox.canary("status", "chat").text
    #expect(told.contains("the stage has 30%, but Nginx gives the canary 0%"), "\(told)")
    // The pool is not ready: nothing comes back.
    try sandbox.set("green.sick")
    _ = try sandbox.launch("controller")
    try sandbox.wait("the look") { try sandbox.status().contains("\"phase\": \"starting\"") }
    expectStable(sandbox)
    let waiting = try sandbox.canary("status", "chat").text
    #expect(
      waiting.contains("all traffic is on blue; stage 1 comes back once green has answered"),
      "\(waiting)")
    try sandbox.set("green.sick", false)
    try sandbox.waitForStage(0)
    #expect(try sandbox.field("weight") == "30")
    let history = try sandbox.canary("history", "chat").text
    #expect(history.contains("the set of seats is gone, as after a reboot"), "\(history)")
    #expect(try sandbox.canary("revert", "chat").code == 0)
    expectStable(sandbox)
  }

  @Test func `a freeze keeps a stage away after a reboot, and a pause ends it`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.plan)
    _ = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    try reboot(sandbox)
    #expect(try sandbox.canary("freeze", "chat", "--reason", "a reboot").code == 0)
    let controller = try sandbox.launch("controller")
    try sandbox.wait("the freeze holds it") {
      try sandbox.canary("status", "chat").text.contains("  HELD  frozen")
    }
    expectStable(sandbox)
    #expect(try sandbox.canary("thaw", "chat").code == 0)
    try sandbox.waitForStage(0)
    #expect(try sandbox.canary("pause", "chat").code == 0)
    controller.signal(SIGKILL)
    try reboot(sandbox)
    _ = try sandbox.launch("controller")
    try sandbox.wait("reverted") { try sandbox.field("phase") == "reverted" }
    expectStable(sandbox)
  }
}
