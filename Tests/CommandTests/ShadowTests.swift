import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// Copies of requests: the canary gets them, and users do not notice.
@Suite(.blocking) struct ShadowTests {
  @discardableResult
  private func start(_ sandbox: Sandbox, _ stage: String, checks: String = "") throws -> (
    blue: StandIn, green: StandIn
  ) {
    let apps = sandbox.startStandIns()
    try sandbox.startNginx()
    try sandbox.writeConfig(
      service: "routes: { \"/\": {}, \"/api\": {} },",
      plan: "stages: [\(stage), { weight: 100, soak: \"1s\" }], checks: [\(checks)]")
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 0, "\(applied.text)")
    return apps
  }

  @Test func `a dead, slow or failing shadow is nothing to users`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let green = try start(sandbox, "{ shadow: 100, soak: \"10m\" }").green
    func users(_ what: String) throws {
      // Kept connections: a copy that is waited for would hold up the next request on its connection.
      let load = Load(port: sandbox.port, clients: 3, pause: Span(milliseconds: 2))
      usleep(1_500_000)
      let seen = load.stop()
      let spent = seen.map { $0.ended - $0.began }.sorted()
      try #require(seen.count > 100, "\(what): \(seen.count)")
      #expect(seen.allSatisfy { $0.status == 200 && $0.pool == "blue" }, "\(what)")
      #expect(spent[spent.count / 2] < .seconds(0.1), "\(what): \(spent[spent.count / 2])")
      #expect((spent.last ?? .hours(1)) < .seconds(3), "\(what): \(spent.last ?? .zero)")
    }
    try users("without a shadow")
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.wait("the shadow") {
      _ = sandbox.answers(sandbox.port)
      return green.seen.contains { $0.contains("X-Canary-Shadow: 1") }
    }
    try users("a shadow that is well")
    #expect(green.seen.count > 100)
    #expect(green.seen.contains { $0.contains("Host: test") && $0.hasPrefix("GET / ") })
    green.set(delay: .seconds(10))
    try users("a shadow that is slow")
    green.set(status: 500)
    try users("a shadow that fails")
    green.stop()
    try users("a shadow that is dead")
    let reverted = try sandbox.canary("revert", "chat")
    #expect(reverted.code == 0, "\(reverted.text)")
    let log = try #require(try Files.read("\(sandbox.folder)/error.log", limit: 64 << 20))
    let noise = log.split(separator: "\n").filter { !$0.contains("[notice]") }
    #expect(noise.isEmpty, "\(noise.prefix(3))")
  }

  @Test func `a failing shadow fails its own gate`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let green = try start(
      sandbox, "{ shadow: 50, soak: \"10m\" }",
      checks: "{ name: \"errors\", metric: \"error_rate\", max: \"5%\", every: \"200ms\" }"
    ).green
    green.set(status: 503)
    let load = Load(port: sandbox.port, clients: 2, pause: Span(milliseconds: 5))
    let promoted = try sandbox.canary("promote", "chat")
    let seen = load.stop()
    #expect(promoted.code == 3, "\(promoted.text)")
    #expect(
      promoted.text.contains("check shadow_errors failed: 100% > 5% over "), "\(promoted.text)")
    #expect(promoted.text.contains(" copies"), "\(promoted.text)")
    #expect(promoted.text.contains("stage 1 of 2 (50% copied)"), "\(promoted.text)")
    // A copy is nobody's request: a replay finds no stage in it, and no pool of that name.
    let log = "\(sandbox.folder)/logs/canary-chat.log"
    let replay = try sandbox.canary("simulate", "chat", "--log", log)
    #expect(replay.code == 2 && replay.text.contains("reached green"), "\(replay.text)")
    let named = try sandbox.canary("simulate", "chat", "--log", log, "--to", "shadow")
    #expect(named.code == 2 && named.text.contains("(pools: blue, green)"), "\(named.text)")
    #expect(seen.allSatisfy { $0.status == 200 && $0.pool == "blue" })
  }

  @Test func `only named paths and methods are copied, with their bodies`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let (blue, green) = try start(
      sandbox, "{ shadow: { share: 100, paths: [\"/api\"], methods: [\"POST\"] }, soak: \"10m\" }")
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    var client = Client(port: sandbox.port)
    defer { client.close() }
    try sandbox.wait("the shadow") {
      _ = client.exchange(method: "POST", path: "/api/x?y=1", body: "hello")
      return green.seen.contains { $0.hasPrefix("POST /api/x?y=1 ") }
    }
    #expect(green.seen.allSatisfy { $0.contains("POST") == $0.contains("Content-Length: 5") })
    _ = client.exchange(path: "/api/get")
    _ = client.exchange(method: "POST", path: "/other", body: "hello")
    usleep(200_000)
    let copied = green.seen.filter { $0.contains("/api/get") || $0.contains("/other") }
    #expect(copied.isEmpty, "\(copied)")
    #expect(blue.seen.contains { $0.contains("/other") && !$0.contains("X-Canary-Shadow") })
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }
}
