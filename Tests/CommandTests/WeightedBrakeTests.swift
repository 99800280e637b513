import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// The brake of a weighted group leads to stable whichever text the workers still run, and whatever
/// becomes of Nginx.
@Suite(.blocking) struct WeightedBrakeTests {
  enum Kind: String, CaseIterable {
    case upstream
    case tcp
  }

  private static let quick = "stages: [{ weight: 100, soak: \"100ms\" }], checks: []"
  private static let half = """
    stages: [{ weight: 50, soak: "10m" }, { weight: 100, soak: "1s" }], checks: []
    """

  /// A service of that kind, and an Nginx whose reload does what a script says.
  private func start(_ sandbox: Sandbox, _ kind: Kind, plan: String) throws {
    _ = sandbox.startStandIns()
    let stream =
      kind == .tcp
      ? "load_module \(Sandbox.modules)/ngx_stream_module.so; stream { include \(sandbox.folder)/canary/*.stream; }"
      : ""
    try sandbox.startNginx(main: "worker_shutdown_timeout 20s; \(stream)")
    try write(sandbox, kind, plan: plan)
    // Once asked to, it kills who called it instead: the text is in place, and no worker has it.
    try Files.replace(
      "\(sandbox.folder)/reload",
      with: """
        #!/bin/sh
        if [ -e \(sandbox.folder)/kill ]; then
          rm \(sandbox.folder)/kill
          kill -9 $PPID
          exit
        fi
        exec \(Sandbox.nginx) "$@"
        """, mode: 0o755)
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 0, "\(applied.text)")
    try sandbox.wait("the service") { pools(sandbox) == ["blue"] }
  }

  private func write(_ sandbox: Sandbox, _ kind: Kind, plan: String) throws {
    let service = kind == .tcp ? "protocol: \"tcp\"," : "weights: \"upstream\","
    try sandbox.writeConfig(service: service, plan: plan)
    let path = "\(sandbox.folder)/canary.json5"
    let text = try #require(try Files.read(path))
    try Files.replace(
      path,
      with: text.replacing("reload: [\"nginx\"", with: "reload: [\"\(sandbox.folder)/reload\""))
  }

  /// Who answers on new connections.
  private func pools(_ sandbox: Sandbox) -> Set<String> {
    Set(
      (0..<40).map { _ in
        var client = Client(port: sandbox.port)
        defer { client.close() }
        return client.exchange()?.pool ?? "failed"
      })
  }

  @Test(arguments: Kind.allCases)
  func `a driver killed between its first text and the reload leaves all on stable`(
    kind: Kind
  ) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try start(sandbox, kind, plan: Self.quick)
    // Running workers have a text whose brake leads to blue from now on.
    #expect(try sandbox.canary("promote", "chat").code == 0)
    #expect(pools(sandbox) == ["green"])
    try write(sandbox, kind, plan: Self.half)
    try Files.replace("\(sandbox.folder)/kill", with: "")
    let driver = try sandbox.launch("promote", "chat")
    _ = driver.wait()
    for _ in 0..<15 {
      #expect(pools(sandbox) == ["green"])
      usleep(100_000)
    }
    #expect(sandbox.isBraked)
    #expect(try sandbox.field("weight") == "0")
    let reverted = try sandbox.canary("revert", "chat")
    #expect(reverted.code == 0, "\(reverted.text)")
    #expect(pools(sandbox) == ["green"])
    // And the next one has its share, and a brake.
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.wait("the share") { pools(sandbox) == ["blue", "green"] }
    #expect(try sandbox.canary("revert", "chat").code == 0)
    #expect(pools(sandbox) == ["green"])
  }

  @Test(arguments: Kind.allCases)
  func `a promotion goes back at once, until another rollout has begun`(kind: Kind) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try start(sandbox, kind, plan: Self.quick)
    for stable in ["green", "blue"] {
      #expect(try sandbox.canary("promote", "chat").code == 0)
      #expect(pools(sandbox) == [stable])
      #expect(!Files.exists("\(sandbox.folder)/run/chat.stays"))
    }
    #expect(try sandbox.canary("revert", "chat").code == 0)
    #expect(pools(sandbox) == ["green"])
  }

  @Test(arguments: Kind.allCases)
  func `a promotion outlives a reboot that empties run`(kind: Kind) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try start(sandbox, kind, plan: Self.quick)
    #expect(try sandbox.canary("promote", "chat").code == 0)
    sandbox.stopNginx()
    for name in Files.names(in: "\(sandbox.folder)/run") {
      _ = try Spawn.run(["rm", "-rf", "\(sandbox.folder)/run/\(name)"], limit: .seconds(5))
    }
    try sandbox.startNginxAsWritten()
    try sandbox.wait("the service") { pools(sandbox) != ["failed"] }
    #expect(pools(sandbox) == ["green"])
    let reverted = try sandbox.canary("revert", "chat")
    #expect(reverted.code == 0, "\(reverted.text)")
    #expect(pools(sandbox) == ["blue"])
  }

  @Test func `the brake of a TCP service outlives a start of Nginx`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try start(sandbox, .tcp, plan: Self.half)
    let driver = try sandbox.launch("promote", "chat")
    try sandbox.wait("the share") { pools(sandbox) == ["blue", "green"] }
    driver.signal(SIGKILL)
    _ = driver.wait()
    try sandbox.wait("the brake", 10) { sandbox.isBraked }
    sandbox.stopNginx()
    try sandbox.startNginxAsWritten()
    try sandbox.wait("the service") { pools(sandbox) == ["blue"] }
    #expect(try sandbox.field("weight") == "0")
    // A driver that takes over gives the canary its share again.
    let controller = try sandbox.launch("controller")
    try sandbox.wait("the share") { pools(sandbox) == ["blue", "green"] }
    // By hand, as the docs say: who drives takes it for a revert.
    unlink("\(sandbox.folder)/run/chat.green.way")
    #expect(pools(sandbox) == ["blue"])
    try sandbox.wait("the revert") { try sandbox.field("phase") == "reverted" }
    #expect(pools(sandbox) == ["blue"])
    controller.stop()
  }
}
