import CanaryAdapters
import CanaryCore
import CanaryDriver
import TestSupport
import Testing

/// Every source against the real thing, and against everything that a server can do wrong.
@Suite(.blocking) struct SourceTests {
  /// The sources of a config with these endpoints and checks (JSON5), and the checks by name.
  private func sources(
    _ folder: Folder, endpoints: String, checks: String, environment: [String: String] = [:]
  ) throws -> (ask: @Sendable (String) async -> CheckState, names: [String]) {
    let text = """
      {
        state: "state", run: "run", endpoints: { \(endpoints) },
        services: { chat: {
          pools: { blue: { servers: ["127.0.0.1:1"] }, green: { servers: ["127.0.0.1:2"] } }, stable: "blue",
          plan: { stages: [{ weight: 100, soak: "1m" }], checks: [\(checks)] },
        } },
      }
      """
    let node = try ConfigFile.parse(text, name: "test")
    let config = try ConfigReader(file: "\(folder.path)/canary.json5").read(node)
    let sources = MetricSources(
      config: config, store: SQLiteStore(folder: config.state, patience: .seconds(1)),
      clock: SystemClock(executor: .test), executor: .test, environment: environment)
    let all = config.services[0].plan.checks
    return (
      { name in
        guard let check = all.first(where: { $0.name.text == name }) else {
          return CheckState(all[0])
        }
        return await sources.judgeOnce(check, "chat", pool: "green")
      }, all.map(\.name.text)
    )
  }

  private func expect(
    _ state: CheckState, _ verdict: Verdict, _ words: String,
    _ where_: Testing.SourceLocation = #_sourceLocation
  ) {
    #expect(state.verdict == verdict, "\(state.name): \(state.detail)", sourceLocation: where_)
    #expect(
      state.detail.contains(words), "\(state.name): \(state.detail)", sourceLocation: where_)
    for secret in [Monitoring.token, Monitoring.password] {
      #expect(!state.detail.contains(secret), "a secret is shown", sourceLocation: where_)
    }
  }

  @Test func `a real Prometheus answers every kind of query`() async throws {
    let monitoring = try Monitoring()
    defer { monitoring.close() }
    try monitoring.start()
    let base = "http://127.0.0.1:\(monitoring.prometheus)"
    try monitoring.wait(for: "\(base)/-/ready")
    let checks = """
      { name: "scalar", prometheus: "scalar(vector(3))", max: 3 },
      { name: "vector", prometheus: 'up{job="node"}', min: 1 },
      { name: "filled", prometheus: 'up{pool="{{pool}}"}', min: 1 },
      { name: "servers", prometheus: 'count(up{pool="green"}) + 0 * count(up{instance!~"{{servers}}"})', max: 5 },
      { name: "above", prometheus: "scalar(vector(3))", max: 2 },
      { name: "none", prometheus: 'up{job="nobody"}', min: 1 },
      { name: "several", prometheus: "up", min: 1 },
      { name: "reduced", prometheus: "up", min: 1, reduce: "min" },
      { name: "summed", prometheus: "up", max: 1, reduce: "sum" },
      { name: "nan", prometheus: "vector(0) / vector(0)", max: 1 },
      { name: "inf", prometheus: "vector(1) / vector(0)", max: 1 },
      { name: "broken", prometheus: "sum(", max: 1 },
      { name: "matrix", prometheus: "up[1m]", max: 1 },
      { name: "text", prometheus: '"hello"', max: 1 },
      { name: "share", prometheus: "vector(0.04)", max: "5%" },
      { name: "ready", prometheus: { named: "vts_error_rate" }, max: "5%" },
      """
    let (ask, _) = try sources(
      monitoring.folder, endpoints: "prometheus: { url: \"\(base)/\" }", checks: checks)
    let start = SystemClock.now
    while await ask("summed").verdict != .fail, SystemClock.now - start < .seconds(30) {
      try await Task.sleep(for: .milliseconds(200))
    }
    expect(await ask("scalar"), .pass, "3 ≤ 3")
    expect(await ask("vector"), .pass, "1 ≥ 1")
    expect(await ask("filled"), .pass, "1 ≥ 1")
    expect(await ask("servers"), .pass, "≤ 5")
    expect(await ask("above"), .fail, "3 > 2")
    expect(await ask("none"), .inconclusive, "no series")
    expect(await ask("several"), .error, "answers with 2 series: up{")
    expect(await ask("several"), .error, "reduce: \"max\"")
    expect(await ask("reduced"), .pass, "1 ≥ 1")
    expect(await ask("summed"), .fail, "2 > 1")
    expect(await ask("nan"), .inconclusive, "NaN, as 0 / 0")
    expect(await ask("inf"), .inconclusive, "+Inf")
    expect(await ask("broken"), .error, "Prometheus refused the query: ")
    expect(await ask("matrix"), .error, "a matrix")
    expect(await ask("text"), .error, "a string")
    expect(await ask("share"), .pass, "≤ 0.05")
    expect(await ask("ready"), .inconclusive, "no series")
  }

  @Test func `a real Alertmanager tells firing alerts from silenced ones`() async throws {
    let monitoring = try Monitoring()
    defer { monitoring.close() }
    try monitoring.start()
    let base = "http://127.0.0.1:\(monitoring.alertmanager)"
    try monitoring.wait(for: "\(base)/-/ready")
    try monitoring.fire("HighErrors", service: "chat")
    try monitoring.fire("SlowDisk", service: "other")
    try monitoring.fire("Noisy", service: "chat")
    try monitoring.silence("Noisy")
    let checks = """
      { name: "firing", alerts: ["alertname=HighErrors", "service={{service}}"] },
      { name: "silenced", alerts: "alertname=Noisy" },
      { name: "other", alerts: ['service=~"{{service}}|web"', 'alertname!="HighErrors"', 'alertname!="Noisy"'] },
      { name: "regex", alerts: ['alertname=~"High.*|Slow.*"'] },
      { name: "broken", alerts: ['alertname=~"("'] },
      """
    let (ask, _) = try sources(
      monitoring.folder, endpoints: "alertmanager: { url: \"\(base)\" }", checks: checks)
    let start = SystemClock.now
    while await ask("silenced").verdict != .pass, SystemClock.now - start < .seconds(30) {
      try await Task.sleep(for: .milliseconds(200))
    }
    expect(await ask("firing"), .fail, "an alert fires: HighErrors (the HighErrors of it)")
    expect(await ask("silenced"), .pass, "no alert fires")
    expect(await ask("other"), .pass, "no alert fires")
    expect(await ask("regex"), .fail, "2 alerts fire: ")
    expect(await ask("broken"), .error, "Alertmanager refused the matchers")
  }

  @Test func `each fault of a server is an error that says what it is, and shows no secret`()
    async throws
  {
    let monitoring = try Monitoring()
    defer { monitoring.close() }
    try monitoring.start()
    try monitoring.startFront()
    try monitoring.wait(for: "http://127.0.0.1:\(monitoring.prometheus)/-/ready")
    try monitoring.wait(for: "http://127.0.0.1:\(monitoring.alertmanager)/-/ready")
    try Files.replace(monitoring.path("token"), with: "\(Monitoring.token)\n", mode: 0o600)
    try Files.replace(monitoring.path("open-token"), with: "\(Monitoring.token)\n", mode: 0o644)
    let plain = "http://127.0.0.1:\(monitoring.front)"
    let dead = Sockets.freePort()
    let bearer = "bearer: { file: \"\(monitoring.path("token"))\" }"
    let ca = "ca: \"\(monitoring.path("ca.pem"))\""
    let client =
      "cert: \"\(monitoring.path("client.pem"))\", key: \"\(monitoring.path("client.key"))\""
    let basic = "basic: { user: \"scraper\", password: { env: \"PROM_PASSWORD\" } }"
    // What is asked, with what, and what comes of it.
    let cases: [(String, String, Verdict, String)] = [
      (
        "slow", "url: \"http://127.0.0.1:\(monitoring.silent)\", \(bearer)", .error,
        "no answer within"
      ),
      ("dead", "url: \"http://127.0.0.1:\(dead)\"", .error, "127.0.0.1"),
      (
        "unauthorized",
        "url: \"\(plain)/401\", \(bearer), headers: { \"X-Api-Key\": { env: \"API_KEY\" } }",
        .error, "answered 401 (the credentials"
      ),
      ("failing", "url: \"\(plain)/500\", \(bearer)", .error, "answered 500"),
      ("html", "url: \"\(plain)/html\"", .error, "does not speak"),
      (
        "loop", "url: \"\(plain)/loop\", \(bearer)", .error,
        "answered 302 (a redirect, which is not followed"
      ),
      ("big", "url: \"\(plain)/big\"", .error, "the answer is longer than 1024 KiB"),
      (
        "expired", "url: \"https://127.0.0.1:\(monitoring.expired)\", \(ca), \(bearer)", .error,
        "certificate has expired"
      ),
      (
        "stranger", "url: \"https://127.0.0.1:\(monitoring.tls)\", \(bearer)", .error, "certificate"
      ),
      ("private", "url: \"https://127.0.0.1:\(monitoring.tls)\", \(ca)", .pass, ""),
      ("nobody", "url: \"https://127.0.0.1:\(monitoring.mutual)\", \(ca)", .error, "answered 400"),
      ("client", "url: \"https://127.0.0.1:\(monitoring.mutual)\", \(ca), \(client)", .pass, ""),
      ("nowhere", "url: \"http://no-such-host.invalid:9090\", \(bearer)", .error, "resolve"),
      ("bearer", "url: \"\(plain)/bearer\", \(bearer)", .pass, ""),
      ("nobearer", "url: \"\(plain)/bearer\"", .error, "answered 401"),
      ("basic", "url: \"\(plain)/basic\", \(basic)", .pass, ""),
      ("old", "url: \"\(plain)/old\"", .inconclusive, "10m old"),
      (
        "opened",
        "url: \"\(plain)/bearer\", bearer: { file: \"\(monitoring.path("open-token"))\" }", .error,
        "chmod 600"
      ),
      (
        "unset", "url: \"\(plain)/bearer\", bearer: { env: \"NOT_SET\" }", .error,
        "NOT_SET is not set"
      ),
      (
        "nocert",
        "url: \"https://127.0.0.1:\(monitoring.mutual)\", \(ca), cert: \"/nowhere.pem\", key: \"/nowhere.key\"",
        .error, "/nowhere.pem"
      ),
    ]
    let endpoints = cases.map { "\($0.0): { \($0.1) }," }.joined(separator: "\n")
    let checks = cases.map { name, _, _, _ in
      """
      { name: "\(name)-p", prometheus: "vector(1)", max: 1, endpoint: "\(name)", timeout: "3s" },
      { name: "\(name)-a", alerts: "alertname=None", endpoint: "\(name)", timeout: "3s" },
      { name: "\(name)-h", http: "/api/v1/query?query=vector(1)", json: "/data/result/0/value/1", max: 1, endpoint: "\(name)", timeout: "3s" },
      """
    }.joined(separator: "\n")
    let (ask, names) = try sources(
      monitoring.folder, endpoints: endpoints, checks: checks,
      environment: ["PROM_PASSWORD": Monitoring.password, "API_KEY": Monitoring.token])
    let start = SystemClock.now
    let states = await withTaskGroup(of: (String, CheckState).self) { group in
      for name in names { group.addTask { (name, await ask(name)) } }
      var found: [String: CheckState] = [:]
      for await (name, state) in group { found[name] = state }
      return found
    }
    // All at once: what is slow delays nobody else.
    #expect(SystemClock.now - start < .seconds(20))
    for (name, _, verdict, words) in cases {
      for kind in ["p", "a", "h"] {
        let state = try #require(states["\(name)-\(kind)"])
        let isJSON = name == "html" && kind == "h"
        expect(state, verdict, isJSON ? "the answer is not JSON" : words)
      }
    }
  }
}
