import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// What one service's source, log, state or hook does to it, and never to another service of the host.
@Suite(.blocking) struct HostileNeighbourTests {
  /// Two services, both driven by one controller; the second one is called `evil`.
  private func start(
    _ sandbox: Sandbox, checks: String, plan: String = "", endpoint: Int, top: String = ""
  ) throws -> (blue: StandIn, green: StandIn) {
    let (blue, green) = (sandbox.standIn("evil-blue"), sandbox.standIn("evil-green"))
    try sandbox.startApps()
    try sandbox.startNginx()
    try sandbox.writeConfig(
      plan: """
        stages: [{ weight: 50, soak: "20s", deadline: "10m" }, { weight: 100, soak: "1s" }],
        checks: [{ name: "errors", metric: "error_rate", max: "5%", window: "5s", every: "500ms" }]
        """,
      top: """
        endpoints: { evil: { url: "http://127.0.0.1:\(endpoint)" } }, \(top)
        """)
    let path = "\(sandbox.folder)/canary.json5"
    let config = try #require(try Files.read(path))
    try Files.replace(
      path,
      with: config.replacing(
        "services: {",
        with: """
          services: {
            evil: {
              listen: ["127.0.0.1:\(Sockets.freePort())"], stable: "blue",
              pools: { blue: { servers: ["127.0.0.1:\(blue.port)"] }, green: { servers: ["127.0.0.1:\(green.port)"] } },
              plan: { stages: [{ weight: 50, soak: "10m", deadline: "30m" }, { weight: 100, soak: "1s" }], checks: [\(checks)], \(plan) },
            },
          """))
    let applied = try sandbox.canary("apply")
    try #require(applied.code == 0, "\(applied.text)")
    return (blue, green)
  }

  /// Lets `chat` fail half of its canary's requests under load; how long it took to be reverted.
  private func revertsChat(_ sandbox: Sandbox) throws -> Span {
    try sandbox.set("green.fail")
    let load = Load(port: sandbox.port, clients: 2, pause: Span(milliseconds: 10))
    defer { _ = load.stop() }
    let begun = SystemClock.now
    let promote = try sandbox.canary("promote", "chat")
    #expect(promote.code == 3 && promote.text.contains("FAILED     errors: "), "\(promote.text)")
    return SystemClock.now - begun
  }

  @Test func `a source that answers bombs holds up nobody else`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let source = sandbox.standIn("source")
    let size = (1 << 20) - 200
    let bombs = [
      String(repeating: "[", count: 1000), "[" + String(repeating: "0,", count: size / 2) + "0]",
      String(repeating: "{\"a\":", count: size / 5),
      "[" + String(repeating: "[", count: 30) + String(repeating: "0,", count: size / 4) + "0]",
    ].map {
      "HTTP/1.1 200 OK\r\nContent-Length: \($0.utf8.count)\r\nAge: 9223372036854775807\r\n\r\n\($0)"
    }
    source.set { head, _ in bombs[head.utf8.count % bombs.count] }
    let checks = (0..<12).map {
      "{ name: \"c\($0)\", http: \"/\(String(repeating: "x", count: $0))\", json: \"/v\", max: 1, endpoint: \"evil\", every: \"200ms\", advisory: \($0 > 0) }"
    }.joined(separator: ", ")
    _ = try start(sandbox, checks: checks, endpoint: source.port)
    let controller = try sandbox.launch("controller")
    try sandbox.wait("the controller") { controller.text.contains("driving") }
    #expect(try sandbox.canary("promote", "evil", "--detach").code == 0)
    try sandbox.wait("the bombs") { source.seen.count > 40 }
    #expect(try revertsChat(sandbox) < .seconds(30))
    #expect(kill(controller.pid, 0) == 0)
    let evil = try sandbox.canary("status", "evil", "--json").text
    #expect(evil.contains("\"verdict\": \"error\"") && evil.contains("is not JSON"), "\(evil)")
  }

  @Test func `a log that is none, and a state that is none, are their service's`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let source = sandbox.standIn("source")
    _ = try start(
      sandbox,
      checks: "{ name: \"errors\", metric: \"error_rate\", max: \"5%\", every: \"200ms\" }",
      endpoint: source.port)
    let controller = try sandbox.launch("controller")
    try sandbox.wait("the controller") { controller.text.contains("driving") }
    #expect(try sandbox.canary("promote", "evil", "--detach").code == 0)
    try sandbox.waitForStage(0, of: "evil")
    // Its log becomes a FIFO: nobody waits for a writer, and it is told.
    let log = "\(sandbox.folder)/logs/canary-evil.log"
    try Files.remove(log)
    #expect(mkfifo(log, 0o644) == 0)
    try sandbox.wait("the log's fault") {
      try sandbox.canary("status", "evil", "--json").text.contains("not a regular file")
    }
    // Nginx itself waits for the reader of such a log at each test of its files.
    try Files.remove(log)
    #expect(try revertsChat(sandbox) < .seconds(30))
    // Its state is spoiled while the controller drives.
    try sandbox.set("green.fail", false)
    let spoil = try Spawn.run(
      [
        "python3", "-c",
        "import sqlite3;c=sqlite3.connect('\(sandbox.folder)/state/canary.db',timeout=20);c.execute(\"UPDATE service SET state='{\\\"x\\\":', revision=revision+1 WHERE name='evil'\");c.commit()",
      ], limit: .seconds(30))
    #expect(spoil.succeeded, "\(spoil.output)")
    #expect(try revertsChat(sandbox) < .seconds(30))
    let all = try sandbox.canary("status")
    #expect(
      all.code == 1 && all.text.contains("chat") && all.text.contains("the state of evil cannot"),
      "\(all.text)")
    #expect(kill(controller.pid, 0) == 0, "\(controller.text)")
  }

  @Test func `a key that stands twice is told with both lines`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.writeConfig(service: "stable: \"green\",")
    let checked = try sandbox.canary("status")
    #expect(
      checked.code == 2 && checked.text.contains("services.chat.stable stands twice, in lines "),
      "\(checked.text)")
  }
}
