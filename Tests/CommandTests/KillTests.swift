import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// The fourth promise: killed anywhere, nothing is lost.
@Suite(.blocking) struct KillTests {
  private static let plan = """
    stages: [
      { weight: 20, soak: "500ms" }, { weight: 50, soak: "500ms" }, { weight: 80, soak: "500ms" },
      { weight: 100, soak: "200ms" },
    ],
    checks: [{ name: "health", probe: "/health", every: "100ms", failures: 3 }],
    ready: { path: "/health", times: 1 }
    """

  /// Every rollout begins once, ends at most once each way, and enters no stage twice.
  private func expectWhole(_ sandbox: Sandbox, _ round: Campaign.Round) throws {
    let events = try sandbox.events()
    for event in ["started", "promoted"] {
      #expect(events.filter { $0 == event }.count <= 1, "\(round): \(events)")
    }
    #expect(events.first == "started", "\(round): \(events)")
    #expect(events.filter { $0 == "stage" }.count <= 4, "\(round): \(events)")
    // One that was killed before its first stage has nothing to take back, and is just over.
    let begun = events.contains("stage") || events.contains("reverting")
    #expect(
      events.filter { $0 == "reverting" }.count
        == (begun ? events.filter { $0 == "reverted" }.count : 0), "\(round): \(events)")
    #expect(events.filter { $0 == "reverted" }.count <= 1, "\(round): \(events)")
  }

  @Test(.long)
  func `a driver killed at any moment leaves all traffic on stable`()
    throws
  {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.plan)
    let load = Load(port: sandbox.port, clients: 3, pause: Span(milliseconds: 3))
    var inTheMiddle = 0
    let rounds = try Campaign.current.rounds(12) { round in
      let driver = try sandbox.launch("promote", "chat")
      // Spread over the whole rollout: some from the first instruction on, most from the first stage on,
      // however long a busy machine takes until then.
      if round.place < 0.4 {
        usleep(UInt32(20_000 + round.place * 2_000_000))
      } else {
        try sandbox.wait("a stage") { driver.text.contains(" stage ") }
        usleep(UInt32((round.place - 0.4) * 2_500_000))
      }
      driver.signal(SIGKILL)
      let killed = SystemClock.now
      _ = driver.wait()
      let stable = try sandbox.field("stable")
      let wasRunning = !["idle", "promoted", "reverted"].contains(try sandbox.field("phase"))
      if wasRunning {
        // Killed before its first stage, nothing has moved, and no brake is needed.
        if try sandbox.events().contains("stage") {
          inTheMiddle += 1
          // By itself, and soon; how soon is measured by `scripts/torture`, which has the machine for
          // itself.
          try sandbox.wait("the brake after a kill") { sandbox.isBraked }
          let took = try sandbox.braked() - killed
          #expect(took < .seconds(20), "\(round): \(took)")
          #expect(try sandbox.canary("status", "chat").text.contains("  BRAKED  "), "\(round)")
        }
        try sandbox.wait("\(round): a status that tells of the death", 5) {
          try sandbox.canary("status", "chat").text.contains("its driver (pid \(driver.pid)) died")
        }
        var client = Client(port: sandbox.port)
        for _ in 0..<50 { #expect(client.request().pool == stable, "\(round)") }
        client.close()
      }
      let reverted = try sandbox.canary("revert", "chat")
      #expect(reverted.code == 0, "\(round): \(reverted.text)")
      #expect(try sandbox.field("stable") == "blue", "\(round)")
      #expect(!sandbox.isBraked, "\(round)")
      if try sandbox.field("rollout") != "null" { try expectWhole(sandbox, round) }
    }
    let seen = load.stop()
    let failed = seen.filter { $0.status != 200 }
    #expect(failed.isEmpty, "\(failed.count) of \(seen.count) failed: \(failed.prefix(3))")
    #expect(inTheMiddle * 5 >= rounds * 2, "most kills missed the rollout: \(inTheMiddle)")
  }

  @Test(.long)
  func `a controller killed at any moment is followed by one that finishes the rollout`()
    throws
  {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.plan)
    let load = Load(port: sandbox.port, clients: 3, pause: Span(milliseconds: 3))
    var controller = try sandbox.launch("controller")
    try Campaign.current.rounds(12) { round in
      let stable = try sandbox.field("stable")
      let promote = try sandbox.launch("promote", "chat")
      usleep(UInt32(100_000 + round.place * 1_800_000))
      controller.signal(SIGKILL)
      _ = controller.wait()
      controller = try sandbox.launch("controller")
      let code = promote.wait(.minutes(1))
      #expect(code == 0, "\(round): \(promote.text)")
      #expect(try sandbox.field("stable") != stable, "\(round)")
      try sandbox.wait("no brake") { !sandbox.isBraked }
      try expectWhole(sandbox, round)
    }
    let seen = load.stop()
    let failed = seen.filter { $0.status != 200 }
    #expect(failed.isEmpty, "\(failed.count) of \(seen.count) failed: \(failed.prefix(3))")
  }

  @Test func `a controller takes up a rollout with the soak already served`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: "stages: [{ weight: 100, soak: \"12s\" }], checks: []")
    let driver = try sandbox.launch("promote", "chat")
    try sandbox.wait("a part of the soak") { try elapsed(sandbox) ?? 0 > 3 }
    driver.signal(SIGKILL)
    _ = driver.wait()
    try sandbox.wait("the brake") { sandbox.isBraked }
    let served = try #require(try elapsed(sandbox))
    #expect(served > 0 && served < 12)
    // What nobody watched is not counted.
    usleep(2_000_000)
    #expect(try elapsed(sandbox) == served)
    let begun = SystemClock.now
    _ = try sandbox.launch("controller")
    try sandbox.wait("resumed") { try sandbox.events().contains("resumed") }
    if let now = try elapsed(sandbox) { #expect(now >= served) }
    try sandbox.wait("promoted") { try sandbox.field("phase") == "promoted" }
    let took = SystemClock.now - begun
    #expect(took > .seconds(12 - served - 0.5), "\(took) after \(served)")
    #expect(!sandbox.isBraked)
  }

  /// Seconds that the stage of `chat` has been held, while it is in one.
  private func elapsed(_ sandbox: Sandbox) throws -> Double? {
    let status = try sandbox.status()
    return status.firstMatch(of: /"elapsed_seconds": ([0-9.]+)/).flatMap { Double($0.1) }
  }

  @Test func `the next promote first takes back what a dead driver left`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: "stages: [{ weight: 100, soak: \"4s\" }], checks: []")
    let driver = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    driver.signal(SIGKILL)
    _ = driver.wait()
    try sandbox.wait("the brake") { sandbox.isBraked }
    let next = try sandbox.canary("promote", "chat")
    #expect(next.code == 0, "\(next.text)")
    #expect(next.text.contains("rollout 1 was left behind: its driver"), "\(next.text)")
    #expect(try sandbox.field("rollout") == "2")
    #expect(!sandbox.isBraked)
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func `a signal to promote sends traffic back and exits with 4`(number: CInt) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      plan: "stages: [{ weight: 50, soak: \"1m\" }, { weight: 100, soak: \"1s\" }], checks: []")
    let driver = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    driver.signal(number)
    #expect(driver.wait() == 4, "\(driver.text)")
    #expect(try sandbox.field("phase") == "reverted")
    #expect(!sandbox.isBraked)
    #expect(
      try sandbox.canary("history", "chat", "--json").text.contains("\"result\": \"stopped\""))
  }
}
