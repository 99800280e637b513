import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// A service of gRPC with real servers (grpcio), which reset whatever is no call.
@Suite(.blocking) struct GRPCTests {
  /// The Python that Debian's grpcio is installed for.
  private static let python = "/usr/bin/python3"
  private static let app = Files.folder(of: #filePath) + "/../Fixtures/grpc/app.py"

  private static let plan = """
    stages: [{ weight: 30, soak: "10m" }, { weight: 100, soak: "1s" }],
    checks: [
      { name: "errors", metric: "error_rate", max: "5%", every: "200ms", min_requests: 5 },
      { name: "health", probe: "/health", every: "500ms", failures: 3 },
    ],
    ready: { within: "4s", times: 2 }
    """

  /// Starts the servers, Nginx and the service; `health` is what they say in grpc.health.v1, nil:
  /// they have no such service.
  private func start(_ sandbox: Sandbox, service: String = "", health: (blue: Int?, green: Int?))
    throws
    -> [Child]
  {
    var servers: [Child] = []
    for (name, port, says) in [
      ("blue", sandbox.bluePorts[0], health.blue), ("green", sandbox.greenPorts[0], health.green),
    ] {
      servers.append(
        try Child(
          [
            Self.python, Self.app, "serve", "\(port)", name, "--sick",
            "\(sandbox.folder)/apps/\(name).sick",
          ] + (says.map { ["--health", "\($0)"] } ?? []),
          output: "\(sandbox.folder)/apps/\(name).log"))
    }
    try sandbox.startNginx()
    try sandbox.writeConfig(
      service: """
        protocol: "grpc", http2: true, preview: { header: { name: "X-Preview", value: "tester-of-cart" } },
        \(service)
        """, plan: Self.plan)
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 0, "\(applied.text)")
    for (port, server) in zip(sandbox.bluePorts + sandbox.greenPorts, servers) {
      try sandbox.wait("server on \(port): \(server.text)") {
        try call(port, 1).keys.first.map { $0 != "UNAVAILABLE" } ?? false
      }
    }
    return servers
  }

  /// What so many calls were answered: a count for each pool's name and each status.
  private func call(_ port: Int, _ count: Int, _ headers: [String] = []) throws -> [String: Int] {
    let ran = try Spawn.run(
      [Self.python, Self.app, "call", "\(port)", "\(count)"]
        + headers.flatMap { ["--header", $0] },
      limit: .minutes(1))
    let counts = ran.output.split(separator: "\n").map { $0.split(separator: " ") }
    return Dictionary(uniqueKeysWithValues: counts.map { (String($0[0]), Int($0[1]) ?? 0) })
  }

  @Test func `one is promoted, and testers meet it before all others`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let servers = try start(sandbox, health: (1, 1))
    defer { for server in servers { server.stop() } }
    let check = try sandbox.canary("check", "chat")
    #expect(check.text.contains("pool green answers"), "\(check.text)")
    let promote = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    #expect(try call(sandbox.port, 20, ["x-preview=tester-of-cart"]) == ["green": 20])
    let all = try call(sandbox.port, 60)
    #expect(Set(all.keys) == ["blue", "green"], "\(all)")
    #expect(try sandbox.canary("advance", "chat").code == 0)
    while promote.wait(.zero) == nil, try sandbox.field("phase") == "soaking" {
      _ = try call(sandbox.port, 50)
    }
    #expect(promote.wait() == 0, "\(promote.text)")
    #expect(try call(sandbox.port, 20) == ["green": 20])
  }

  @Test func `its own statuses revert it`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let servers = try start(sandbox, service: "health: false, shield: false,", health: (nil, nil))
    defer { for server in servers { server.stop() } }
    try sandbox.set("green.sick")
    let promote = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    while promote.wait(.zero) == nil, try sandbox.field("phase") == "soaking" {
      _ = try call(sandbox.port, 50)
    }
    #expect(promote.wait() == 3, "\(promote.text)")
    #expect(promote.text.contains("FAILED     errors: "), "\(promote.text)")
    #expect(try call(sandbox.port, 20) == ["blue": 20])
  }

  @Test func `a server without the health service is told with what to do`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let servers = try start(sandbox, health: (1, nil))
    defer { for server in servers { server.stop() } }
    let promoted = try sandbox.canary("promote", "chat", "--verbose")
    #expect(promoted.code == 3, "\(promoted.text)")
    // The server may end the stream before it has said so.
    #expect(promoted.text.contains("127.0.0.1:\(sandbox.greenPorts[0]) "), "\(promoted.text)")
    #expect(promoted.text.contains("grpc.health.v1.Health"), "\(promoted.text)")
    #expect(
      promoted.text.contains("or say health: false, and a connection is enough"),
      "\(promoted.text)")
    #expect(try call(sandbox.port, 20) == ["blue": 20])
  }

  @Test(arguments: [(2, "says NOT_SERVING"), (3, "says SERVICE_UNKNOWN"), (0, "does not know")])
  func `one that does not serve gets no traffic`(_ health: Int, _ words: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let servers = try start(
      sandbox, service: "health: \"shop.v1.Cart\",", health: (1, health))
    defer { for server in servers { server.stop() } }
    let promoted = try sandbox.canary("promote", "chat")
    #expect(promoted.code == 3, "\(promoted.text)")
    #expect(promoted.text.contains(words), "\(promoted.text)")
    #expect(try sandbox.field("generation") == "1")
  }

  @Test func `a path that is no call is told as such`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let servers = try start(sandbox, service: "health: \"/healthz\",", health: (1, 1))
    defer { for server in servers { server.stop() } }
    let check = try sandbox.canary("check", "chat")
    #expect(
      check.text.contains(
        "answered GET /healthz with status"
      ),
      "\(check.text)")
  }
}
