import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// What Prometheus and Grafana get to see: checked by promtool, scraped and asked by a real Prometheus.
@Suite(.blocking) struct MetricsTests {
  private static let docs =
    "\(#filePath)".replacing("Tests/CommandTests/MetricsTests.swift", with: "docs/monitoring")

  @Test func `the rules are right by their own tests`() throws {
    for words in [
      ["check", "rules", "alerts.yml", "recording.yml"], ["test", "rules", "tests.yml"],
    ] {
      let line = (["promtool"] + words).joined(separator: " ")
      let ran = try Spawn.run(
        ["sh", "-c", "cd '\(Self.docs)' && \(line)"], limit: .minutes(1))
      #expect(ran.succeeded, "\(ran.output)")
    }
  }

  @Test(.long) func `a real Prometheus scrapes the page and answers every query of the dashboard`()
    throws
  {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let monitoring = try Monitoring()
    defer { monitoring.close() }
    try sandbox.startApps(failShare: "50%")
    try sandbox.writeConfig(
      plan: """
        stages: [{ weight: 50, soak: "10m" }, { weight: 100, soak: "1s" }],
        checks: [
          { name: "errors", metric: "error_rate", max: "5%", window: "5s", every: "200ms", min_requests: 5 },
          { name: "dead", http: "http://127.0.0.1:1/", every: "300ms", advisory: true },
        ]
        """, top: "page: \"page\", metrics: \"canary.prom\",")
    let port = Sockets.freePort()
    let page = try sandbox.canary("page", "--nginx", "--listen", "127.0.0.1:\(port)")
    #expect(page.code == 0, "\(page.text)")
    try sandbox.startNginx(extra: page.text)
    #expect(try sandbox.canary("apply").code == 0)
    let controller = try sandbox.launch("controller")
    defer { controller.stop() }
    try monitoring.start(page: port)
    let load = Load(port: sandbox.port, clients: 4, pause: .seconds(0.005))
    defer { _ = load.stop() }

    try sandbox.set("green.fail")
    #expect(try sandbox.canary("promote", "chat", "--release", #"a"b\c"#).code == 3)
    try sandbox.set("green.fail", false)
    let promote = try sandbox.launch("promote", "chat", "--release", "v2")
    try sandbox.waitForStage(0)

    let served = { () throws -> String in
      try Spawn.run(["curl", "-fsS", "http://127.0.0.1:\(port)/metrics"], limit: .seconds(10))
        .output
    }
    // Counts of the first rollout are there already: what is asked for is the second one's stage.
    try sandbox.wait("counts of both pools", 60) {
      let text = try served()
      return [
        #"canary_pool_requests_total{service="chat",pool="green"}"#,
        #"canary_pool_requests_total{service="chat",pool="blue"}"#,
        #"canary_weight_ratio{service="chat"} 0.5"#, #"canary_check_verdict{service="chat""#,
      ].allSatisfy(text.contains)
    }
    let text = try served()
    // The same for the collector of node_exporter.
    #expect(try Files.read("\(sandbox.folder)/canary.prom")?.contains("canary_build_info") == true)
    let checked = try Spawn.run(["promtool", "check", "metrics"], limit: .minutes(1), input: text)
    #expect(checked.succeeded && checked.output.isEmpty, "\(checked.output)")
    #expect(text.contains(#"canary_rollouts_total{service="chat",result="reverted"} 1"#))
    #expect(text.contains(#"canary_weight_ratio{service="chat"} 0.5"#))
    #expect(text.contains(#"canary_check_verdict{service="chat",check="dead",verdict="error"} 1"#))

    // Nothing in the rules or the dashboard asks for a metric that is not there.
    let files = try ["alerts.yml", "recording.yml", "grafana.json"].map {
      try #require(try Files.read("\(Self.docs)/\($0)"))
    }
    for name in Set(files.joined().matches(of: /\bcanary_[a-z_]+/).map { String($0.output) }) {
      if ["canary_requests", "canary_failures", "canary_latency_seconds", "canary_rollouts"]
        .contains(name)
      {
        continue
      }
      #expect(text.contains(name), "\(name)")
    }
    let queries = Set(
      files[2].matches(of: /"expr": "((?:[^"\\]|\\.)*)"/).map {
        String($0.output.1).replacing(#"\""#, with: "\"").replacing("$service", with: ".*")
          .replacing("$__rate_interval", with: "20s")
      })
    #expect(queries.count >= 18)
    for query in queries.sorted() {
      // An annotation has something to say only in the minute of a change; increases need some scrapes.
      try sandbox.wait("an answer to \(query)", 60) {
        let ran = try Spawn.run(
          [
            "curl", "-sS", "--data-urlencode", "query=\(query)",
            "http://127.0.0.1:\(monitoring.prometheus)/api/v1/query",
          ], limit: .seconds(10))
        let isAnswered = ran.output.contains(#""status":"success""#)
        return isAnswered && (query.contains("> 0") || !ran.output.contains(#""result":[]"#))
      }
    }
    // The queries of the guide are queries.
    let guide = try #require(
      try Files.read(Self.docs.replacing("docs/monitoring", with: "docs/monitoring.md")))
    let told = guide.matches(of: /(?m)^\| [a-z][^|`]* \| `(.*)` \|$/).map { String($0.output.1) }
    #expect(told.count >= 9, "\(told)")
    for query in told {
      let ran = try Spawn.run(
        [
          "curl", "-sS", "--data-urlencode", "query=\(query)",
          "http://127.0.0.1:\(monitoring.prometheus)/api/v1/query",
        ], limit: .seconds(10))
      #expect(ran.output.contains(#""status":"success""#), "\(query): \(ran.output)")
    }
    #expect(try sandbox.canary("revert", "chat").code == 0)
    #expect(promote.wait() == 4)
  }
}
