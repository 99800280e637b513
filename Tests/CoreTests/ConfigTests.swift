import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

@Suite(.busy) struct ConfigTests {
  /// The contract's own example, with every key that a config may have.
  static let good = """
    {
      // a comment
      nginx: {
        config: "/etc/nginx/nginx.conf", include: "/etc/nginx/canary", test: ["nginx", "-t"],
        reload: ["nginx", "-s", "reload"], logs: "/var/log/nginx", verify: "20s", zone: "b",
      },
      state: "/var/lib/canary", run: "/run/canary", templates: "/etc/canary/templates", zone: "UTC",
      blackouts: [{ dates: "last-2..last,12-24..12-26,2026-11-11" }, { days: "wed", from: "20:00", to: "23:00" }],
      notify: {
        ops: { webhook: "https://ops.internal/hook", secret: { env: "SIGN" }, headers: { "X-A": "1" }, services: ["chat"], events: ["promoted"] },
        team: { slack: { env: "SLACK" } }, work: { wecom: { file: "/etc/canary/wecom" } },
        ding: { dingtalk: { env: "DING" }, secret: { env: "SIGN" } }, fly: { feishu: { env: "FEISHU" }, secret: { file: "/s" } },
        post: { mail: ["ops@example.com"], from: "canary@example.com", sendmail: ["/usr/sbin/sendmail", "-t"] }, own: { command: ["/usr/bin/logger"] },
      },
      services: {
        chat: {
          listen: ["127.0.0.1:8080", "8443", "*:81", "[::1]:82"], server_names: ["a.example", "*.b.example"],
          pools: {
            blue: { servers: ["127.0.0.1:9001", "127.0.0.1:9003 weight=2 max_fails=3 fail_timeout=10s"] },
            green: { servers: ["unix:/run/app.sock", "[2001:db8::1]:80", "web-3.internal:80"] },
          },
          stable: "blue", plan: "standard", retain: "24h", shield: true, fallback: true, headers: { "X-Env": "prod 1" },
          buffering: false, timeout: "1h", connect_timeout: "5s", body_limit: "100m", keepalive: 32,
          latency: "first_byte", access_log: ["/var/log/nginx/access.log combined"],
          zone: "UTC", windows: [{ days: "tue,thu", from: "01:00", to: "01:30", zone: "UTC" }, { dates: "1", days: "mon-fri", from: "23:00", to: "02:00" }],
          blackouts: [{ dates: "28..last" }], releases: { deny: ["*-dev*"], allow: ["v*"], semver: true },
          hooks: {
            before_rollout: [{ run: ["docker", "compose", "up", "-d", "green"], timeout: "5m" }], before_stage: [{ run: ["true"] }],
            after_stage: [{ run: ["true"] }], after_promote: [{ run: ["docker", "compose", "stop", "blue"], at: "retain" }],
            after_revert: [{ run: ["true"] }],
          },
          guards: [{ name: "pager", alerts: ["service={{service}}", 'severity!="info"'], then: "revert" }],
        },
        site: {
          listen: ["127.0.0.1:8090"], http2: true, stable: "blue", protocol: "http", expose: true,
          pools: {
            blue: { servers: ["10.0.0.1:80 backend=api zone=a", "10.0.0.1:81 backend=web"], limit: "100r/s" },
            green: { servers: ["10.0.0.2:80 backend=api", "10.0.0.2:81 backend=web zone=b"] },
          },
          sticky: "cookie:sid", trusted: ["10.0.0.0/8", "::1"], answer_headers: { "X-Frame-Options": "DENY" },
          preview: [
            { header: { name: "X-Preview", value: "s3cret" }, cookie: { name: "pv", value: { env: "PV" } }, from: ["10.1.0.0/16"] },
            { header: { name: "X-Tag", values: ["beta", "st.ff"] } },
          ],
          never: { from: ["2001:db8::/32"], cookie: { name: "no", value: "thanks" } },
          routes: {
            "/": { backend: "web", buffering: true, connect_timeout: "1s" },
            "/api": { backend: "api", timeout: "1m", body_limit: "1m", protocol: "http", headers: { "X-From": "$scheme://$host" } },
          },
          plan: {
            stages: [
              { shadow: { share: 10, paths: ["/api"], methods: ["POST"] }, preview: true, soak: "1m" },
              { weight: 5, only: { from: ["10.2.0.0/16"] }, limit: "10r/s", soak: "1m" }, { shadow: 5, weight: 7, soak: "1m" },
              { weight: 100, soak: "1m" },
            ],
            checks: [{ name: "copies", metric: "shadow_error_rate", max: "1%" }, { name: "up", probe: "/up", backend: "api" }],
            ready: { path: "/up", backend: "api" },
          },
        },
        db: {
          listen: ["127.0.0.1:5432"], stable: "blue", protocol: "tcp",
          pools: { blue: { servers: ["10.0.0.1:5432"] }, green: { servers: ["10.0.0.2:5432"] } },
          plan: { stages: [{ weight: 100, soak: "1m" }], checks: [] },
        },
      },
      endpoints: {
        prometheus: { url: "https://prom.internal:9090/x", ca: "ca.pem", cert: "c.pem", key: "c.key", bearer: { env: "TOKEN" } },
        api: {
          url: "http://api.internal", basic: { user: "me", password: { file: "/etc/canary/password", prefix: "x" } },
          headers: { "X-Key": { env: "KEY", prefix: "Token " }, "X-Plain": "1" },
        },
      },
      plans: {
        standard: {
          alpha: "2%", evidence: "thresholds",
          stages: [{ weight: 5, soak: "30m", checks: { latency: { max: "2s" }, rate: false } }, { weight: 12.5, soak: "30m", approval: { by: ["group:sre", "user:li"], count: 2, within: "2h", starter: true }, deadline: "2h", on_deadline: "pause" }, { weight: 100, soak: "10m" }],
          checks: [
            { name: "errors", metric: "error_rate", max: "5%", window: "1m", every: "10s", for: "1m", min_requests: 20, warmup: "5s" },
            { name: "latency", metric: "latency_p99", max: "1s", advisory: true },
            { name: "rate", metric: "request_rate", min: 0.5, max: 1000 },
            { name: "health", probe: "/health?a=b", every: "5s", failures: 3, timeout: "2s" },
            { name: "own", command: ["/usr/bin/true", "--x"], max: 3 },
            { name: "versus", metric: "latency_p95", versus: "stable", worse_by: "2%", evidence: "comparison" },
            { name: "page", probe: "/", expect_status: [200, 204], expect_body: "ok", max: "250ms" },
            { name: "query", prometheus: 'up{pool="{{pool}}"}', min: 1, reduce: "min", endpoint: "prometheus" },
            { name: "ready", prometheus: { named: "vts_error_rate" }, max: "5%" },
            {
              name: "api", http: "/v1?from={{from}}", endpoint: "api", method: "POST", body: "{}", headers: { "X-A": { file: "/a" } },
              json: "/a/0", json_time: "/a/1", max: "250ms",
            },
            { name: "quiet", alerts: "severity=critical" },
          ],
          ready: { path: "/ready", times: 3, within: "30s" },
          before: [{ name: "cpu", prometheus: "cpu", max: "80%" }, { name: "cert", certificate: "example.com:443", min: "30d" }, { name: "file", checksum: "/srv/app.tar", sha256: "aa11bb22cc33dd44ee55ff66aa11bb22cc33dd44ee55ff66aa11bb22cc33dd44" }, { name: "fast", http: "https://a.internal/", max: "200ms" }],
        },
      },
    }
    """

  func read(_ text: String) throws(Problems) -> Config {
    try ConfigReader(file: "/etc/canary/canary.json5", zones: ZoneFiles.zone).read(
      ConfigFile.parse(text, name: "test"))
  }

  func problems(_ node: Node) -> [Problem] {
    do {
      _ = try ConfigReader(file: "/etc/canary/canary.json5").read(node)
      return []
    } catch {
      return error.list
    }
  }

  @Test func `a full config is read and a short one has useful defaults`() throws {
    let full = try read(Self.good)
    let chat = try #require(full.service("chat"))
    #expect(chat.plan.stages.map(\.weight.basisPoints) == [500, 1250, 10_000])
    #expect(
      chat.plan.stages[0].deadline == .minutes(90) && chat.plan.stages[1].onDeadline == .pause)
    #expect(chat.plan.checks[0].condition.max == 0.05 && chat.plan.checks[1].condition.max == 1)
    #expect(chat.plan.checks[2].minRequests == 0 && chat.plan.checks[0].minRequests == 20)
    let short = try read(
      "{ services: { chat: { pools: { blue: { servers: [\"127.0.0.1:1\"] }, green: { servers: [\"127.0.0.1:2\"] } }, stable: \"blue\" } } }"
    )
    #expect(
      short.services[0].plan.stages.map(\.weight.basisPoints) == [500, 1000, 3000, 6000, 10_000])
    #expect(
      short.services[0].plan.checks.map(\.name.text) == [
        "errors", "latency", "health", "errors_vs_stable", "p50_vs_stable", "p95_vs_stable",
        "p99_vs_stable", "rejected_vs_stable", "redirects_vs_stable", "cut_off_vs_stable",
        "tiny_vs_stable",
      ])
    #expect(
      short.nginx.test == ["nginx", "-t", "-c", "/etc/nginx/nginx.conf"]
        && short.run.path == "/run/canary")
    #expect(
      short.services[0].plan.ready.path == "/health" && short.services[0].retain == .hours(24))
  }

  @Test func `no fault of a URL repeats what is secret in it`() throws {
    for url in [
      "http://me:hidden@a.internal/", "http://a@b:hidden@a.internal",
      "ftp://a.internal/?key=hidden",
      "ftp://hidden@a.internal/x?y#hidden", "://hidden@?hidden",
    ] {
      for key in ["endpoints: { e: { url:", "notify: { e: { webhook:"] {
        let node = try ConfigFile.parse("{ \(key) \"\(url)\" } } }", name: "test")
        let faults = problems(node).map(\.description).joined(separator: "\n")
        #expect(!faults.isEmpty && !faults.contains("hidden"), "\(faults)")
      }
    }
  }

  @Test func `the config of the README is a whole config`() throws {
    let readme = try #require(try Files.read("\(HouseTests.root)/README.md"))
    let block = readme.split(separator: "```json5", maxSplits: 1).dropFirst().first?.split(
      separator: "```"
    ).first
    let config = try read(String(try #require(block)))
    #expect(config.services.map(\.name.text) == ["chat"])
  }

  @Test func `the configs of the docs are whole configs`() throws {
    let page = try #require(try Files.read("\(HouseTests.root)/docs/audience.md"))
    let block = page.split(separator: "```json5", maxSplits: 1).dropFirst().first?.split(
      separator: "```"
    ).first
    let text = String(try #require(block))
    let chat = try #require(try read("{ \(text) }").services.first)
    #expect(chat.plan.stages.map(\.weight.percent) == [0, 0, 5, 5, 30, 100])
    let unattended = try #require(try Files.read("\(HouseTests.root)/docs/unattended.md"))
    let whole = unattended.split(separator: "```json5", maxSplits: 1).dropFirst().first?.split(
      separator: "```"
    ).first
    let night = try read(String(try #require(whole)))
    #expect(night.receivers.count == 3 && night.services[0].calendar.windows.count == 2)
    #expect(night.services[0].calendar.blackouts.count == 2)
    let dify = try #require(try Files.read("\(HouseTests.root)/docs/examples/dify.json5"))
    #expect(try read(dify).services.first?.backends.count == 3)
  }

  @Test func `the path of the usual health check can be another, or none`() throws {
    let read = { (service: String, plans: String) throws in
      try self.read(
        "{ services: { a: { \(service) pools: { blue: { servers: [\"h:1\"] }, green: { servers: [\"h:2\"] } }, stable: \"blue\" } }, \(plans) }"
      ).services[0].plan
    }
    let other = try read("health: \"/up\",", "")
    #expect(other.checks.contains { $0.name == "health" && $0.source == .probe(path: "/up") })
    #expect(other.ready.path == "/up" && other.checks.count == PlanReader.standard.checks.count)
    let none = try read("health: false,", "")
    #expect(none.ready.path == nil && none.checks.count == PlanReader.standard.checks.count - 1)
    // A plan of another name that names no checks has the usual ones.
    let named = try read(
      "health: \"/up\", plan: \"p\",", "plans: { p: { stages: [{ weight: 100, soak: \"1m\" }] } }")
    #expect(named.ready.path == "/up")
    for (value, plan) in [
      ("true", ""), ("\"up\"", ""), ("3", ""),
      ("\"/up\"", "plan: { stages: [{ weight: 100, soak: \"1m\" }], checks: [] },"),
    ] {
      #expect(throws: Problems.self, "\(value)") { try read("health: \(value), \(plan)", "") }
    }
  }

  @Test func `relative paths are relative to the file`() throws {
    let text = Self.good.replacing("\"/var/lib/canary\"", with: "\"../lib/./canary\"")
    #expect(try read(text).state == "/etc/lib/canary")
  }

  @Test func `an unknown key names the nearest known one at every level`() throws {
    let cases = [
      ("state:", "sate:", "sate is not a known key; did you mean 'state'?"),
      ("reload:", "relod:", "nginx.relod is not a known key; did you mean 'reload'?"),
      ("stable:", "stabel:", "services.chat.stabel is not a known key; did you mean 'stable'?"),
      (
        "{ servers: [\"127", "{ server: [\"127",
        "services.chat.pools.blue.server is not a known key; did you mean 'servers'?"
      ),
      (
        "on_deadline:", "on_dedline:",
        "plans.standard.stages[1].on_dedline is not a known key; did you mean 'on_deadline'?"
      ),
      (
        "min_requests:", "min_request:",
        "plans.standard.checks[0].min_request is not a known key; did you mean 'min_requests'?"
      ),
      (
        "within:", "witin:", "plans.standard.ready.witin is not a known key; did you mean 'within'?"
      ),
      (
        "plan: \"standard\"", "plan: \"standrad\"",
        "services.chat.plan must name a plan (standard, try), or be one written here; did you mean 'standard'? (found \"standrad\")"
      ),
      (
        "stable: \"blue\"", "stable: \"bleu\"",
        "services.chat.stable must be one of the service's pools (blue, green); did you mean 'blue'? (found \"bleu\")"
      ),
    ]
    for (was, new, says) in cases {
      let node = try ConfigFile.parse(Self.good.replacing(was, with: new), name: "test")
      #expect(problems(node).map(\.description).contains(says), "\(problems(node))")
    }
  }

  @Test func `rules between values hold`() throws {
    let cases = [
      ("weight: 12.5", "weight: 4", "weight must be above the stage before it (5)"),
      ("weight: 100", "weight: 99", "weight must be 100 in the last stage"),
      ("weight: 12.5", "weight: 12.505", "with two decimals at most"),
      ("deadline: \"2h\"", "deadline: \"2m\"", "deadline must not be shorter than the soak (30m)"),
      (
        "name: \"latency\"", "name: \"errors\"",
        "must be a name that no other check of the plan has"
      ),
      ("min: 0.5", "min: 2000", "min must not be above max"),
      ("\"unix:/run/app.sock\"", "\"127.0.0.1:9001\"", "is already a server of pool 'blue'"),
      (
        "metric: \"latency_p99\", max: \"1s\"", "metric: \"latency_p99\"",
        "must have a max, a min or versus: \"stable\" for latency_p99"
      ),
      (
        "probe: \"/health?a=b\"", "probe: \"/h\", metric: \"requests\"",
        "must have only one of metric, probe"
      ),
      (
        "pool=\"{{pool}}\"", "pool=\"{{pol}}\"",
        "unknown placeholder '{{pol}}'; did you mean '{{pool}}'?"
      ),
      ("versus: \"stable\", ", "", "worse_by needs versus: \"stable\""),
      ("metric: \"latency_p95\"", "metric: \"requests\"", "requests has no sides"),
      ("{ env: \"TOKEN\" }", "\"secret\"", "must not stand in the config: say where it is kept"),
      ("{ env: \"TOKEN\" }", "{ env: \"A\", file: \"/b\" }", "must be { env: \"NAME\" } or { file"),
      ("cert: \"c.pem\", ", "", "must have both cert and key, or neither"),
      ("https://prom.internal", "https://me:pw@prom.internal", "without a user name in it"),
      ("endpoint: \"api\"", "endpoint: \"apo\"", "must be one of `endpoints`; did you mean 'api'?"),
      ("endpoint: \"api\", ", "", "is a path, so it needs an endpoint"),
      ("rate: false", "rat: false", "must be the name of a check of the plan"),
      (
        "latency: { max: \"2s\" }", "latency: { max: 2 }",
        "stages[0].checks.latency.max must be a duration"
      ),
      (
        "name: \"pager\"", "name: \"errors\"",
        "must be a name that no other guard and no check of a plan has"
      ),
      ("alerts: \"severity=critical\"", "alerts: []", "must hold a matcher"),
      ("expect_body: \"ok\", max", "reduce: \"max\", max", "reduce has no meaning for probe"),
      ("json: \"/a/0\", json_time", "json_time", "json_time needs `json`"),
    ]
    for (was, new, says) in cases {
      let found = problems(try ConfigFile.parse(Self.good.replacing(was, with: new), name: "test"))
      #expect(found.contains { $0.description.contains(says) }, "\(new): \(found)")
    }
    let twins = "{ services: { a-b: 1, a_b: 2 } }".replacing("1", with: Self.twin(1)).replacing(
      "2 }", with: "\(Self.twin(3)) }")
    let found = problems(
      try ConfigFile.parse(twins.replacing("a-b:", with: "\"a-b\":"), name: "test"))
    #expect(found.contains { $0.rule.contains("cannot tell from") }, "\(found)")
  }

  static func twin(_ port: Int) -> String {
    "{ pools: { x: { servers: [\"h:\(port)\"] }, y: { servers: [\"h:\(port + 1)\"] } }, stable: \"x\" }"
  }
}
