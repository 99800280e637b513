import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// Holding, cutting short, waiting no longer, and what programs read.
@Suite(.blocking) struct HoldTests {
  private static let plan = """
    stages: [{ weight: 20, soak: "2s" }, { weight: 50, soak: "10m" }, { weight: 100, soak: "300ms" }],
    checks: [{ name: "health", probe: "/health", every: "200ms", failures: 2 }]
    """

  @Test func `a pause holds and a resume and an advance go on`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.plan)
    let promote = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    #expect(try sandbox.canary("pause", "chat").text.contains("paused"))
    usleep(3_500_000)
    #expect(try sandbox.field("phase") == "paused")
    #expect(try sandbox.field("weight") == "20")
    #expect(try sandbox.canary("pause", "chat").text.contains("paused already"))
    #expect(try sandbox.canary("resume", "chat").code == 0)
    try sandbox.waitForStage(1)
    #expect(try sandbox.canary("advance", "chat").code == 0)
    #expect(promote.wait() == 0, "\(promote.text)")
    let events = try sandbox.events().filter { $0 != "verdict" }
    #expect(
      events == ["started", "stage", "paused", "resumed", "stage", "advanced", "stage", "promoted"])
  }

  @Test func `an advance to a later stage leaves out those before it`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      plan: """
        stages: [{ weight: 5, soak: "10m" }, { weight: 20, soak: "10m" }, { weight: 50, soak: "10m" },
          { weight: 70, soak: "10m", approval: {} }, { weight: 100, soak: "300ms" }],
        checks: [{ name: "health", probe: "/health", every: "200ms", failures: 2 }]
        """)
    let promote = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    for (words, fault) in [
      ("30", "no later stage has 30 %; there are 20, 50, 70, 100"),
      ("5", "no later stage has 5 %"), ("100", "stage 4 (70 %) needs an approval"),
      ("much", "--to must be the share of a later stage, from 0 to 100 (found 'much')"),
    ] {
      let refused = try sandbox.canary("advance", "chat", "--to", words)
      #expect(refused.code == 2 && refused.text.contains(fault), "\(refused)")
    }
    #expect(try sandbox.field("weight") == "5")
    let jumped = try sandbox.canary("advance", "chat", "--to", "50%")
    #expect(jumped.code == 0, "\(jumped.text)")
    try sandbox.waitForStage(2)
    #expect(try sandbox.field("weight") == "50")
    #expect(try sandbox.canary("revert", "chat").code == 0)
    #expect(promote.wait() == 4)
    let events = try sandbox.events().filter { $0 != "verdict" }
    #expect(
      events.prefix(6) == ["started", "stage", "advanced", "stage", "reverting", "reverted"])
  }

  @Test(arguments: [false, true])
  func `a newer release takes over a running one where it says so`(_ hasController: Bool) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let plan = { (soak: String) in
      "stages: [{ weight: 20, soak: \"\(soak)\" }, { weight: 100, soak: \"300ms\" }], checks: []"
    }
    try sandbox.start(plan: plan("10m"))
    let controller = hasController ? try sandbox.launch("controller") : nil
    if let controller { try sandbox.wait("controller") { controller.text.contains("driving") } }
    let first = try sandbox.launch("promote", "chat", "--release", "v1.2")
    try sandbox.waitForStage(0)
    let busy = try sandbox.canary("promote", "chat", "--release", "v1.3")
    #expect(busy.code == 5, "\(busy.text)")
    // What can't be begun takes nothing back.
    let wrong = try sandbox.canary("promote", "chat", "--supersede", "--plan", "nosuch")
    #expect(wrong.code == 2, "\(wrong.text)")
    #expect(try sandbox.field("release") == "v1.2")
    if let controller {
      try sandbox.writeConfig(plan: plan("500ms"))
      let mixed = try sandbox.canary("promote", "chat", "--supersede", "--release", "v1.3")
      #expect(
        mixed.code == 1 && mixed.text.contains("drives by another config"), "\(mixed.text)")
      #expect(mixed.text.contains("kill -HUP \(controller.pid)"), "\(mixed.text)")
      controller.signal(SIGHUP)
      try sandbox.wait("the new config") { controller.text.contains("is read anew") }
    } else {
      try sandbox.writeConfig(plan: plan("500ms"))
    }
    let second = try sandbox.canary("promote", "chat", "--supersede", "--release", "v1.3")
    #expect(second.code == 0, "\(second.text)")
    #expect(first.wait() == 4, "\(first.text)")
    #expect(first.text.contains("superseded by release v1.3"), "\(first.text)")
    #expect(try sandbox.field("stable") == "green")
  }

  @Test func `a paused rollout still reverts when a check fails`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.plan)
    let promote = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    #expect(try sandbox.canary("pause", "chat").code == 0)
    try sandbox.set("green.sick")
    #expect(promote.wait() == 3, "\(promote.text)")
    #expect(
      promote.text.contains("health: 127.0.0.1:\(sandbox.greenPorts[0]) answered 503"))
  }

  @Test func `an advance does not pass a check that does not pass`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      plan: """
        stages: [{ weight: 20, soak: "10m" }, { weight: 100, soak: "1s" }],
        checks: [{ name: "errors", metric: "error_rate", max: "5%", every: "200ms" }]
        """)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    #expect(try sandbox.canary("advance", "chat").code == 0)
    usleep(1_500_000)
    #expect(try sandbox.status().contains("\"index\": 0,"))
    #expect(try sandbox.canary("status", "chat").text.contains("soaked; held by errors"))
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }

  @Test func `a timeout leaves the rollout to another process`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      plan: "stages: [{ weight: 20, soak: \"4s\" }, { weight: 100, soak: \"300ms\" }], checks: []")
    let promoted = try sandbox.canary("promote", "chat", "--timeout", "2s")
    #expect(promoted.code == 6, "\(promoted.text)")
    try sandbox.wait("promoted") { try sandbox.field("phase") == "promoted" }
    #expect(!sandbox.isBraked)
    #expect(try sandbox.events().last == "promoted")
  }

  @Test func `a stage at its deadline may pause instead`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      plan: """
        stages: [{ weight: 20, soak: "500ms", deadline: "1s", on_deadline: "pause" }, { weight: 100, soak: "1s" }],
        checks: [{ name: "errors", metric: "error_rate", max: "5%", every: "200ms" }]
        """)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.wait("paused") { try sandbox.field("phase") == "paused" }
    #expect(
      try sandbox.canary("history", "chat").text.contains("did not pass within its deadline of 1s"))
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }

  @Test func `what programs read has the fields of the contract`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.plan)
    let promote = try sandbox.launch("promote", "chat", "--release", "v1.11.1", "--json")
    try sandbox.waitForStage(0)
    let status = try sandbox.status()
    for text in [
      "\"service\": \"chat\"", "\"phase\": \"soaking\"", "\"stable\": \"blue\"",
      "\"canary\": \"green\"",
      "\"release\": \"v1.11.1\"", "\"weight\": 20,", "\"blue\": 80,", "\"green\": 20\n",
      "\"generation\": 2,",
      "\"brake\": false", "\"soak_seconds\": 2,", "\"elapsed_seconds\": ", "\"count\": 3,",
      "\"name\": \"health\"",
      "\"rollout\": 1,", "\"reason\": null", "\"alive\": true",
    ] {
      #expect(status.contains(text), "\(text) in \(status)")
    }
    #expect(try sandbox.canary("status", "--json").text.hasPrefix("["))
    #expect(try sandbox.canary("revert", "chat", "--reason", "a \"quoted\" reason").code == 0)
    #expect(promote.wait() == 4)
    let lines = promote.text.split(separator: "\n").filter { $0.hasPrefix("{") }
    #expect(lines.count >= 4)
    for line in lines {
      #expect(
        line.hasPrefix("{\"time\":\"20") && line.contains("\"event\":\"")
          && line.contains("\"service\":\"chat\""))
    }
    let history = try sandbox.canary("history", "chat", "--json").text
    for text in [
      "\"result\": \"stopped\"", "\"from\": \"blue\"", "\"to\": \"green\"",
      "\"reason\": \"a \\\"quoted\\\" reason\"", "\"ended\": \"20",
    ] {
      #expect(history.contains(text), "\(text) in \(history)")
    }
    let parsed = try Spawn.run(
      [
        "sh", "-c",
        "'\(Sandbox.program)' history --json --config \(sandbox.folder)/canary.json5 | python3 -m json.tool",
      ], limit: .seconds(10))
    #expect(parsed.succeeded, "\(parsed.output)")
  }

  @Test func `a brake that Nginx cannot see keeps a rollout from beginning`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(service: "weights: \"upstream\",", plan: Self.plan)
    // As with a container that has another folder under the path of `run`: the flag that is looked for is another one.
    let path = "\(sandbox.folder)/canary/chat.conf"
    let text = try #require(try Files.read(path))
    try Files.replace(
      path, with: text.replacing("\(sandbox.folder)/run/chat.brake", with: "/elsewhere/chat.brake"))
    #expect(
      try Spawn.run(["nginx", "-s", "reload", "-c", sandbox.nginxConf], limit: .seconds(10))
        .succeeded)
    try sandbox.wait("refusal") {
      let promoted = try sandbox.canary("promote", "chat", "--dry-run")
      return promoted.code == 0
    }
    usleep(500_000)
    let promoted = try sandbox.canary("promote", "chat")
    #expect(
      promoted.code == 1 && promoted.text.contains("the brake would not work"), "\(promoted.text)")
    #expect(!sandbox.isBraked)
    let reverted = try sandbox.canary("revert", "chat")
    #expect(reverted.text.contains("Nginx does not see the brake file"), "\(reverted.text)")
  }

  @Test func `a test and reload through another program work as well`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.plan)
    let config = try #require(try Files.read("\(sandbox.folder)/canary.json5"))
    // As `docker exec` is: a program that is not Nginx runs it.
    try Files.replace(
      "\(sandbox.folder)/canary.json5",
      with: config.replacing("[\"nginx\", ", with: "[\"env\", \"nginx\", "))
    #expect(try sandbox.canary("apply").code == 0)
    let checked = try sandbox.canary("check")
    #expect(
      checked.code == 0 && checked.text.contains("not tried: nginx.test is 'env'"),
      "\(checked.text)")
  }

  @Test func `a freeze of all holds a service that comes later too`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.writeConfig()
    let path = "\(sandbox.folder)/canary.json5"
    let config = try #require(try Files.read(path))
    let later = """
      later: {
        pools: { a: { servers: ["127.0.0.1:1"] }, b: { servers: ["127.0.0.1:2"] } }, stable: "a",
      },
      """
    let frozen = try sandbox.canary(
      "freeze", "--reason", "the year's end", "--until", "2099-01-01T00:00:00Z")
    #expect(frozen.code == 0 && frozen.text.contains("chat: frozen by"), "\(frozen.text)")
    try Files.replace(path, with: config.replacing("services: {", with: "services: {\n\(later)"))
    let status = try sandbox.canary("status", "later")
    #expect(status.text.contains("the year's end"), "\(status.text)")
    // A freeze that is refused takes the place of none.
    let over = try sandbox.canary("freeze", "--reason", "late", "--until", "2001-01-01T00:00:00Z")
    #expect(over.code == 2 && over.text.contains("is over already"), "\(over.text)")
    let refused = try sandbox.canary("promote", "later")
    #expect(refused.code == 5 && refused.text.contains("the year's end"), "\(refused.text)")
    // Whoever is thawed by name stays so, however long the others are frozen.
    #expect(try sandbox.canary("thaw", "later").text.contains("later: thawed"))
    #expect(try !sandbox.canary("status", "later").text.contains("the year's end"))
    #expect(try sandbox.canary("status", "chat").text.contains("the year's end"))
    #expect(try sandbox.canary("thaw").code == 0)
    try Files.replace(
      path,
      with: config.replacing(
        "services: {", with: "services: {\n\(later.replacing("later:", with: "last:"))"))
    #expect(try !sandbox.canary("status", "last").text.contains("the year's end"))
  }
}
