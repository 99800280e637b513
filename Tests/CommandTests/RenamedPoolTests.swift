import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// A config whose pools have other names than those of the rollout that runs.
@Suite(.blocking) struct RenamedPoolTests {
  private static let slow =
    "stages: [{ weight: 50, soak: \"10m\" }, { weight: 100, soak: \"1s\" }], checks: []"

  private func pools(_ sandbox: Sandbox) -> Set<String> {
    var client = Client(port: sandbox.port)
    defer { client.close() }
    return Set((0..<60).map { _ in client.request().pool })
  }

  @Test(arguments: ["blue", "green"], ["promote", "controller"])
  func `a rollout whose pool was renamed can be reverted`(pool: String, driver: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(service: "weights: \"upstream\",", plan: Self.slow)
    let words = driver == "controller" ? ["controller"] : ["promote", "chat"]
    let child =
      driver == "controller"
      ? try sandbox.launch("controller") : try sandbox.launch(words[0], words[1])
    if driver == "controller" {
      try sandbox.wait("the controller") { child.text.contains("driving") }
      #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    }
    try sandbox.waitForStage(0)
    let path = "\(sandbox.folder)/canary.json5"
    let config = try #require(Files.contents(path))
    try Files.replace(
      path,
      with: config.replacing("\(pool): {", with: "other: {")
        .replacing("stable: \"\(pool)\"", with: "stable: \"other\""))
    if driver == "controller" {
      child.signal(SIGHUP)
      usleep(300_000)
    }
    if driver == "killed" {
      child.signal(SIGKILL)
      _ = child.wait()
      try sandbox.wait("the guard") { sandbox.isBraked }
    }
    let reverted = try sandbox.canary("revert", "chat")
    #expect(pools(sandbox) == ["blue"], "\(reverted.text)")
    if driver == "killed", pool == "blue" {
      // Nobody knows stable's servers any more: the brake leads there, and the fault is told.
      #expect(reverted.code == 1 && sandbox.isBraked, "\(reverted.text)")
      try Files.replace(path, with: config)
      #expect(try sandbox.canary("revert", "chat").code == 0)
    } else {
      #expect(reverted.code == 0, "\(reverted.text)")
      #expect(reverted.text.contains("all traffic is on blue"), "\(reverted.text)")
    }
    #expect(pools(sandbox) == ["blue"] && !sandbox.isBraked)
  }

  @Test(.enabled(if: getuid() == 0, "to act as another user takes root"))
  func `a revert of a group's member leaves Nginx to the driver`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let tested = "\(sandbox.folder)/logs/tested"
    chmod("\(sandbox.folder)/logs", 0o777)
    for name in ["state", "run", "canary"] {
      chown("\(sandbox.folder)/\(name)", 0, 65534)
      chmod("\(sandbox.folder)/\(name)", 0o2770)
    }
    try sandbox.startApps()
    try sandbox.startNginx()
    try sandbox.writeConfig(service: "weights: \"upstream\",", plan: Self.slow)
    let path = "\(sandbox.folder)/canary.json5"
    let config = try #require(Files.contents(path))
    try Files.replace(
      path,
      with: config.replacing(
        "test: [\"nginx\", \"-t\", \"-q\", \"-c\", \"\(sandbox.nginxConf)\"]",
        with:
          "test: [\"sh\", \"-c\", \"id -u >> \(tested); exec nginx -t -q -c \(sandbox.nginxConf)\"]"
      ))
    #expect(try sandbox.canary("apply").code == 0)
    chmod(tested, 0o666)
    let driver = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    // The driver takes longer than a person's own process would wait.
    driver.signal(SIGSTOP)
    let member = try Child(
      [
        "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", Sandbox.program,
        "revert", "chat", "--config", path,
      ], output: "\(sandbox.folder)/member.log")
    defer { member.stop() }
    try sandbox.wait("the brake") { sandbox.isBraked }
    usleep(3_000_000)
    driver.signal(SIGCONT)
    #expect(member.wait(.seconds(30)) == 0, "\(member.text)")
    #expect(member.text.contains("all traffic is on blue"), "\(member.text)")
    #expect(Files.contents(tested)?.contains("65534") == false)
  }
}
