import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// Who meets the canary, as the config says it and as `canary route` tells it.
@Suite(.busy) struct AudienceTests {
  @Test func `addresses are read as people write them`() throws {
    let ranges = try ["10.1.0.0/16", "2001:db8::/32", "192.0.2.7", "::1", "0.0.0.0/0"].map {
      try AddressRange(parsing: $0)
    }
    let cases: [(String, [Bool])] = [
      ("10.1.255.255", [true, false, false, false, true]),
      ("10.2.0.0", [false, false, false, false, true]),
      ("::ffff:10.1.2.3", [true, false, false, false, true]),
      ("2001:DB8:1::5", [false, true, false, false, false]),
      ("2001:db9::", [false, false, false, false, false]),
      ("192.0.2.7", [false, false, true, false, true]),
      ("0:0:0:0:0:0:0:1", [false, false, false, true, false]),
    ]
    for (text, expected) in cases {
      let address = try #require(IPAddress(text), "\(text)")
      #expect(ranges.map { $0.contains(address) } == expected, "\(text)")
    }
    for text in [
      "", "10.1.2", "10.1.2.256", "1:2:3:4:5:6:7:8:9", "1::2::3", ":::", "a.b.c.d", "+1::",
    ] {
      #expect(IPAddress(text) == nil, "\(text)")
    }
    for (text, rule) in [
      ("10.1.2.3/16", "bits beyond /16 are set"), ("10.0.0.0/33", "0 to 32 bits"),
      ("2001:db8::/129", "0 to 128 bits"), ("10.0.0.0/", "0 to 32 bits"),
      ("x", "or a range such as"),
      ("::ffff:10.0.0.1", "as the IPv4 address"), ("10.0.0.0/8/8", "or a range such as"),
    ] {
      #expect {
        try AddressRange(parsing: text)
      } throws: {
        "\($0)".contains(rule)
      }
    }
  }

  @Test func `a draw is the one that Nginx makes`() {
    // Reference values of MurmurHash2 (seed 0) as in nginx 1.22.1, checked again by AudienceServingTests.
    #expect(Draw.hash("") == 0)
    let weights = [0.25, 5, 10, 30, 60, 100].compactMap { Weight(percent: $0) }
    var counts = Array(repeating: 0, count: weights.count)
    for key in 0..<20_000 {
      let isIn = weights.map { Draw.isIn("7.1:\(key)", $0) }
      // Who is in at one weight is in at every higher one.
      #expect(zip(isIn, isIn.dropFirst()).allSatisfy { !$0 || $1 })
      for (index, value) in isIn.enumerated() where value { counts[index] += 1 }
    }
    for (weight, count) in zip(weights, counts) {
      let share = weight.percent / 100
      let error = (share * (1 - share) * 20_000).squareRoot()
      #expect(abs(Double(count) - share * 20_000) <= max(3 * error, 0.5), "\(weight): \(count)")
    }
    let other = (0..<20_000).count {
      Draw.isIn("7.1:\($0)", weights[1]) && Draw.isIn("8.2:\($0)", weights[1])
    }
    // Another salt deals another hand: about 5 % of 5 % are in both.
    #expect((20...90).contains(other), "\(other)")
  }

  @Test func `the id of a client is the one that Nginx reads in its cookie`() {
    let cases: [(String, String?)] = [
      ("fwAAAWdvbW0AAAAEAwMDAg==", "c=0100007F6D6D6F670400000002030303"),
      // 22 digits are enough, and whatever follows them is not read.
      ("fwAAAWdvbW0AAAAEAwMDAgXXX", "c=0100007F6D6D6F670400000002030303"),
      // A `=` ends the digits, and what is missing is zero.
      ("//////////////////=AAA", "c=" + String(repeating: "F", count: 24) + "000000FF"),
      // Nginx takes no id that ends in zeros.
      (String(repeating: "A", count: 22), nil),
      ("A====AAAAAAAAAAAAAAAAA", nil), ("fwAAAWdvbW0AAAAEAwMDA", nil), ("", nil),
      ("fwAAAWdvbW0AAAAEAw-DAg==", nil),
    ]
    for (cookie, key) in cases { #expect(UserID.key("c", cookie) == key, "\(cookie)") }
  }

  private static func service(_ extra: String) throws -> Service {
    let text = """
      { services: { chat: { pools: { blue: { servers: ["127.0.0.1:9001"] },
        green: { servers: ["127.0.0.1:9002"] } }, stable: "blue", listen: ["127.0.0.1:8080"],
        plan: { stages: [{ weight: 100, soak: "1s" }], checks: [] }, \(extra) } } }
      """
    return try #require(
      ConfigReader(file: "/etc/canary/canary.json5").read(
        ConfigFile.parse(text, name: "test")
      ).services.first)
  }

  private func answer(
    _ service: Service, _ weight: Double, _ headers: [(String, String)] = [],
    cookies: [(String, String)] = [], from: String = "198.51.100.1", braked: Bool = false,
    only: Selector? = nil
  ) throws -> RoutingDecision {
    let routing = Routing.sample(
      stable: "blue", canary: "green", weight: try #require(Weight(percent: weight)),
      audience: Audience(salt: "1.1", only: only))
    let request = RequestFacts(
      headers: headers.map { (name: $0.0, value: $0.1) },
      cookies: cookies.map { (name: $0.0, value: $0.1) }, peer: from)
    return RoutingRules(service, routing, zone: nil).answer(request, braked: braked)
  }

  @Test func `each answer names the rule that decided`() throws {
    let service = try Self.service(
      """
      sticky: "cookie:sid", trusted: ["10.0.0.0/8"],
      preview: [{ header: { name: "X-Preview", value: "S3cret" }, from: ["192.0.2.0/24"] },
        { header: { name: "X-User-Tag", values: ["beta"] } }],
      never: { from: ["192.0.2.128/25"], header: { name: "X-Customer", values: ["big"] } },
      """)
    let secret = ("X-Preview", "S3cret")
    let cases: [(RoutingDecision, String, String)] = [
      (try answer(service, 0, [secret]), "green", "X-Preview has the value of `preview`"),
      (try answer(service, 0, [("x-preview", "S3cret")]), "green", "has the value"),
      (try answer(service, 0, [("X-Preview", "s3cret")]), "blue", "the canary has no weight"),
      (try answer(service, 100, [("X-Preview", "never")]), "blue", "X-Preview says never"),
      (try answer(service, 0, from: "192.0.2.5"), "green", "its address is in `preview`"),
      (try answer(service, 100, from: "192.0.2.200"), "blue", "its address is in `never`"),
      (try answer(service, 0, [secret], from: "192.0.2.200"), "green", "has the value"),
      (
        try answer(service, 0, [("X-Forwarded-For", "192.0.2.5")], from: "10.0.0.1"), "green",
        "its address is in `preview`"
      ),
      (
        try answer(service, 0, [("X-Forwarded-For", "192.0.2.5, 10.7.7.7")], from: "10.0.0.1"),
        "green", "its address is in `preview`"
      ),
      // Only a trusted proxy is believed.
      (
        try answer(service, 0, [("X-Forwarded-For", "192.0.2.5")], from: "198.51.100.9"), "blue",
        "the canary has no weight"
      ),
      (
        try answer(service, 0, [("X-User-Tag", "beta")], from: "10.0.0.1"), "green",
        "X-User-Tag is in"
      ),
      (try answer(service, 0, [("X-User-Tag", "beta")]), "blue", "the canary has no weight"),
      (
        try answer(service, 100, [("X-Customer", "big")], from: "10.0.0.1"), "blue",
        "its X-Customer is in `never`"
      ),
      (try answer(service, 100, [secret], braked: true), "blue", "the brake is on"),
      (
        try answer(service, 5, only: AudienceTests.ranges("203.0.113.0/24")), "blue",
        "none of those whom `only`"
      ),
    ]
    for (index, (answer, pool, why)) in cases.enumerated() {
      #expect(answer.pool?.text == pool && answer.why.contains(why), "\(index): \(answer)")
    }
    #expect(!cases.contains { $0.0.why.contains("S3cret") }, "a secret was said")
    let drawn = try (0..<2000).map { try answer(service, 30, cookies: [("sid", "\($0)")]).pool }
    #expect((500...700).contains(drawn.count { $0 == "green" }))
    let plain = try Self.service("preview: { from: [\"10.0.0.0/8\"] },")
    #expect(try answer(plain, 30).why.contains("each request is drawn anew: 30% go to green"))
  }

  private static func ranges(_ text: String) -> Selector {
    var selector = Selector()
    selector.ranges = [text].compactMap { try? AddressRange(parsing: $0) }
    return selector
  }

  private func faults(_ extra: String, stages: String = "{ weight: 100, soak: \"1s\" }") -> String {
    let text = """
      { services: { chat: { pools: { blue: { servers: ["127.0.0.1:9001"] },
        green: { servers: ["127.0.0.1:9002"] } }, stable: "blue", \(extra)
        plan: { stages: [\(stages)], checks: [{ name: "e", metric: "error_rate", max: "5%" }] } } } }
      """
    do throws(Problems) {
      _ = try ConfigReader(file: "/c.json5").read(ConfigFile.parse(text, name: "test"))
      return ""
    } catch {
      return error.description
    }
  }

  @Test func `what cannot be meant is refused with what to do`() {
    let all = "{ weight: 100, soak: \"1s\" }"
    let cases: [(String, String, String)] = [
      ("sticky: \"coookie:a\",", all, "must be \"ip\", \"user\", \"cookie:NAME\""),
      ("sticky: \"cookie:a-b\",", all, "must be \"ip\", \"user\", \"cookie:NAME\""),
      ("preview: {},", all, "preview must have header, cookie or from"),
      ("preview: { from: [] },", all, "must hold at least one range"),
      (
        "preview: { from: [\"10.1.2.3/16\"] },", all,
        "preview.from[0] must begin with the network's"
      ),
      ("preview: { header: { name: \"X-A\" } },", all, "must have a value, which only those know"),
      ("preview: { header: { name: \"X-A\", value: \"ä\" } },", all, "must be visible ASCII"),
      ("preview: { header: { name: \"X-A\", value: \"never\" } },", all, "must not be 'never'"),
      (
        "preview: { header: { name: \"X_A\", value: \"b\" } },", all,
        "of letters, digits and dashes"
      ),
      ("preview: { cookie: { name: \"a\" } },", all, "must have a value"),
      ("never: { form: [] },", all, "is not a known key; did you mean 'from'?"),
      ("routes: { api: {} },", all, "must be a path such as \"/api\""),
      (
        "routes: { \"/\": { protocol: \"http3\" } },", all,
        "must be \"http\", \"https\", \"grpc\" or \"grpcs\""
      ),
      ("listen: [\"127.0.0.1:1\"], protocol: \"grpc\",", all, "needs http2: true"),
      ("", "{ weight: 0, soak: \"1s\" }, \(all)", "0 needs preview: true or shadow"),
      ("", "{ preview: true, soak: \"1s\" }, \(all)", "must have `preview`: stage 1"),
      ("", "{ shadow: 10, soak: \"1s\" }, \(all)", "must have `listen` or `routes`"),
      ("routes: {\"/\": {}},", "{ shadow: 0, soak: \"1s\" }, \(all)", "a percentage above 0"),
      (
        "routes: {\"/\": {}},",
        "{ shadow: { share: 5, methods: [\"POST\"] }, soak: \"1s\" }, \(all)", "must have paths"
      ),
      (
        "routes: {\"/api\": {}},",
        "{ shadow: { share: 5, paths: [\"/apj\"] }, soak: \"1s\" }, \(all)",
        "must have the route '/apj': stage 1 of plan 'chat' copies its requests; did you mean '/api'?"
      ),
      (
        "",
        "{ weight: 5, soak: \"1s\" }, { weight: 9, only: { from: [\"::1\"] }, soak: \"1s\" }, \(all)",
        "only must not follow a stage for everybody"
      ),
      (
        "",
        "{ weight: 5, only: { from: [\"10.0.0.0/8\"] }, soak: \"1s\" }, { weight: 9, only: { from: [\"::1\"] }, soak: \"1s\" }, \(all)",
        "must hold all that the stage before lets in"
      ),
      (
        "", "{ weight: 100, only: { from: [\"::1\"] }, soak: \"1s\" }", "must not stand in the last"
      ),
      (
        "", "{ weight: 5, soak: \"1s\" }, { weight: 5, soak: \"1s\" }, \(all)",
        "must be above the stage"
      ),
      ("", "{ weight: 5, limit: \"fast\", soak: \"1s\" }, \(all)", "a rate such as \"100r/s\""),
    ]
    for (extra, stages, says) in cases {
      let found = faults(extra, stages: stages)
      #expect(found.contains(says), "\(extra) \(stages): \(found)")
    }
    #expect(
      faults(
        "",
        stages:
          "{ weight: 5, only: { from: [\"::1\"] }, soak: \"1s\" }, { weight: 5, soak: \"1s\" }, \(all)"
      ).isEmpty)
  }

  @Test func `a stage asks only what it can answer`() throws {
    let checks = """
      checks: [{ name: "errors", metric: "error_rate", max: "5%" }, { name: "worse", metric: "error_rate", versus: "stable" },
        { name: "health", probe: "/health" }]
      """
    let text = """
      { services: { chat: { pools: { blue: { servers: ["127.0.0.1:9001"] }, green: { servers: ["127.0.0.1:9002"] } },
        stable: "blue", listen: ["127.0.0.1:8080"], preview: { from: ["10.0.0.0/8"] },
        plan: { stages: [{ shadow: 10, soak: "10m", checks: { shadow_errors: { max: "1%" } } },
          { weight: 0, preview: true, soak: "20m" }, { weight: 100, soak: "1s" }], \(checks) } } } }
      """
    let plan = try #require(
      ConfigReader(file: "/c.json5").read(ConfigFile.parse(text, name: "test")).services.first?.plan
    )
    #expect(plan.checks(stage: 0).map(\.name.text) == ["health", "shadow_errors"])
    #expect(plan.checks(stage: 0).last?.source == .shadow(.errorRate))
    #expect(plan.checks(stage: 0).last?.condition.max == 0.01)
    #expect(plan.checks(stage: 1).map(\.name.text) == ["errors", "health"])
    #expect(plan.checks(stage: 1).first?.window == .hours(1))
    #expect(plan.checks(stage: 2).map(\.name.text) == ["errors", "worse", "health"])
  }
}
