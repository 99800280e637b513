import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// With real Nginx: a revert that nobody asked for does not lead into a pool that is dead.
@Suite(.blocking) struct DeadStableLiveTests {
  private static func plan(_ folder: String) -> String {
    """
    stages: [{ weight: 50, soak: "10m" }, { weight: 100, soak: "1s" }],
    checks: [{ name: "gate", command: ["test", "!", "-e", "\(folder)/bad"], every: "1s" }]
    """
  }

  private func soaking() throws -> (Sandbox, blue: StandIn, green: StandIn) {
    let sandbox = try Sandbox()
    let (blue, green) = sandbox.startStandIns()
    try sandbox.startNginx()
    try sandbox.writeConfig(plan: Self.plan(sandbox.folder))
    let applied = try sandbox.canary("apply")
    try #require(applied.code == 0, "\(applied.text)")
    let begun = try sandbox.canary("promote", "chat", "--detach")
    try #require(begun.code == 0, "\(begun.text)")
    try sandbox.waitForStage(0)
    return (sandbox, blue, green)
  }

  @Test func `a failed gate holds until stable answers again`() throws {
    let (sandbox, blue, _) = try soaking()
    defer { sandbox.close() }
    blue.stop()
    try Files.replace("\(sandbox.folder)/bad", with: "")
    try sandbox.wait("it holds") { try sandbox.status().contains("does not answer") }
    let status = try sandbox.status()
    #expect(status.contains("\"phase\": \"soaking\""), "\(status)")
    #expect(status.contains("127.0.0.1:\(blue.port) refuses connections"), "\(status)")
    #expect(!sandbox.isBraked)
    #expect(try sandbox.events().filter { $0 == "held" }.count == 1)
    let audit = try sandbox.canary("audit", "chat")
    #expect(audit.text.contains("blue does not answer"), "\(audit.text)")
    // What answers is kept: the canary has its half.
    let load = Load(port: sandbox.port, clients: 2)
    try sandbox.wait("load") { load.count > 200 }
    let answered = load.stop().filter { $0.status == 200 && $0.pool == "green" }
    #expect(answered.count > 60, "\(answered.count)")
    blue.start()
    try sandbox.wait("it goes back") { try sandbox.field("phase") == "reverted" }
  }

  @Test func `a person's revert is done at once, and says how to go forward again`() throws {
    let (sandbox, blue, _) = try soaking()
    defer { sandbox.close() }
    blue.stop()
    let reverted = try sandbox.canary("revert", "chat")
    #expect(reverted.code == 0, "\(reverted.text)")
    #expect(reverted.text.contains("reverted: all traffic is on blue"), "\(reverted.text)")
    #expect(
      reverted.text.contains("blue does not answer: 127.0.0.1:\(blue.port) refuses connections"),
      "\(reverted.text)")
    #expect(
      reverted.text.contains("canary promote chat --to green"), "\(reverted.text)")
  }
}
