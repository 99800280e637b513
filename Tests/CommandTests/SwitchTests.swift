import CanaryAdapters
import CanaryCore
import CanaryDriver
import Glibc
import TestSupport
import Testing

/// A switch is in effect for each request that begins after it, whichever worker holds the connection.
@Suite(.blocking) struct SwitchTests {
  /// At 0 and at 100 each request is determined; what is between them moves the sets about.
  private static let weights = [0, 100, 50, 7]
  /// No plan of a config goes up and down like this; the router does not mind.
  private static let plan = Plan(
    name: "moves",
    stages: weights.map { Stage(weight: Weight(percent: Double($0)) ?? .none, soak: .minutes(10)) },
    checks: [])

  /// The router that the program uses, in this process, and the stages that it is asked for.
  private struct Switcher {
    let router: NginxRouter
    private(set) var generation: Generation

    init(_ sandbox: Sandbox, after generation: Int) throws {
      let config = try ConfigFile.read("\(sandbox.folder)/canary.json5")
      let templates = LazyTemplates(folder: config.templates)
      router = NginxRouter(
        config: config, renderer: NginxRenderer(config: config, templates: templates)
      ) { print($0) }
      self.generation = Generation(generation)
    }

    mutating func go(to stage: Int) async throws {
      generation = generation.next
      try await router.apply(
        "chat", .stage(stage, of: SwitchTests.plan, stable: "blue", canary: "green", salt: "test"),
        generation)
    }
  }

  /// A request whose head is half there, so that an old worker keeps its connection over a reload.
  private func begin(_ port: Int) throws -> Wire {
    let wire = try #require(Wire(port: port))
    #expect(wire.send("GET / HTTP/1.1\r\nHost: test\r\n"))
    return wire
  }

  @Test func `each request that begins after a switch follows it`() async throws {
    let campaign = Campaign.current
    // scripts/torture does thousands.
    let count = campaign.limit == nil ? 250 : 1000 * Int(max(1, campaign.limit?.seconds ?? 1) / 60)
    var dice = Dice(seed: campaign.seed)
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Sandbox.quick)
    var switcher = try Switcher(sandbox, after: try sandbox.generationOnDisk())
    try await switcher.go(to: 0)
    let load = Load(port: sandbox.port, clients: 3, pause: Span(milliseconds: 1))
    var switches: [(asked: Instant, done: Instant, weight: Int)] = []
    var held: [Wire] = []
    var wrong: [String] = []
    for number in 0..<count {
      if number % 50 == 25 {
        // Connections that the workers of before the reload go on to hold.
        held = try (0..<8).map { _ in try begin(sandbox.port) }
        usleep(20_000)
        let reload = ["nginx", "-s", "reload", "-c", sandbox.nginxConf]
        #expect(try Spawn.run(reload, limit: .seconds(20)).succeeded)
      }
      let stage = dice.below(Self.weights.count)
      let asked = SystemClock.now
      try await switcher.go(to: stage)
      switches.append((asked, SystemClock.now, Self.weights[stage]))
      guard let wire = held.popLast() else { continue }
      #expect(wire.send("\r\n"))
      let head = wire.read(until: "\r\n\r\n") ?? "cut"
      let met = head.contains("X-Pool: green") ? 100 : head.contains("X-Pool: blue") ? 0 : -1
      if met < 0 || [0, 100].contains(Self.weights[stage]) && met != Self.weights[stage] {
        wrong.append("held over a reload, at \(Self.weights[stage])%: \(head)")
      }
    }
    let seen = load.stop()
    var judged = 0
    for (index, one) in switches.enumerated() where [0, 100].contains(one.weight) {
      let end = index + 1 < switches.count ? switches[index + 1].asked : SystemClock.now
      for request in seen where request.began > one.done && request.ended < end {
        judged += 1
        if request.pool != (one.weight == 100 ? "green" : "blue") {
          wrong.append("\(request) at \(one.weight)%")
        }
      }
    }
    let failed = seen.filter { $0.status != 200 }
    #expect(failed.isEmpty, "\(failed.count) of \(seen.count) failed: \(failed.prefix(3))")
    #expect(wrong.isEmpty, "\(wrong.count): \(wrong.prefix(3)), seed \(campaign.seed)")
    #expect(judged > count / 10, "\(judged) of \(seen.count) requests lay between two switches")
  }
}
