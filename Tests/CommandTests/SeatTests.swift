import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// Stages without a reload, by the real program and a real Nginx under load.
@Suite(.blocking) struct SeatTests {
  static let seats = "weights: \"seats\","
  private static let slow = """
    stages: [{ weight: 50, soak: "10m" }, { weight: 100, soak: "1s" }],
    checks: [{ name: "health", probe: "/health", every: "1s", failures: 3 }]
    """

  @Test func `five stages need one reload before the first and one after the last`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let weights = [5, 10, 30, 60, 100]
    let stages = weights.map { "{ weight: \($0), soak: \"1500ms\" }" }.joined(separator: ", ")
    try sandbox.start(
      service: Self.seats,
      plan: """
        stages: [\(stages)],
        checks: [{ name: "errors", metric: "error_rate", max: "5%", window: "1m" }]
        """)
    let before = try sandbox.reloads
    let load = Load(port: sandbox.port, clients: 4, pause: Span(milliseconds: 1))
    let child = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    let first = try sandbox.reloads
    try sandbox.waitForStage(4)
    let last = try sandbox.reloads
    #expect(child.wait() == 0)
    let seen = load.stop()
    #expect(try sandbox.field("phase") == "promoted")
    #expect(first == before + 1 && last == first, "\(before), \(first), \(last)")
    #expect(try sandbox.reloads <= last + 1)
    let failed = seen.filter { $0.status != 200 }
    #expect(failed.isEmpty, "\(failed.count) of \(seen.count) failed: \(failed.prefix(3))")
    // Each stage's share of those that began and ended within it; the next one is in force a moment
    // before it is told.
    let times = try sandbox.stageTimes() + [SystemClock.now]
    for (index, weight) in weights.enumerated() where weight < 100 {
      let within = seen.filter {
        $0.began > times[index] && $0.ended < times[index + 1] - .seconds(0.3)
      }
      let green = Double(within.count { $0.pool == "green" })
      let (n, p) = (Double(within.count), Double(weight) / 100)
      #expect(n > 50)
      #expect(
        abs(green - n * p) <= 4 * (n * p * (1 - p)).squareRoot(),
        "\(green) of \(n) at \(weight)%")
    }
  }

  @Test func `after a promotion the brake of the next rollout leads to stable`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      service: Self.seats, plan: "stages: [{ weight: 100, soak: \"100ms\" }], checks: []")
    #expect(try sandbox.canary("promote", "chat").code == 0)
    // Nothing tests the text of the first stage, and Nginx refuses to load it.
    try sandbox.writeConfig(service: Self.seats, plan: Self.slow)
    let config = "\(sandbox.folder)/canary.json5"
    let text = try #require(try Files.read(config))
    try Files.replace(config, with: text.replacing("test: [\"nginx\",", with: "test: [\"true\","))
    try sandbox.writeNginxConf(extra: "server { this is broken; }")
    let load = Load(port: sandbox.port, clients: 3)
    let promoted = try sandbox.canary("promote", "chat")
    _ = try sandbox.canary("revert", "chat")
    try sandbox.wait("load") { load.count > 300 }
    let seen = load.stop()
    #expect(promoted.code != 0, "\(promoted.text)")
    #expect(seen.allSatisfy { $0.pool == "green" && $0.status == 200 })
  }

  @Test func `within retain a revert needs no reload to move the traffic`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      service: Self.seats, plan: "stages: [{ weight: 100, soak: \"100ms\" }], checks: []")
    #expect(try sandbox.canary("promote", "chat").code == 0)
    try sandbox.writeNginxConf(extra: "server { this is broken; }")
    let reverted = try sandbox.canary("revert", "chat")
    let since = SystemClock.now
    let load = Load(port: sandbox.port, clients: 3)
    try sandbox.wait("load") { load.count > 300 }
    let seen = load.stop()
    #expect(reverted.code == 1, "\(reverted.text)")
    #expect(seen.filter { $0.began > since }.allSatisfy { $0.pool == "blue" })
    try sandbox.writeNginxConf()
    #expect(try sandbox.canary("revert", "chat").code == 0)
    #expect(try sandbox.field("stable") == "blue")
  }

  @Test func `a revert needs neither a reload nor a whole nginx conf`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(service: Self.seats, plan: Self.slow)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    try sandbox.writeNginxConf(extra: "server { this is broken; }")
    let before = try sandbox.reloads
    let load = Load(port: sandbox.port, clients: 4)
    try sandbox.wait("load") { load.count > 500 }
    let reverted = try sandbox.canary("revert", "chat")
    let since = SystemClock.now
    usleep(300_000)
    let seen = load.stop()
    #expect(reverted.code == 0, "\(reverted.text)")
    #expect(try sandbox.reloads == before)
    #expect(!sandbox.isBraked)
    let after = seen.filter { $0.began > since }
    #expect(!after.isEmpty && after.allSatisfy { $0.pool == "blue" })
    #expect(seen.contains { $0.pool == "green" })
    #expect(try sandbox.field("phase") == "reverted")
  }

  @Test func `a fault in another service stands in no revert's way`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(service: Self.seats, plan: Self.slow)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    let path = "\(sandbox.folder)/canary.json5"
    let text = try #require(try Files.read(path))
    try Files.replace(
      path, with: text.replacing("services: {", with: "services: { other: { pols: 1 },"))
    #expect(try sandbox.canary("check").code == 2)
    let reverted = try sandbox.canary("revert", "chat")
    #expect(reverted.code == 0, "\(reverted.text)")
  }

  @Test(.enabled(if: getuid() == 0, "mounting takes root"), arguments: ["full", "ro"])
  func `a disk that is full or read-only stops no revert`(fault: String) throws {
    let sandbox = try Sandbox()
    let seats = "\(sandbox.folder)/run/seats"
    try Files.makeFolder(seats)
    let mounted = try Spawn.run(
      ["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", seats], limit: .seconds(10))
    guard mounted.succeeded else { try Test.cancel("no mounting here") }
    defer {
      sandbox.close()
      _ = try? Spawn.run(["umount", "-l", seats], limit: .seconds(10))
    }
    try sandbox.start(service: Self.seats, plan: Self.slow)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    if fault == "ro" {
      let remounted = try Spawn.run(["mount", "-o", "remount,ro", seats], limit: .seconds(10))
      #expect(remounted.succeeded, "\(remounted.output)")
    } else {
      _ = try Spawn.run(
        ["dd", "if=/dev/zero", "of=\(seats)/ballast", "bs=1k"], limit: .seconds(10))
    }
    let reverted = try sandbox.canary("revert", "chat")
    let since = SystemClock.now
    let load = Load(port: sandbox.port, clients: 2)
    try sandbox.wait("load") { load.count > 200 }
    #expect(reverted.code == 0, "\(reverted.text)")
    #expect(load.stop().filter { $0.began > since }.allSatisfy { $0.pool == "blue" })
  }

  @Test func `a set that is removed by hand is a revert`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(service: Self.seats, plan: Self.slow)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    _ = try Spawn.run(["rm", "-r", "\(sandbox.folder)/run/seats/chat"], limit: .seconds(5))
    let load = Load(port: sandbox.port, clients: 2)
    try sandbox.wait("reverted") { try sandbox.field("phase") == "reverted" }
    #expect(load.stop().allSatisfy { $0.pool == "blue" })
  }
}
