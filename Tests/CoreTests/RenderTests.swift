import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

@Suite(.busy) struct RenderTests {
  @Test func `weights are exact at every share and for any servers`() {
    let sets: [[Int]] = [[1], [1, 2], [3, 5, 7], [10, 10, 1], [10_000, 1]]
    for stable in sets {
      for canary in sets {
        for percent in (1..<400).map({ Double($0) / 4 }) {
          guard let weight = Weight(percent: percent) else { continue }
          let (s, c) = Share.weights(stable: stable, canary: canary, weight: weight)
          let (sSum, cSum) = (s.reduce(0, +), c.reduce(0, +))
          // cSum : all = weight : 10000, exactly.
          #expect(cSum * 10_000 == (sSum + cSum) * weight.basisPoints)
          // Inside a pool the servers keep their own ratio.
          #expect(zip(s, stable).allSatisfy { $0 * stable[0] == s[0] * $1 })
          #expect(zip(c, canary).allSatisfy { $0 * canary[0] == c[0] * $1 })
        }
      }
    }
    #expect(Share.weights(stable: [2, 4], canary: [3], weight: .none) == ([1, 2], []))
    #expect(Share.weights(stable: [2, 4], canary: [3, 6], weight: .all) == ([], [1, 2]))
  }

  private static func config(_ service: String = "") throws -> Config {
    let text = """
      { services: { chat: { pools: { blue: { servers: ["127.0.0.1:9001", "127.0.0.1:9003 weight=2"] },
        green: { servers: ["127.0.0.1:9002"] } }, stable: "blue", \(service.contains("weights") ? "" : "weights: \"upstream\",") \(service) } } }
      """
    return try ConfigReader(file: "/etc/canary/canary.json5").read(
      ConfigFile.parse(text, name: "test"))
  }

  private func render(_ weight: Weight, _ service: String = "", fallback: Bool = true) throws
    -> GeneratedFiles
  {
    let config = try Self.config(service)
    let routing: Routing =
      fallback
      ? .sample(stable: "blue", canary: "green", weight: weight, audience: nil)
      : .reverted(to: "blue", from: "green")
    return try TemplateFiles.load(folder: nil)
      .render(
        RoutingRules(config.services[0], routing, zone: nil), in: config, generation: Generation(42)
      )
  }

  /// The server lines of an upstream group, without the parameters that are always the same.
  private func servers(_ files: GeneratedFiles, _ group: String) -> [String] {
    let from = files.main.split(separator: "\n").drop { $0 != "upstream canary.chat.\(group) {" }
    return from.prefix { $0 != "}" }.filter { $0.contains(" server ") }
      .map {
        $0.replacing(#/ max_fails=[01] fail_timeout=10s/#, with: "").drop { $0 == " " }.dropFirst(7)
          .dropLast()
      }
      .map(String.init)
  }

  @Test func `the shapes at nothing, at a share and at all`() throws {
    let five = try #require(Weight(percent: 5))
    #expect(
      try servers(render(.none), "split") == [
        "127.0.0.1:9001 weight=1", "127.0.0.1:9003 weight=2", "127.0.0.1:9002 weight=1 backup",
      ])
    #expect(
      try servers(render(.none, fallback: false), "split") == [
        "127.0.0.1:9001 weight=1", "127.0.0.1:9003 weight=2",
      ])
    #expect(
      try servers(render(.none, "fallback: false"), "split") == [
        "127.0.0.1:9001 weight=1", "127.0.0.1:9003 weight=2",
      ])
    #expect(
      try servers(render(five), "split") == [
        "127.0.0.1:9001 weight=19", "127.0.0.1:9003 weight=38", "127.0.0.1:9002 weight=3",
      ])
    #expect(
      try servers(render(.all), "split") == [
        "127.0.0.1:9002 weight=1", "127.0.0.1:9001 weight=1 backup",
        "127.0.0.1:9003 weight=2 backup",
      ])
    #expect(try servers(render(.all, "shield: false"), "split") == ["127.0.0.1:9002 weight=1"])
    for weight in [Weight.none, five, .all] {
      #expect(
        try servers(render(weight), "brake") == [
          "127.0.0.1:9001 weight=1", "127.0.0.1:9003 weight=2",
        ])
    }
    #expect(try render(five).location?.contains("proxy_next_upstream_tries 3;") == true)
    #expect(
      try render(five, "shield: false").location?.contains("proxy_next_upstream off;") == true)
  }

  @Test func `weights count what Nginx makes of a name`() throws {
    for percent in [1.0, 5, 20, 50, 99] {
      let weight = try #require(Weight(percent: percent))
      let (s, c) = Share.weights(
        stable: [1, 3], canary: [2], peers: ([2, 1], [3]), weight: weight)
      let (sSum, cSum) = (2 * s[0] + s[1], 3 * c[0])
      #expect(cSum * 10_000 == (sSum + cSum) * weight.basisPoints)
      #expect(s[1] == 3 * s[0])
    }
    let peers = Peers(["web:80": ["10.0.0.1:80", "10.0.0.2:80"], "api:80": ["[::1]:80"]])
    let lines = peers.lines(for: [Server(address: "web:80"), Server(address: "10.0.0.9:80")])
    #expect(lines == "# canary resolved web:80 10.0.0.1:80 10.0.0.2:80\n")
    #expect(
      Peers(inFile: "x\n" + lines + "y\n").addresses == ["web:80": ["10.0.0.1:80", "10.0.0.2:80"]])
    #expect(peers.count("web:80") == 2 && peers.count("10.0.0.9:80") == 1)
  }

  @Test func `servers are skipped as Nginx does at rest and never in a stage`() throws {
    func maxFails(_ weight: Weight, _ service: String = "", _ group: String = "split") throws
      -> [Int]
    {
      let text = try render(weight, service).main
      let from = text.split(separator: "\n").drop { $0 != "upstream canary.chat.\(group) {" }
      return from.prefix { $0 != "}" }.compactMap { line in
        line.firstMatch(of: /max_fails=(\d+)/).flatMap { Int($0.1) }
      }
    }
    let five = try #require(Weight(percent: 5))
    // Nginx never skips the only server of a pool: nor may it where the other pool is the backup.
    #expect(try maxFails(.none) == [1, 1, 0])
    #expect(try maxFails(five) == [0, 0, 0])
    #expect(try maxFails(.all) == [0, 0, 0])
    #expect(try maxFails(five, "shield: false", "brake") == [1, 1])
    let named =
      "pools: { blue: { servers: [\"127.0.0.1:9001 max_fails=3\", \"127.0.0.1:9003\"] }, green: { servers: [\"127.0.0.1:9002 max_fails=2\"] } }"
    let config = try ConfigReader(file: "/etc/canary/canary.json5").read(
      ConfigFile.parse(
        "{ services: { chat: { \(named), stable: \"blue\" } } }", name: "test"))
    let servers = config.services[0].pools.flatMap(\.servers).map(\.maxFails)
    #expect(servers == [3, nil, 2])
  }

  @Test func `the text is deterministic and says what it is`() throws {
    let files = try render(.all)
    #expect(try render(.all) == files)
    let facts = try #require(GeneratedHeader(files.main))
    #expect(facts.generation == Generation(42) && facts.service == "chat")
    #expect(
      facts.routing?.weight == .all && facts.routing?.brake == "blue"
        && facts.routing?.canary == "green")
    #expect(GeneratedHeader("upstream x {}") == nil)
  }

  @Test func `any change of a byte breaks the seal`() throws {
    let text = try render(.none).main
    #expect(Seal.isWhole(text))
    let bytes = Array(text.utf8)
    for at in stride(from: 0, to: bytes.count, by: 7) {
      var changed = bytes
      changed[at] ^= 1
      #expect(!Seal.isWhole(String(decoding: changed, as: UTF8.self)), "byte \(at)")
    }
    #expect(
      !Seal.isWhole("") && !Seal.isWhole(text + "\n") && !Seal.isWhole(String(text.dropLast())))
  }

  @Test func `a service that listens gets its whole server and others only a location`() throws {
    let names = "listen: [\"127.0.0.1:8080\"], server_names: [\"chat.example.org\"],"
    let own = try render(Weight(percent: 50) ?? .all, names)
    #expect(
      own.main.contains(
        "    listen 127.0.0.1:8080;\n    server_name chat.example.org;\n"))
    // Its log is the whole server's: a request may end in a location that proxies nothing.
    #expect(own.main.contains("chat.log canary.chat;\n    location / {\n"))
    #expect(own.main.split(separator: "canary-chat.log").count == 2 && own.server == nil)
    #expect(own.main.contains("client_max_body_size 0;"))
    // At rest no check reads a log of canary's: it is there for you, where the service names no other.
    let resting = try render(.none, names).main
    #expect(resting.contains("chat.log canary.chat;\n    location / {\n"))
    #expect(!resting.contains("canary_begun") && resting.contains("canary1"))
    let silent = try render(.none, names + "access_log: [],").main
    #expect(
      !silent.contains("chat.log") && silent.contains("    access_log off;\n    location / {"))
    let named = try render(.none, names + "access_log: [\"/own.log combined\"],").main
    #expect(
      named.contains("access_log /own.log combined;") && !named.contains("off;\n    location / {"))
    let other = try render(.none)
    #expect(other.location?.contains("access_log") == false)
    #expect(!other.main.contains("location / {\n        #"))
    #expect(other.location?.contains("client_max_body_size") == false)
    // At rest nothing costs a variable; in a rollout the ends of its requests are logged.
    #expect(other.server?.contains("access_log") == false && !other.main.contains("logged"))
    let half = try render(Weight(percent: 50) ?? .all)
    #expect(half.server?.contains(" canary.chat if=$canary_logged_chat;") == true)
  }

  @Test func `no group is looked up by its name`() throws {
    func seated(_ service: String) throws -> GeneratedFiles {
      let config = try Self.config(service.replacing("SEATS", with: "weights: \"seats\""))
      let routing = Routing.sample(
        stable: "blue", canary: "green", weight: Weight(percent: 5) ?? .all,
        audience: Audience(salt: "1.1"))
      return try TemplateFiles.load(folder: nil).render(
        RoutingRules(config.services[0], routing, zone: nil), in: config, generation: Generation(1))
    }
    let own = try seated("SEATS, listen: [\"127.0.0.1:8080\"],").main
    #expect(own.contains("        proxy_pass http://canary.chat.blue;\n"))
    #expect(own.contains("            proxy_pass http://canary.chat.green;\n        }\n"))
    #expect(!own.contains("canary_pool_chat") && !own.contains("set $canary_met_chat '';"))
    let exposed = try seated("SEATS, listen: [\"127.0.0.1:8080\"], expose: true,").main
    #expect(exposed.contains("set $canary_met_chat '';"))
    // In a location of yours a later `if` of yours would take the place of ours.
    let yours = try seated("SEATS,")
    #expect(yours.location?.contains("proxy_pass http://$canary_pool_chat;") == true)
    #expect(yours.location?.contains("    proxy_pass http://canary.chat.blue;\n}\n") == true)
    #expect(yours.location?.contains("    proxy_pass http://canary.chat.green;\n}\n") == true)
    // A time of the head is there for those who read it.
    let buffered = try seated("SEATS, listen: [\"127.0.0.1:8080\"], buffering: true,").main
    #expect(!buffered.contains("$upstream_header_time"))
    #expect(try seated("SEATS, latency: \"first_byte\",").main.contains("$upstream_header_time"))
  }

  @Test func `the stages of a plan have one text and differ in their sets`() throws {
    let config = try Self.config(
      """
      weights: "seats", listen: ["80"], preview: { cookie: { name: "p", value: "secret" } }, sticky: "user",
      plan: { stages: [
        { weight: 0, preview: true, soak: "1s", limit: "1r/s" },
        { weight: 0.25, soak: "1s", only: { from: ["10.0.0.0/8"] }, preview: false },
        { weight: 5, soak: "1s", limit: "20r/s", shadow: 10 },
        { weight: 30, soak: "1s", shadow: { share: 5, methods: ["GET"] } },
        { weight: 100, soak: "1s", limit: "1r/s", preview: false },
      ], checks: [] }
      """)
    let service = config.services[0]
    var texts: Set<String> = []
    var sets: Set<Set<String>> = []
    for stage in service.plan.stages.indices {
      let routing = Routing.stage(
        stage, of: service.plan, stable: "blue", canary: "green", salt: "1")
      let rules = RoutingRules(service, routing, zone: nil)
      let files = try TemplateFiles.load(folder: nil)
        .render(rules, in: config, generation: Generation(1))
      texts.insert(files.main + (files.location ?? ""))
      sets.insert(Set(rules.metSeats))
    }
    #expect(texts.count == 1)
    #expect(sets.count == service.plan.stages.count)
  }

  @Test func `a location of one's own gets nothing that the config does not name`() throws {
    let listen = "listen: [\"127.0.0.1:8080\"],"
    let names = { (text: String) in
      Set(
        text.split(separator: "\n").compactMap { $0.split(separator: " ").first.map(String.init) }
          .filter { $0.hasPrefix("proxy_") || ["client_max_body_size", "add_header"].contains($0) })
    }
    let bare = try #require(try render(.none).location)
    #expect(names(bare) == ["proxy_pass", "proxy_next_upstream", "proxy_next_upstream_tries"])
    #expect(try !render(.none).main.contains("keepalive"))
    let named = try render(
      .none,
      "headers: { \"X-A\": \"b\" }, timeout: \"90s\", connect_timeout: \"3s\", buffering: true, body_limit: \"1m\", keepalive: 8, retry_timeout: \"2s\","
    )
    let location = try #require(named.location)
    for line in [
      "proxy_set_header X-A \"b\";", "proxy_read_timeout 90000ms;", "proxy_send_timeout 90000ms;",
      "proxy_connect_timeout 3000ms;", "proxy_buffering on;", "proxy_request_buffering on;",
      "client_max_body_size 1m;", "proxy_next_upstream_timeout 2000ms;",
    ] { #expect(location.contains("\n\(line)\n"), "\(line) in \(location)") }
    #expect(!location.contains("proxy_set_header Host") && !location.contains("http_version"))
    #expect(named.main.contains("    keepalive 8;\n"))
    let whole = try render(.none, listen)
    for line in [
      "proxy_set_header Host $host;", "proxy_set_header X-Forwarded-Proto $scheme;",
      "proxy_http_version 1.1;", "proxy_read_timeout 3600000ms;", "proxy_buffering off;",
      "client_max_body_size 0;", "proxy_next_upstream_timeout 15000ms;",
    ] { #expect(whole.main.contains("        \(line)\n"), "\(line)") }
    #expect(whole.main.contains("    keepalive 64;\n"))
  }

  @Test func `a pool keeps its method and what its servers bear`() throws {
    func main(_ blue: String, _ service: String = "") throws -> String {
      let text = """
        { services: { chat: { pools: { blue: { \(blue) }, green: { servers: ["127.0.0.1:9002"] } },
          stable: "blue", \(service.contains("weights") ? "" : "weights: \"upstream\",") \(service) } } }
        """
      let config = try ConfigReader(file: "/etc/canary/canary.json5").read(
        ConfigFile.parse(text, name: "test"))
      let routing = Routing.sample(stable: "blue", canary: "green", weight: .none, audience: nil)
      return try TemplateFiles.load(folder: nil).render(
        RoutingRules(config.services[0], routing, zone: nil), in: config, generation: Generation(1)
      ).main
    }
    let servers = "servers: [\"127.0.0.1:9001 max_conns=9\", \"127.0.0.1:9003 down\"]"
    let hashed = try main("\(servers), balance: \"ip_hash\"")
    #expect(hashed.contains("{\n    ip_hash;\n    zone canary.chat.split"), "\(hashed)")
    #expect(hashed.contains("127.0.0.1:9001 weight=1 "))
    #expect(hashed.contains(" max_conns=9;\n") && hashed.contains(" down;\n"))
    // Nginx refuses `backup` beside a hash.
    #expect(!hashed.contains("backup"))
    let least = try main("servers: [\"127.0.0.1:9001\"], balance: \"least_conn\"")
    #expect(
      least.contains("    least_conn;\n")
        && least.contains("9002 weight=1 max_fails=0 fail_timeout=10s backup;"))
    for (blue, word) in [
      ("servers: [\"127.0.0.1:9001\"], balance: \"random two\"", "ip_hash"),
      ("servers: [\"127.0.0.1:9001\"], balance: \"hash a;b\"", "ip_hash"),
      ("servers: [\"127.0.0.1:9001 down\"]", "neither backup nor down"),
      (
        "servers: [\"127.0.0.1:9001\", \"127.0.0.1:9003 backup\"], balance: \"ip_hash\"",
        "no backup beside a hash"
      ),
      ("servers: [\"127.0.0.1:9001 max_conns=x\"]", "max_conns"),
    ] {
      #expect(throws: Problems.self, "\(blue)") { try main(blue) }
      do { _ = try main(blue) } catch { #expect("\(error)".contains(word), "\(error)") }
    }
  }

  @Test func `what is retried is the config's word`() throws {
    let five = try #require(Weight(percent: 5))
    let named = "retry: \"error http_502\", retry_tries: 3,"
    let rest = try render(.none, named)
    #expect(
      rest.location?.contains("proxy_next_upstream error http_502;\nproxy_next_upstream_tries 3;")
        == true)
    // An answer is no outage: the other pool is not asked for it.
    #expect(!rest.main.contains("backup"))
    #expect(
      try render(five, named).location?.contains(
        "proxy_next_upstream error timeout http_500 http_502 http_503 http_504;") == true)
    #expect(
      try render(five, "retry: \"off\",").location?.contains("proxy_next_upstream off;") == true)
    #expect(throws: Problems.self) { try render(five, "retry: \"off error\",") }
  }

  @Test func `a template is checked both ways`() throws {
    func faults(_ text: String, _ values: [String: Template.Value]) -> [String] {
      do {
        _ = try Template(text, name: "t").fill(values)
        return []
      } catch {
        return error.list.map(\.description)
      }
    }
    let rows = Template.Value.rows(names: ["a"], [["a": .text("1")], ["a": .text("2")]])
    #expect(
      try Template("{{x}}\n{{#r}}\n{{a}};\n{{/r}}\n", name: "t").fill(["x": .text("X"), "r": rows])
        == "X\n1;\n2;\n")
    #expect(
      faults("{{serviec}}", ["service": .text("")]) == [
        "t has the unknown slot '{{serviec}}'; did you mean '{{service}}'?",
        "t does not use '{{service}}', without which the result would be wrong",
      ])
    #expect(faults("{{#r}}{{b}}{{/r}}", ["r": rows]).count == 2)
    #expect(faults("{{#r}}{{a}}{{/r}}", ["r": .rows(names: ["a"], [])]).isEmpty)
    #expect(faults("{{#x}}{{a}}{{/x}}", [:]).contains("t has the unknown section '{{#x}}'"))
    #expect(faults("a\n{{x", [:]).count == 1)
    #expect(faults("{{#r}}{{a}}", ["r": rows]).count == 1)
    #expect(faults("{{/r}}", [:]).count == 1)
    #expect(faults("{{a b}}", [:]).count == 1)
  }

  @Test func `at rest nothing but the group grows with the services`() throws {
    func files(_ servers: String, _ own: String) throws -> GeneratedFiles {
      let text = """
        { services: { chat: { pools: { blue: { servers: [\(servers)] }, green: { servers: ["127.0.0.1:9002"] } },
          stable: "blue", \(own) } } }
        """
      let config = try ConfigReader(file: "/etc/canary/canary.json5").read(
        ConfigFile.parse(text, name: "test"))
      return try TemplateFiles.load(folder: nil).render(
        RoutingRules(config.services[0], .resting(on: "blue", other: "green"), zone: nil),
        in: config, generation: Generation(1))
    }
    // A map takes Nginx half a millisecond, and a zone as long: ten seconds with 10,000 services.
    let one = try files("\"127.0.0.1:9001\"", "")
    #expect(!one.main.contains("\nmap ") && !one.main.contains(" zone "), "\(one.main)")
    // And a server of its own 16 KB of every worker: one answers for all.
    #expect(!one.main.contains("server {") && !one.main.contains("log_format"), "\(one.main)")
    #expect(RestingAnswer(main: one.main, of: "chat")?.text == "chat 1 0 blue")
    // Workers share what they know of several servers, and how many connections one has.
    for servers in [
      "\"127.0.0.1:9001\", \"127.0.0.1:9003\"", "\"127.0.0.1:9001 max_conns=9\"",
    ] {
      #expect(try files(servers, "").main.contains(" zone canary.chat.blue "))
    }
    // One variable for all servers of canary's: each costs every request of that Nginx.
    let whole = try files("\"127.0.0.1:9001\"", "listen: [\"127.0.0.1:8080\"],").main
    #expect(!whole.contains("\nmap ") && !whole.contains("_connection_"), "\(whole)")
    #expect(whole.split(separator: "server {").count == 2, "\(whole)")
  }
}
