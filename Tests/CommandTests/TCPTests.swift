import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// Services of bytes: weights, gates and the brake without a word of HTTP.
@Suite(.blocking) struct TCPTests {
  private static let half = """
    stages: [{ weight: 50, soak: "10m" }, { weight: 100, soak: "1s" }], checks: []
    """

  @discardableResult
  private func start(_ sandbox: Sandbox, plan: String) throws -> (blue: StandIn, green: StandIn) {
    let apps = sandbox.startStandIns()
    try sandbox.startNginx(main: main(sandbox))
    try sandbox.writeConfig(service: "protocol: \"tcp\",", plan: plan)
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 0, "\(applied.text)")
    return apps
  }

  private func main(_ sandbox: Sandbox) -> String {
    """
    load_module \(Sandbox.modules)/ngx_stream_module.so;
    worker_shutdown_timeout 20s;
    stream { include \(sandbox.folder)/canary/*.stream; }
    """
  }

  /// The pools that new connections reach.
  private func pools(_ port: Int, _ count: Int) -> [String: Int] {
    var found: [String: Int] = [:]
    for _ in 0..<count {
      var client = Client(port: port)
      found[client.exchange()?.pool ?? "failed", default: 0] += 1
      client.close()
    }
    return found
  }

  @Test func `connections are weighted and rolled out to the end`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try start(
      sandbox,
      plan: """
        stages: [{ weight: 20, soak: "10m" }, { weight: 100, soak: "1s" }],
        checks: [{ name: "errors", metric: "error_rate", max: "5%", every: "200ms", window: "10s" },
          { name: "connect", metric: "latency_p99", max: "1s", every: "200ms", window: "10s" },
          { name: "up", probe: "/", every: "200ms" }]
        """)
    #expect(pools(sandbox.port, 20) == ["blue": 20])
    let checked = try sandbox.canary("check")
    #expect(checked.text.contains("includes \(sandbox.folder)/canary/*.stream"), "\(checked.text)")
    #expect(checked.text.contains("✓ nginx -t of every stage"), "\(checked.text)")
    let driver = try sandbox.launch("promote", "chat")
    try sandbox.wait("weight") { try sandbox.field("weight") == "20" }
    #expect(pools(sandbox.port, 200) == ["blue": 160, "green": 40])
    #expect(try sandbox.canary("advance", "chat").code == 0)
    while driver.wait(Span(milliseconds: 1)) == nil {
      #expect(pools(sandbox.port, 5)["failed"] == nil)
    }
    #expect(driver.text.contains("PROMOTED"), "\(driver.text)")
    #expect(pools(sandbox.port, 20) == ["green": 20])
    // Within retain it goes back at once, and by no more than a name.
    #expect(try sandbox.canary("revert", "chat").code == 0)
    #expect(pools(sandbox.port, 20) == ["blue": 20])
  }

  @Test func `a canary that takes no connections is found and hurts nobody`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let green = try start(
      sandbox,
      plan: """
        stages: [{ weight: 50, soak: "10m" }, { weight: 100, soak: "1s" }],
        checks: [{ name: "errors", metric: "error_rate", max: "5%", every: "200ms" }]
        """
    ).green
    let driver = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    green.stop()
    // The second in which a stage begins is not counted, so users keep coming.
    var code: Int32?
    for _ in 0..<500 where code == nil {
      #expect(pools(sandbox.port, 20) == ["blue": 20])
      code = driver.wait(Span(milliseconds: 20))
    }
    #expect(code == 3, "\(driver.text)")
    #expect(
      driver.text.contains("FAILED     errors: ") && driver.text.contains("% > 5% over "),
      "\(driver.text)")
    #expect(pools(sandbox.port, 20) == ["blue": 20])
  }

  @Test func `a revert works while the rest of nginx conf is broken`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try start(sandbox, plan: Self.half)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    try sandbox.writeNginxConf(extra: "broken_directive on;", main: main(sandbox))
    let reverted = try sandbox.canary("revert", "chat")
    // Traffic has moved; that Nginx is broken has to be told.
    #expect(reverted.code == 1, "\(reverted.text)")
    #expect(reverted.text.contains("All new requests go to blue by the brake"), "\(reverted.text)")
    #expect(pools(sandbox.port, 50) == ["blue": 50])
    try sandbox.writeNginxConf(main: main(sandbox))
    let again = try sandbox.canary("revert", "chat")
    #expect(again.code == 0, "\(again.text)")
    #expect(!sandbox.isBraked && pools(sandbox.port, 50) == ["blue": 50])
    // And the next rollout finds its socket again.
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    #expect(pools(sandbox.port, 100) == ["blue": 50, "green": 50])
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }

  @Test func `a driver that is killed leaves all connections to stable`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try start(sandbox, plan: Self.half)
    let driver = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    driver.signal(SIGKILL)
    _ = driver.wait()
    try sandbox.wait("the brake", 5) { sandbox.isBraked }
    usleep(100_000)
    #expect(pools(sandbox.port, 50) == ["blue": 50])
    // Another driver takes over, and the canary gets its share again.
    let controller = try sandbox.launch("controller")
    try sandbox.wait("the share") { pools(sandbox.port, 10)["green"] != nil }
    controller.stop()
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }
}
