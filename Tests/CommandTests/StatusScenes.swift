import CanaryAdapters
import CanaryCore
import CanaryDriver
import CanaryHost
import Testing

/// What an operator meets, as fixed values: the same scene gives the same screen and page, always.
struct StatusScene: Sendable, CustomTestStringConvertible {
  let name: String
  let report: StatusReport
  let entries: [Entry]
  /// The requests of both pools over the last minute.
  let canary: PoolCounts
  let stable: PoolCounts

  var testDescription: String { name }
}

/// Makes scenes by the real policy.
struct SceneMaker {
  /// 2026-11-24 16:45:00 UTC.
  static let start = Instant(milliseconds: 1_795_538_700_000)
  static let plan = """
    stages: [{ weight: 5, soak: "30m" }, { weight: 10, soak: "30m" }, { weight: 30, soak: "30m" },
             { weight: 60, soak: "30m" }, { weight: 100, soak: "10m" }],
    checks: [
      { name: "errors", metric: "error_rate", max: "5%", window: "1m", every: "10s", for: "5m" },
      { name: "latency", metric: "latency_p99", max: "1s", window: "30s", every: "10s" },
      { name: "health", probe: "/health", every: "5s", failures: 3 },
      { name: "disk", command: ["check-disk"], every: "10s", advisory: true },
    ]
    """
  static let approved = """
    stages: [{ weight: 5, soak: "30m" },
             { weight: 100, soak: "30m", approval: { count: 2, by: ["group:sre"], within: "24h" } }],
    checks: [{ name: "errors", metric: "error_rate", max: "5%" }]
    """
  static let eight = """
    stages: [{ weight: 5, soak: "30m" }, { weight: 100, soak: "30m" }],
    checks: [
      { name: "errors_of_every_kind_versus_stable", metric: "error_rate", versus: "stable", max: "5%" },
      { name: "latency_of_the_slowest_percent", metric: "latency_p99", max: "1s" },
      { name: "latency_of_the_median_request", metric: "latency_p50", max: "300ms" },
      { name: "rejected_as_if_the_client_were_wrong", metric: "rejected_rate", max: "20%" },
      { name: "health_of_every_server_of_the_pool", probe: "/health" },
      { name: "queue_length_as_prometheus_has_it", prometheus: "queue_length", max: 400 },
      { name: "orders_that_are_paid_within_a_minute", prometheus: "paid_ratio", min: 0.95 },
      { name: "free_space_on_the_disk_of_uploads", command: ["check-disk"], advisory: true },
    ]
    """

  private(set) var state = ServiceState(service: "chat", stable: "blue", other: "green")
  private(set) var entries: [Entry] = []
  private(set) var now = Self.start
  private(set) var recent: [CheckName: [LiveSnapshot.Point]] = [:]
  let service: Service

  init(plan: String) throws {
    let text = """
      { endpoints: { prometheus: { url: "http://127.0.0.1:9090" } }, services: { chat: {
        pools: { blue: { servers: ["127.0.0.1:9001"] }, green: { servers: ["127.0.0.1:9002"] } },
        stable: "blue", plan: { \(plan) } } } }
      """
    service = try ConfigReader(file: "/canary.json5").read(ConfigFile.parse(text, name: "scene"))
      .services[0]
    state.releases["blue"] = "v1.2.0"
  }

  mutating func take(_ event: Event) {
    let decision = decide(state, event, at: now)
    state = decision.state
    entries += decision.entries
  }

  mutating func pass(_ seconds: Double) { now = now + .seconds(seconds) }

  /// Passes time while a driver looks at the stage.
  mutating func watch(_ seconds: Double) {
    for _ in 0..<Int(seconds / 4) {
      pass(4)
      take(.woke)
    }
  }

  mutating func promote() {
    let li = Actor("li", person: Person(uids: [1], users: ["li"], groups: ["dev"]))
    take(
      .promote(
        PromoteRequest(
          to: "green", release: "v1.3.0", plan: service.plan, reason: "new prompts",
          retain: .hours(24), actor: li)))
  }

  /// Until the first stage soaks.
  mutating func soak() {
    promote()
    for _ in 0..<3 {
      pass(0.25)
      take(.looked(fault: nil, rollout: 1))
    }
    if case .applying(_, let generation)? = state.rollout?.phase { take(.applied(generation)) }
  }

  /// Measures one check, and keeps the value for its sparkline.
  mutating func measure(_ check: CheckName, _ reading: Measurement.Reading) {
    guard let stage = state.rollout?.stage else { return }
    take(
      .measured([Measurement(check: check, at: now, reading: reading)], rollout: 1, stage: stage))
    let value = state.rollout?.checks.first { $0.name == check }?.value
    recent[check, default: []].append(LiveSnapshot.Point(at: now, value: value))
  }

  func scene(
    _ name: String, brake: BrakeNote? = nil, driver: (pid: Int32, alive: Bool)? = (4711, true),
    requests: Int = 60, failures: Int = 0
  ) -> StatusScene {
    var canary = PoolCounts()
    var stable = PoolCounts()
    for index in 0..<requests {
      canary.count(failed: index < failures, milliseconds: 40 + Int64(index % 20) * 9)
    }
    for index in 0..<(requests * 19) {
      stable.count(failed: false, milliseconds: 38 + Int64(index % 20) * 8)
    }
    return StatusScene(
      name: name,
      report: StatusReport(
        service, state, brake: brake, driver: state.running == nil ? nil : driver, recent: recent,
        hasController: true, now: now), entries: entries, canary: canary, stable: stable)
  }
}

extension StatusScene {
  /// Every scene, by its name.
  static let all: [StatusScene] = (try? scenes()) ?? []

  private static func scenes() throws -> [StatusScene] {
    [
      try SceneMaker(plan: SceneMaker.plan).scene("nothing-yet", requests: 0),
      try starting(), try soaking(), try failing(), try braked(), try waiting(), try noTraffic(),
      try reverted(), try promoted(), try eightChecks(),
    ]
  }

  private static func starting() throws -> StatusScene {
    var maker = try SceneMaker(plan: SceneMaker.plan)
    maker.promote()
    maker.pass(4)
    maker.take(
      .looked(
        fault: .pool("127.0.0.1:9002 answered 404, a status from 200 to 399 is expected"),
        rollout: 1))
    return maker.scene("starting", requests: 0)
  }

  /// Five minutes of good measurements.
  private static func good(_ maker: inout SceneMaker, _ rounds: Int) {
    for index in 0..<rounds {
      for half in 0..<2 {
        maker.watch(4)
        maker.pass(1)
        maker.take(.woke)
        maker.measure("health", .answer(true, "the server answers"))
        if half == 1 {
          let rate = [0.001, 0.002, 0.0, 0.004][index % 4]
          maker.measure("errors", .value(rate, requests: 60))
          maker.measure("latency", .value(0.21 + Double(index % 5) / 50, requests: 30))
          maker.measure(
            "disk", .answer(index % 7 != 3, index % 7 != 3 ? "exit 0" : "exit 1: 91% full"))
        }
      }
    }
  }

  private static func soaking() throws -> StatusScene {
    var maker = try SceneMaker(plan: SceneMaker.plan)
    maker.soak()
    good(&maker, 24)
    return maker.scene("soaking")
  }

  private static func failing() throws -> StatusScene {
    var maker = try SceneMaker(plan: SceneMaker.plan)
    maker.soak()
    good(&maker, 20)
    for rate in [0.11, 0.22] {
      maker.watch(8)
      maker.pass(2)
      maker.measure("errors", .value(rate, requests: 60))
      maker.measure("latency", .value(0.86, requests: 30))
      maker.measure(
        "health",
        .answer(rate < 0.2, rate < 0.2 ? "the server answers" : "127.0.0.1:9002 answered 500"))
    }
    maker.watch(8)
    return maker.scene("failing", failures: 13)
  }

  private static func braked() throws -> StatusScene {
    var maker = try SceneMaker(plan: SceneMaker.plan)
    maker.soak()
    good(&maker, 8)
    let brake = BrakeNote(
      by: .guard, actor: "guard", reason: "the driver (pid 4711) died", time: maker.now)
    maker.pass(95)
    return maker.scene("braked", brake: brake, driver: (4711, false))
  }

  private static func waiting() throws -> StatusScene {
    var maker = try SceneMaker(plan: SceneMaker.approved)
    maker.soak()
    maker.watch(1800)
    maker.measure("errors", .value(0.001, requests: 60))
    maker.take(.woke)
    let wang = Person(uids: [2], users: ["wang"], groups: ["sre"])
    maker.take(.approve(Actor("wang", person: wang), nil))
    maker.pass(1)
    maker.take(.woke)
    maker.measure("errors", .value(0.002, requests: 60))
    return maker.scene("waiting-for-approval")
  }

  private static func noTraffic() throws -> StatusScene {
    var maker = try SceneMaker(plan: SceneMaker.plan)
    maker.soak()
    for _ in 0..<12 {
      maker.watch(8)
      maker.pass(2)
      maker.measure("errors", .nothing("no canary requests in 1m"))
      maker.measure("latency", .nothing("no canary requests in 30s"))
      maker.measure("health", .answer(true, "the server answers"))
      maker.measure("disk", .answer(true, "exit 0"))
    }
    return maker.scene("no-traffic", requests: 0)
  }

  private static func reverted() throws -> StatusScene {
    var maker = try SceneMaker(plan: SceneMaker.plan)
    maker.soak()
    good(&maker, 8)
    maker.pass(10)
    maker.measure("latency", .value(1.8, requests: 31))
    if case .reverting(let generation, _)? = maker.state.rollout?.phase {
      maker.pass(0.02)
      maker.take(.applied(generation))
    }
    maker.pass(60)
    return maker.scene("reverted", requests: 0)
  }

  private static func promoted() throws -> StatusScene {
    var maker = try SceneMaker(
      plan: "stages: [{ weight: 100, soak: \"10m\" }], checks: []")
    maker.soak()
    maker.watch(604)
    if case .finishing(let generation, _)? = maker.state.rollout?.phase {
      maker.take(.applied(generation))
    }
    return maker.scene("promoted", requests: 0)
  }

  private static func eightChecks() throws -> StatusScene {
    var maker = try SceneMaker(plan: SceneMaker.eight)
    maker.soak()
    for index in 0..<18 {
      maker.watch(8)
      maker.pass(2)
      let drift = Double(index) / 18
      maker.measure("errors_of_every_kind_versus_stable", .value(0.004, requests: 61))
      maker.measure("latency_of_the_slowest_percent", .value(0.6 + drift * 0.35, requests: 61))
      maker.measure("latency_of_the_median_request", .value(0.12, requests: 61))
      maker.measure("rejected_as_if_the_client_were_wrong", .value(0.02, requests: 61))
      maker.measure("health_of_every_server_of_the_pool", .answer(true, "all 4 servers answer"))
      maker.measure("queue_length_as_prometheus_has_it", .value(120 + drift * 250, requests: nil))
      maker.measure("orders_that_are_paid_within_a_minute", .value(0.99, requests: nil))
      maker.measure("free_space_on_the_disk_of_uploads", .answer(false, "exit 1: 93% full"))
    }
    return maker.scene("eight-checks")
  }
}
