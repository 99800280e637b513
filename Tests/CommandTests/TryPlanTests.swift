import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// The built-in plan for a first rollout, with a trickle of requests.
@Suite(.blocking) struct TryPlanTests {
  /// A service as `init` writes it: `plan: "try"` by its name.
  private func start(_ sandbox: Sandbox) throws {
    try sandbox.startApps()
    try sandbox.startNginx()
    try sandbox.writeConfig()
    let file = "\(sandbox.folder)/canary.json5"
    let text = try #require(try Files.read(file))
    try Files.replace(
      file, with: text.replacing("plan: { \(Sandbox.quick) }", with: "plan: \"try\""))
    #expect(try sandbox.canary("apply").code == 0)
  }

  @Test func `a person who reloads a page brings it to its end`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try start(sandbox)
    let dry = try sandbox.canary("promote", "chat", "--dry-run")
    for stage in ["stage 1: 10%", "stage 2: 50%", "stage 3: 100%", "soak 30s"] {
      #expect(dry.text.contains(stage), "\(dry.text)")
    }
    let promote = try sandbox.launch("promote", "chat")
    let hint =
      "in another terminal: while sleep 0.2; do curl -so /dev/null http://127.0.0.1:\(sandbox.port)/; done"
    // Without a request its soak ends nothing, and `status` says what to do.
    try sandbox.wait("the stage without requests") {
      try sandbox.canary("status", "chat").text.contains(
        "no request has met green in this stage yet. To send some, \(hint)")
    }
    #expect(try sandbox.canary("advance", "chat").code == 0)
    try sandbox.wait("the stage that is held") {
      try sandbox.canary("status", "chat").text.contains("soaked; held by errors, latency")
    }
    let load = Load(port: sandbox.port, clients: 1, pause: Span(milliseconds: 500))
    defer { _ = load.stop() }
    for stage in 2...3 {
      try sandbox.wait("stage \(stage)") {
        try sandbox.canary("status", "chat").text.contains("stage \(stage) of 3")
      }
      #expect(try sandbox.canary("advance", "chat").code == 0)
    }
    try sandbox.wait("its end") { try sandbox.status().contains("\"promoted\"") }
    let next =
      "now remove `plan: \"try\"` from \(sandbox.folder)/canary.json5: the default plan watches 5 stages of 30 m"
    #expect(try sandbox.canary("status", "chat").text.contains(next))
    #expect(promote.wait() == 0)
    let said = promote.text
    #expect(said.contains(hint) && said.contains(next), "\(said)")
  }

  @Test func `a bad release goes back after its first answers`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try start(sandbox)
    try sandbox.set("green.dead")
    let load = Load(port: sandbox.port, clients: 1, pause: Span(milliseconds: 100))
    defer { _ = load.stop() }
    let ran = try sandbox.canary("promote", "chat", "--plan", "try")
    #expect(ran.code == 3 && ran.text.contains("errors"), "\(ran.text)")
    #expect(!ran.text.contains("now remove"), "\(ran.text)")
  }
}
