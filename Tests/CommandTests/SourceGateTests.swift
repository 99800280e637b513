import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// Foreign sources as gates and as guards, by the real program with a real Prometheus and a real Alertmanager.
@Suite(.blocking) struct SourceGateTests {
  private func start(
    _ monitoring: Monitoring, _ sandbox: Sandbox, plan: String, service: String = ""
  )
    throws
  {
    try monitoring.start()
    try monitoring.wait(for: "http://127.0.0.1:\(monitoring.prometheus)/-/ready")
    try monitoring.wait(for: "http://127.0.0.1:\(monitoring.alertmanager)/-/ready")
    try sandbox.startApps()
    try sandbox.startNginx()
    try write(monitoring, sandbox, plan: plan, service: service)
    let applied = try sandbox.canary("apply")
    try #require(applied.code == 0, "\(applied.text)")
  }

  /// A config whose endpoints are the monitoring's, and one that nobody listens at.
  private func write(
    _ monitoring: Monitoring, _ sandbox: Sandbox, plan: String, service: String = ""
  ) throws {
    try sandbox.writeConfig(service: service, plan: plan)
    let path = "\(sandbox.folder)/canary.json5"
    let config = try #require(try Files.read(path))
    let endpoints = """
      endpoints: {
        prometheus: { url: "http://127.0.0.1:\(monitoring.prometheus)" },
        alertmanager: { url: "http://127.0.0.1:\(monitoring.alertmanager)" },
        dead: { url: "http://127.0.0.1:\(Sockets.freePort())" },
      },
      """
    try Files.replace(
      path, with: config.replacing("state: \"state\"", with: "\(endpoints) state: \"state\""))
  }

  private func plan(_ checks: String, deadline: String = "20s") -> String {
    "stages: [{ weight: 10, soak: \"2s\", deadline: \"\(deadline)\" }, { weight: 100, soak: \"1s\" }], checks: [\(checks)]"
  }

  @Test func `queries and alerts gate a rollout`() throws {
    let monitoring = try Monitoring()
    let sandbox = try Sandbox()
    defer {
      sandbox.close()
      monitoring.close()
    }
    let good = """
      { name: "up", prometheus: 'up{job="node",pool="{{pool}}"}', min: 1, every: "500ms", window: "10s" },
      { name: "quiet", alerts: "service={{service}}", every: "500ms" },
      """
    try start(monitoring, sandbox, plan: plan(good))
    try sandbox.wait("a first scrape") {
      try sandbox.canary("check", "chat").text.contains("check up: 1 ≥ 1")
        || sandbox.canary("check", "chat").text.contains("check up: no series")
    }
    let promoted = try sandbox.canary("promote", "chat", "--release", "v2\"} or vector(0)#")
    #expect(promoted.code == 0, "\(promoted.text)")

    // Back to blue, with an alert that fires in the middle.
    try write(
      monitoring, sandbox,
      plan: plan(good, deadline: "60s").replacing("soak: \"2s\"", with: "soak: \"20s\""))
    let child = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    try monitoring.fire("HighErrors", service: "chat")
    #expect(child.wait() == 3, "\(child.text)")
    #expect(
      child.text.contains("quiet: an alert fires: HighErrors (the HighErrors of it)"),
      "\(child.text)")
  }

  @Test func `a dead source holds a stage, and is never the release's fault`() throws {
    let monitoring = try Monitoring()
    let sandbox = try Sandbox()
    defer {
      sandbox.close()
      monitoring.close()
    }
    try start(
      monitoring, sandbox,
      plan: plan(
        "{ name: \"up\", prometheus: \"up\", min: 1, reduce: \"min\", endpoint: \"dead\", every: \"500ms\", timeout: \"1s\" }",
        deadline: "5s"))
    let checked = try sandbox.canary("check", "chat")
    #expect(
      checked.code == 1 && checked.text.contains("check up: http://127.0.0.1:"), "\(checked.text)")
    let promoted = try sandbox.canary("promote", "chat", "--verbose")
    #expect(promoted.code == 3, "\(promoted.text)")
    #expect(
      promoted.text.contains(
        "did not pass within its deadline of 5s: up is error: http://127.0.0.1:"),
      "\(promoted.text)")
    // A revert is delayed by nothing of that.
    let child = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    let began = SystemClock.now
    #expect(try sandbox.canary("revert", "chat").code == 0)
    #expect(SystemClock.now - began < .seconds(15))
    #expect(child.wait() == 4, "\(child.text)")
  }

  @Test func `a guard stands before, in and after a rollout`() throws {
    let monitoring = try Monitoring()
    let sandbox = try Sandbox()
    defer {
      sandbox.close()
      monitoring.close()
    }
    try start(
      monitoring, sandbox,
      plan: plan("") + ", ready: { times: 1, within: \"2s\" }",
      service:
        "guards: [{ name: \"pager\", alerts: [\"service={{service}}\", \"severity!=info\"], every: \"500ms\", then: \"revert\" }],"
    )
    // It passes: the rollout goes through, with the guard as one more check.
    let promoted = try sandbox.canary("promote", "chat", "--verbose")
    #expect(promoted.code == 0, "\(promoted.text)")
    #expect(promoted.text.contains("pager: pass: no alert fires"), "\(promoted.text)")
    // It fails while nobody rolls anything out: the controller goes back, and says why.
    let controller = try sandbox.launch("controller")
    try monitoring.fire("Broken", service: "chat")
    try sandbox.wait("the way back") { try sandbox.field("phase") == "reverted" }
    #expect(try sandbox.field("stable") == "blue")
    #expect(try sandbox.field("reason").contains("guard pager failed: an alert fires: Broken"))
    let status = try sandbox.canary("status", "chat").text
    #expect(status.contains("✗ guard pager: fail: an alert fires: Broken"), "\(status)")
    // And no other rollout begins meanwhile.
    let before = try sandbox.generationOnDisk()
    let held = try sandbox.canary("promote", "chat")
    #expect(held.code == 3, "\(held.text)")
    #expect(held.text.contains("guard pager does not pass: an alert fires: Broken"), "\(held.text)")
    #expect(try sandbox.generationOnDisk() == before)
    controller.stop()
  }

  @Test func `a verdict is explained, and a log replayed`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let plan = """
      stages: [{ weight: 20, soak: "60s" }, { weight: 100, soak: "1s" }],
      checks: [
        { name: "errors_vs_stable", metric: "error_rate", versus: "stable", worse_by: "2%" },
        { name: "few", metric: "request_rate", min: 1, advisory: true },
      ]
      """
    // A strict one, so that the log has more than enough for the usual one that it is replayed by.
    try sandbox.start(plan: plan + ", alpha: \"0.001%\"")
    try sandbox.set("green.fail")
    let load = Load(port: sandbox.port, clients: 4, pause: Span(milliseconds: 5))
    let promoted = try sandbox.canary("promote", "chat", "--json")
    _ = load.stop()
    #expect(promoted.code == 3, "\(promoted.text)")
    let line = try #require(
      promoted.text.split(separator: "\n").first { $0.contains("\"event\":\"reverted\"") })
    #expect(line.contains("check errors_vs_stable failed: canary 5xx "), "\(line)")
    #expect(line.contains(" against stable 0 % (0 of "), "\(line)")
    #expect(line.contains(" if they were alike"), "\(line)")

    let told = try sandbox.canary("history", "chat", "--explain", "1")
    #expect(told.code == 0, "\(told.text)")
    #expect(told.text.contains("stage 1 (20%) · errors_vs_stable: error_rate"), "\(told.text)")
    #expect(told.text.contains("fail          canary 5xx "), "\(told.text)")
    #expect(told.text.contains("in all ") && !told.text.contains("‼"), "\(told.text)")
    let json = try sandbox.canary("history", "chat", "--explain", "1", "--json").text
    #expect(json.contains("\"replayed\": \"fail\"") && json.contains("\"evidence\": "), "\(json)")
    let none = try sandbox.canary("history", "chat", "--explain", "7")
    #expect(
      none.code == 2 && none.text.contains("has no rollout 7; the newest is 1"), "\(none.text)")

    try sandbox.writeConfig(plan: plan)
    let log = "\(sandbox.folder)/logs/canary-chat.log"
    let replay = try sandbox.canary("simulate", "chat", "--log", log)
    #expect(replay.code == 0, "\(replay.text)")
    #expect(
      replay.text.contains("blue → green by plan 'chat', as the log tells it:"), "\(replay.text)")
    #expect(replay.text.contains("⇒ goes back at "), "\(replay.text)")
    #expect(replay.text.contains("check errors_vs_stable failed: "), "\(replay.text)")
    try replaysWithoutGenerations(sandbox, log)
    let wrong = try sandbox.canary("simulate", "chat", "--log", "\(sandbox.folder)/nginx.conf")
    #expect(wrong.code == 2 && wrong.text.contains("no line in canary's format"), "\(wrong.text)")
    let simulated = try sandbox.canary(
      "simulate", "chat", "--rps", "50", "--stable", "0.1%", "--canary", "30%", "--runs", "8")
    #expect(simulated.code == 0 && simulated.text.contains("goes back"), "\(simulated.text)")
    #expect(
      simulated.text.contains("this plan                               100 %"), "\(simulated.text)")
  }

  /// The same log as if no stage had been a reload: one generation in all lines.
  private func replaysWithoutGenerations(_ sandbox: Sandbox, _ log: String) throws {
    let lines = try #require(try Files.read(log, limit: 64 << 20)).split(separator: "\n")
    let file = "\(sandbox.folder)/one.log"
    func write(secondsLater: Int) throws {
      let text = lines.map { line in
        var fields = line.split(separator: "\t", omittingEmptySubsequences: false)
        let time = fields[1].split(separator: ".")
        fields[1] = "\((Int(time[0]) ?? 0) + secondsLater).\(time[1])"
        fields[2] = "1000"
        return fields.joined(separator: "\t") + "\n"
      }
      try Files.replace(file, with: text.joined())
    }
    try write(secondsLater: 0)
    let told = try sandbox.canary("simulate", "chat", "--log", file)
    #expect(
      told.text.contains("as the log and the history of rollout 1 tell it:"), "\(told.text)")
    #expect(
      told.text.contains(", stage 1 of 2: ") && told.text.contains("⇒ goes back at "),
      "\(told.text)")
    // Of a time that the history knows nothing of.
    try write(secondsLater: 100_000)
    let untold = try sandbox.canary("simulate", "chat", "--log", file)
    #expect(untold.text.contains("as the log tells it:"), "\(untold.text)")
    #expect(
      untold.text.contains("have generation 1000, and the history in ")
        && untold.text.contains("they are judged as one stage"), "\(untold.text)")
  }
}
