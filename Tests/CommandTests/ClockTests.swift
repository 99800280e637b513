import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// A clock on the wall that is set while a rollout runs: checks go on, and nothing of before passes a
/// stage.
@Suite(.blocking) struct ClockTests {
  private static let plan = """
    stages: [{ weight: 50, soak: "6s", deadline: "1m" }, { weight: 100, soak: "500ms" }],
    checks: [{ name: "health", probe: "/health", every: "1s" }]
    """

  /// A sandbox whose next programs read a clock that `set` moves by so many seconds.
  private struct Scene {
    let sandbox: Sandbox
    let words: [String]

    init() throws {
      sandbox = try Sandbox()
      let (library, clock) = ("\(sandbox.folder)/clock.so", "\(sandbox.folder)/clock")
      let source = Files.folder(of: #filePath) + "/../../scripts/parts/torture/clock.c"
      let made = try? Spawn.run(
        ["cc", "-shared", "-fPIC", "-O", "-o", library, source], limit: .seconds(30))
      guard made?.succeeded == true else { try Test.cancel("no C compiler here") }
      words = ["env", "LD_PRELOAD=\(library)", "TORTURE_CLOCK=\(clock)"]
      try set(0)
      try sandbox.start(plan: ClockTests.plan)
    }

    func set(_ seconds: Int64) throws {
      let file = open("\(sandbox.folder)/clock", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
      defer { close(file) }
      var seconds = seconds
      #expect(pwrite(file, &seconds, 8, 0) == 8)
    }

    func promote() throws -> Child {
      let driver = try sandbox.launch("promote", "chat", before: words)
      try sandbox.waitForStage(0)
      try sandbox.wait("a measurement") { try sandbox.status().contains("\"verdict\": \"pass\"") }
      return driver
    }
  }

  @Test(arguments: [[-3600], [-86_400 * 400], [3600], [-3600, 3600, -7, 0, -3600]])
  func `a sick canary passes no stage while the clock is set`(steps: [Int64]) throws {
    let scene = try Scene()
    defer { scene.sandbox.close() }
    let driver = try scene.promote()
    try scene.sandbox.set("green.sick")
    for step in steps {
      try scene.set(step)
      usleep(150_000)
    }
    #expect(driver.wait(.seconds(30)) == 3, "\(driver.text)")
    #expect(driver.text.contains("FAILED     health:"), "\(driver.text)")
    #expect(try scene.sandbox.field("stable") == "blue")
  }

  @Test(arguments: [[-3600], [3600, 0], [-3600, 3600, -3600, 0]])
  func `a good canary is not held up by a clock that is set`(steps: [Int64]) throws {
    let scene = try Scene()
    defer { scene.sandbox.close() }
    let driver = try scene.promote()
    for step in steps {
      try scene.set(step)
      usleep(600_000)
    }
    #expect(driver.wait(.seconds(60)) == 0, "\(driver.text)")
    #expect(driver.text.contains("the clock was set"), "\(driver.text)")
  }
}
