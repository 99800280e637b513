import CanaryAdapters
import CanaryCore
import CanaryDriver
import TestSupport
import Testing

/// What a stored state names is looked up in the config, and never believed.
@Suite(.blocking) struct AuthorityTests {
  private func config(_ checks: String, stages: String = "{ weight: 100, soak: \"1m\" }") throws
    -> Config
  {
    let node = try ConfigFile.parse(
      """
      { state: "state", run: "run", services: { chat: {
        pools: { blue: { servers: ["127.0.0.1:1"] }, green: { servers: ["127.0.0.1:2"] } },
        stable: "blue", hooks: { after_stage: [{ run: ["true"], timeout: "3s" }] },
        preview: { header: { name: "X-P", value: "let-me-in" } },
        guards: [{ name: "guard", command: ["true", "guard"] }],
        plan: { stages: [\(stages)], checks: [\(checks)], before: [{ name: "first", command: ["true", "first"] }] } } } }
      """, name: "test")
    return try ConfigReader(file: "/tmp/none/canary.json5").read(node)
  }

  private func sources(_ config: Config) -> AuthorizedSources {
    let clock = SystemClock(executor: .test)
    let all = MetricSources(
      config: config, store: SQLiteStore(folder: config.state, patience: .seconds(1)),
      clock: clock, executor: .test)
    return AuthorizedSources(all, config: config, clock: clock)
  }

  @Test func `a stored check asks what the config says`() async throws {
    let folder = try Folder()
    let touched = "\(folder.path)/touched"
    let config = try config("{ name: \"own\", command: [\"sh\", \"-c\", \"exit 0\"] }")
    let plan = config.services[0].plan
    var stored = plan
    stored.checks[0].source = .command(["touch", touched])
    stored.checks[0].failures = 7
    let now = SystemClock.now
    let context = StageContext(
      rollout: 1, stage: 0, plan: stored, stable: "blue", canary: "green",
      generation: Generation(1), started: now, since: now)
    let sources = sources(config)
    let good = await sources.measure([stored.checks[0]], "chat", context)
    #expect(good.count == 1 && good[0].reading == .answer(true, "exit 0"), "\(good)")
    // The numbers stay those of the rollout.
    #expect(try config.authorized(stored.checks[0], of: "chat").failures == 7)
    // Checks before the rollout and guards, too.
    for name in ["first", "guard"] {
      let named = try #require(CheckName(name))
      let bad = Check(name: named, source: .command(["touch", touched]))
      #expect(try config.authorized(bad, of: "chat").source == .command(["true", name]))
      let states = await sources.measureOnce([bad], "chat", pool: "green")
      #expect(states.map(\.verdict) == [.pass], "\(states)")
    }
    // Of any kind, and one that the config has no more.
    for source: Source in [
      .command(["touch", touched]), .http(Request(url: "http://127.0.0.1:1/")),
      .checksum(path: "/etc/passwd", sha256: "00"), .certificate("127.0.0.1:1"),
      .prometheus(query: "x", reduce: nil), .alerts(["a=b"]), .probe(path: "@127.0.0.1:1/"),
    ] {
      let unknown = Check(name: "lost", source: source)
      let lost = await sources.measure([unknown], "chat", context)
      guard case .failed(let why)? = lost.first?.reading else {
        Issue.record("\(source) was asked")
        continue
      }
      #expect(why.contains("canary revert chat"), "\(why)")
      var known = unknown
      known.name = "own"
      #expect(
        try config.authorized(known, of: "chat").source == .command(["sh", "-c", "exit 0"]))
      let held = await sources.measureOnce([unknown], "chat", pool: "green")
      #expect(held.map(\.verdict) == [.error], "\(held)")
    }
    var readiness = plan.ready
    readiness.guards = [Check(name: "lost", source: .command(["touch", touched]))]
    let fault = await sources.checkReadiness("chat", pool: "green", readiness)
    #expect(fault?.text.contains("canary revert chat") == true)
    readiness.guards = []
    readiness.path = "@127.0.0.1:1/"
    #expect(
      await sources.checkReadiness("chat", pool: "green", readiness)?.text.contains("no path")
        == true)
    #expect(!Files.exists(touched))
  }

  @Test func `a stored audience says nothing to Nginx that the config could not`() throws {
    let config = try config(
      "",
      stages: """
        { weight: 30, only: { cookie: { name: "c", value: { file: "/etc/canary/known" } } }, soak: "1m" },
        { weight: 100, soak: "1m" }
        """)
    let known = try #require(config.services[0].plan.stages[0].only)
    func fault(_ change: (inout Audience) -> Void) -> String? {
      var audience = Audience(salt: "7.1795721893652")
      change(&audience)
      return config.fault(of: audience, in: "chat")
    }
    func only(_ change: (inout Selector) -> Void) -> String? {
      var selector = Selector()
      change(&selector)
      let first = fault { $0.only = selector }
      #expect(fault { $0.seating.circles = [selector] } == first)
      return first
    }
    func secret(_ place: Secret.Place, name: String = "X-A") -> Selector.SecretMatch {
      Selector.SecretMatch(name: name, value: Secret(place))
    }
    #expect(fault { _ in } == nil)
    #expect(fault { $0.salt = "dry-run" } == nil)
    #expect(fault { $0.only = known } == nil)
    #expect(only { $0.headers = [secret(.plain("abc"))] } == nil)
    for text in [
      "a\"; load_module x", "a;b", "$host", "a\nb", "", String(repeating: "a", count: 99),
    ] {
      #expect(fault { $0.salt = text } != nil || text.isEmpty, "\(text)")
      #expect(text.count == 99 || only { $0.headers = [secret(.plain(text))] } != nil, "\(text)")
      #expect(only { $0.cookies = [secret(.plain("abc"), name: text)] } != nil, "\(text)")
      #expect(only { $0.tags = [Selector.Tag(name: text, values: ["a"])] } != nil, "\(text)")
      #expect(
        text.count == 99 || only { $0.tags = [Selector.Tag(name: "X", values: [text])] } != nil,
        "\(text)")
      #expect(fault { $0.shadow = Shadow(share: .all, methods: [text]) } != nil, "\(text)")
    }
    #expect(only { $0.headers = [secret(.file("/etc/shadow"))] } != nil)
    #expect(only { $0.cookies = [secret(.environment("HOME"), name: "a")] } != nil)
  }

  @Test func `secrets of previews are hidden in what is shown`() {
    let text = """
      if ($http_x_preview = "let me in") { set $canary_sign_chat p; }
      if ($cookie_pv = "k1") { set $a p; }
      if ($http_x_preview = "never") { set $a n; }
      if ($canary_near_chat = "beta") { set $a t; }
      map $x $y { "long-secret" 1; "k9" 2; }
      """
    let shown = HiddenValues.hidden(text, ["long-secret", "k9"])
    #expect(!shown.contains("let me in") && !shown.contains("k1") && !shown.contains("long-secret"))
    #expect(!shown.contains("k9") && shown.contains("\"never\"") && shown.contains("\"beta\""))
    #expect(
      HiddenValues.hidden("if ($canary_try_a = \"1:k9\") if ($canary_try_a = \"1:never\")")
        == "if ($canary_try_a = \"(hidden)\") if ($canary_try_a = \"1:never\")")
    #expect(HiddenValues.hidden("if ($http_x = \"open") == "if ($http_x = \"open")
    #expect(HiddenValues.hidden("") == "")
  }
}
