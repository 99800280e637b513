import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// The main job, by the real program, with real Nginx under real load.
@Suite(.blocking) struct RolloutTests {
  @Test(.long, arguments: ["seats", "upstream"])
  func `a good release reaches everybody in its shares and hurts nobody`(weights: String) throws {
    let sandbox = try Sandbox(blue: 2)
    defer { sandbox.close() }
    let stages = [5, 10, 30, 60].map { "{ weight: \($0), soak: \"3s\" }" }.joined(separator: ", ")
    try sandbox.start(
      service: "weights: \"\(weights)\",",
      plan: """
        stages: [\(stages), { weight: 100, soak: "1s" }],
        checks: [
          { name: "errors", metric: "error_rate", max: "5%", window: "1m" },
          { name: "latency", metric: "latency_p99", max: "30s", window: "30s" },
          { name: "health", probe: "/health", every: "1s", failures: 30 },
        ]
        """)
    let load = Load(port: sandbox.port, clients: 6, pause: Span(milliseconds: 2))
    let promoted = try sandbox.canary("promote", "chat", "--release", "v2", "--reason", "test")
    let seen = load.stop()
    #expect(promoted.code == 0, "\(promoted.text)")
    let failed = seen.filter { $0.status != 200 }
    #expect(failed.isEmpty, "\(failed.count) of \(seen.count) failed: \(failed.prefix(3))")
    if weights == "seats" {
      try expectDrawn(seen, [5, 10, 30, 60, 100], sandbox)
    } else {
      try expectExact([5, 10, 30, 60, 100], sandbox)
    }
    #expect(try sandbox.field("phase") == "promoted")
    #expect(try sandbox.field("stable") == "green")
    let stagesSeen = try sandbox.events().filter { ["started", "stage", "promoted"].contains($0) }
    #expect(stagesSeen == ["started", "stage", "stage", "stage", "stage", "stage", "promoted"])
  }

  /// Each request is drawn: four standard errors of those that began and ended within a stage.
  private func expectDrawn(_ seen: [Seen], _ weights: [Int], _ sandbox: Sandbox) throws {
    let times = try sandbox.stageTimes() + [seen.map(\.ended).max() ?? SystemClock.now]
    for (index, weight) in weights.enumerated() {
      let within = seen.filter {
        $0.began > times[index] + .seconds(0.01)
          && $0.ended < times[index + 1] - .seconds(0.3)
      }
      let (n, p) = (Double(within.count), Double(weight) / 100)
      let green = Double(within.count { $0.pool == "green" })
      #expect(n > 100, "too little load in stage \(weight)")
      #expect(
        abs(green - n * p) <= 4 * (n * p * (1 - p)).squareRoot(), "\(green) of \(n) at \(weight)%")
    }
  }

  /// A weighted group is exact to one request in a thousand.
  private func expectExact(_ weights: [Int], _ sandbox: Sandbox) throws {
    // Generation 1 is the first apply; 2 to 6 are the stages.
    let tries = try sandbox.tries()
    for (generation, weight) in zip(2..., weights) {
      let counts = tries[generation] ?? [:]
      let all = counts.values.reduce(0, +)
      let green = counts[sandbox.greenPorts[0]] ?? 0
      let exact = Double(all * weight) / 100
      #expect(all > 100, "too little load in stage \(weight)")
      #expect(
        abs(Double(green) - exact) <= max(1, Double(all) / 1000), "\(green) of \(all) at \(weight)%"
      )
    }
  }

  @Test(arguments: [("fail", "GET"), ("fail", "HEAD"), ("dead", "GET")])
  func `a release that fails is flipped back and users are shielded`(fault: String, method: String)
    throws
  {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start()
    try sandbox.set("green.\(fault)")
    let load = Load(port: sandbox.port, clients: 4, pause: Span(milliseconds: 2), method: method)
    let promoted = try sandbox.canary("promote", "chat")
    let seen = load.stop()
    #expect(promoted.code == 3, "\(promoted.text)")
    #expect(promoted.text.contains("FAILED     errors: "), "\(promoted.text)")
    #expect(promoted.text.contains("% > 5% over "), "\(promoted.text)")
    let failed = seen.filter { $0.status != 200 }
    #expect(failed.isEmpty, "\(failed.count) of \(seen.count) failed: \(failed.prefix(3))")
    #expect(try sandbox.field("phase") == "reverted")
    #expect(try sandbox.field("stable") == "blue")
    #expect(!sandbox.isBraked)
  }

  @Test func `without the shield users do see the failures`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(service: "shield: false,")
    try sandbox.set("green.fail")
    let load = Load(port: sandbox.port, clients: 4, pause: Span(milliseconds: 2))
    let promoted = try sandbox.canary("promote", "chat")
    let seen = load.stop()
    #expect(promoted.code == 3, "\(promoted.text)")
    #expect(seen.contains { $0.status == 500 })
  }

  @Test func `a pool that is not up gets no traffic`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Sandbox.quick + ", ready: { path: \"/health\", within: \"2s\" }")
    try sandbox.set("green.sick")
    let promoted = try sandbox.canary("promote", "chat")
    #expect(promoted.code == 3, "\(promoted.text)")
    #expect(promoted.text.contains("is not up after 2s"), "\(promoted.text)")
    #expect(promoted.text.contains("answered 503"), "\(promoted.text)")
    #expect(try sandbox.field("generation") == "1")
  }

  @Test func `silence holds a stage until its deadline reverts it`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      plan: """
        stages: [{ weight: 5, soak: "1s", deadline: "3s" }, { weight: 100, soak: "1s" }],
        checks: [{ name: "errors", metric: "error_rate", max: "5%" }]
        """)
    let promoted = try sandbox.canary("promote", "chat")
    #expect(promoted.code == 3, "\(promoted.text)")
    #expect(
      promoted.text.contains("did not pass within its deadline of 3s: errors is inconclusive"),
      "\(promoted.text)")
  }

  @Test func `a stable pool that is down falls back to the other`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    // The apps of blue are never started: a port on which nobody listens.
    try sandbox.startApps()
    try sandbox.startNginx()
    try sandbox.writeConfig()
    let gone = Sockets.freePort()
    let config = try #require(try Files.read("\(sandbox.folder)/canary.json5"))
    try Files.replace(
      "\(sandbox.folder)/canary.json5",
      with: config.replacing("\(sandbox.bluePorts[0])", with: "\(gone)"))
    #expect(try sandbox.canary("apply").code == 0)
    try sandbox.wait("fallback") { sandbox.answers(sandbox.port) }
    try Files.replace(
      "\(sandbox.folder)/canary.json5",
      with: config.replacing("\(sandbox.bluePorts[0])", with: "\(gone)").replacing(
        "stable: \"blue\",", with: "stable: \"blue\", fallback: false,"))
    #expect(try sandbox.canary("apply").code == 0)
    var client = Client(port: sandbox.port)
    #expect(client.request().status == 502)
    client.close()
  }

  @Test(.long)
  func `a hundred changes of weight under load fail no request and leave no worker behind`()
    throws
  {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let stages = (1...100).map { "{ weight: \($0), soak: \"10ms\" }" }.joined(separator: ", ")
    try sandbox.start(plan: "stages: [\(stages)], checks: []")
    let load = Load(port: sandbox.port, clients: 4, pause: Span(milliseconds: 2))
    let promoted = try sandbox.canary("promote", "chat", limit: .minutes(4))
    let seen = load.stop()
    #expect(promoted.code == 0, "\(promoted.text)")
    let failed = seen.filter { $0.status != 200 }
    #expect(failed.isEmpty, "\(failed.count) of \(seen.count) failed: \(failed.prefix(3))")
    #expect(try sandbox.events().filter { $0 == "stage" }.count == 100)
    try sandbox.wait("two workers only") { sandbox.workers.count == 2 }
  }
}
