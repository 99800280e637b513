import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// A server of the config may be a name, and several servers for Nginx.
@Suite(.blocking) struct PeersTests {
  /// A sandbox whose Nginx and programs read a hosts file of its own.
  private struct Names {
    let sandbox: Sandbox
    let hosts: String

    init(_ sandbox: Sandbox) throws {
      self.sandbox = sandbox
      hosts = "\(sandbox.folder)/hosts"
      try set("127.0.0.1 app", "127.0.0.2 app")
    }

    /// Writes in place: another file would not be seen through the mount.
    func set(_ lines: String...) throws {
      let ran = try Spawn.run(
        ["sh", "-c", "cat > \(hosts)"], limit: .seconds(5),
        input: (["127.0.0.1 localhost"] + lines).joined(separator: "\n") + "\n")
      #expect(ran.succeeded)
    }

    func words(_ words: [String]) -> [String] {
      [
        "unshare", "-m", "--propagation", "private", "sh", "-c",
        "mount --bind \(hosts) /etc/hosts && exec \"$@\"", "sh",
      ] + words
    }

    func canary(_ words: String...) throws -> (code: Int32, text: String) {
      let ran = try Spawn.run(
        self.words([Sandbox.program] + words + ["--config", "\(sandbox.folder)/canary.json5"]),
        limit: .minutes(2))
      guard case .exit(let code) = ran.end else { throw SandboxError("\(ran.end)") }
      return (code, ran.output)
    }

    /// Puts names in the place of the addresses of the pools.
    func write(blue: String = "app", green: String = "app", service: String = "", plan: String)
      throws
    {
      try sandbox.writeConfig(service: service, plan: plan)
      let path = "\(sandbox.folder)/canary.json5"
      let text = try Files.read(path) ?? ""
      let (from, to) = (sandbox.bluePorts[0], sandbox.greenPorts[0])
      try Files.replace(
        path,
        with: text.replacing("\"127.0.0.1:\(from)\"", with: "\"\(blue):\(from)\"")
          .replacing("\"127.0.0.1:\(to)\"", with: "\"\(green):\(to)\""))
    }
  }

  private static let plan = """
    stages: [{ weight: 20, soak: "10m" }, { weight: 100, soak: "1s" }],
    checks: [{ name: "health", probe: "/health", every: "1s", failures: 3 }]
    """

  private static func mounts() -> Bool {
    getuid() == 0
      && (try? Spawn.run(["unshare", "-m", "true"], limit: .seconds(5)).succeeded) == true
  }

  @Test(.enabled(if: mounts(), "a hosts file of one's own needs a mount"))
  func `a name with an address that nobody listens on fails no request in any state`() throws {
    let sandbox = try Sandbox()
    let names = try Names(sandbox)
    defer { sandbox.close() }
    try sandbox.startApps()
    try sandbox.writeNginxConf(main: "worker_shutdown_timeout 20s;")
    let nginx = try Child(names.words(["nginx", "-c", sandbox.nginxConf]))
    defer { nginx.stop() }
    try sandbox.wait("nginx") { Files.exists("\(sandbox.folder)/nginx.pid") }
    try names.write(plan: Self.plan)
    let applied = try names.canary("apply")
    #expect(applied.code == 0, "\(applied.text)")
    func expectServed(_ state: String) {
      var client = Client(port: sandbox.port)
      defer { client.close() }
      let failed = (0..<300).count { _ in client.request().status != 200 }
      #expect(failed == 0, "\(failed) of 300 \(state)")
    }
    expectServed("at rest")
    let begun = try names.canary("promote", "chat", "--detach")
    #expect(begun.code == 0, "\(begun.text)")
    try sandbox.waitForStage(0)
    expectServed("in a stage of 20 %")
    // Every try belongs to a pool, also those at the address that nobody listens on.
    let tally = try names.canary("__tally", "chat").text
    #expect(tally.contains(" unreadable 0 unattributed 0"), "\(tally)")
    let reverted = try names.canary("revert", "chat")
    #expect(reverted.code == 0, "\(reverted.text)")
    expectServed("after the revert")

    #expect(!(try names.canary("status", "chat").text.contains("stands for")))
    try names.set("127.0.0.1 app")
    let line =
      "app:\(sandbox.bluePorts[0]) stands for 127.0.0.1:\(sandbox.bluePorts[0]) now; Nginx goes on with"
    for command in ["status", "check"] {
      let told = try names.canary(command, "chat").text
      #expect(told.contains(line), "\(told)")
    }
    let before = try sandbox.generationOnDisk()
    #expect(try names.canary("apply").code == 0)
    let after = try sandbox.generationOnDisk()
    #expect(after > before)
    #expect(!(try names.canary("status", "chat").text.contains("stands for")))
    #expect(try names.canary("apply").text.contains("already"))
    #expect(try sandbox.generationOnDisk() == after)
  }

  @Test func `a name that does not resolve matters where its pool is in play`() throws {
    let sandbox = try Sandbox()
    let names = try Names(sandbox)
    defer { sandbox.close() }
    try sandbox.startApps()
    try sandbox.startNginx()
    try names.write(blue: "127.0.0.1", green: "gone.invalid", plan: Self.plan)
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 0, "\(applied.text)")
    try sandbox.wait("service") { sandbox.answers(sandbox.port) }
    try names.write(blue: "gone.invalid", green: "127.0.0.1", plan: Self.plan)
    let refused = try sandbox.canary("apply")
    #expect(refused.code == 1, "\(refused.text)")
    #expect(
      refused.text.contains("host not found in upstream \"gone.invalid:\(sandbox.bluePorts[0])\"")
        && refused.text.contains("whose name does not resolve"), "\(refused.text)")
    #expect(sandbox.answers(sandbox.port))
  }

  @Test func `a dead server of stable is not asked again and again at rest`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startApps()
    try sandbox.startNginx()
    let dead = Sockets.freePort()
    func write(_ server: String) throws {
      try sandbox.writeConfig(plan: Self.plan)
      let path = "\(sandbox.folder)/canary.json5"
      let text = try Files.read(path) ?? ""
      let blue = "blue: { servers: ["
      try Files.replace(path, with: text.replacing(blue, with: "\(blue)\"\(server)\", "))
    }
    func tries() throws -> Int {
      let before = try sandbox.tries().values.reduce(0) { $0 + ($1[dead] ?? 0) }
      var client = Client(port: sandbox.port)
      defer { client.close() }
      for _ in 0..<200 { #expect(client.request().status == 200) }
      return try sandbox.tries().values.reduce(0) { $0 + ($1[dead] ?? 0) } - before
    }
    try write("127.0.0.1:\(dead)")
    #expect(try sandbox.canary("apply").code == 0)
    let own = try tries()
    #expect(own > 0 && own < 40, "\(own) tries")
    try write("127.0.0.1:\(dead) max_fails=0")
    #expect(try sandbox.canary("apply").code == 0)
    #expect(try tries() >= 90)
    // In a stage nothing is skipped: its share would go to the other pool.
    try write("127.0.0.1:\(dead)")
    #expect(try sandbox.canary("apply").code == 0)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    #expect(try tries() >= 60)
  }
}
