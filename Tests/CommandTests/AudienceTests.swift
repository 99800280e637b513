import CanaryAdapters
import CanaryCore
import Dispatch
import Glibc
import Synchronization
import TestSupport
import Testing

/// Who meets the canary, through requests that a real Nginx answers.
@Suite(.blocking) struct AudienceServingTests {
  private static let stages = """
    stages: [{ weight: 5, soak: "10m" }, { weight: 10, soak: "10m" }, { weight: 30, soak: "10m" },
      { weight: 60, soak: "10m" }, { weight: 100, soak: "10m" }], checks: []
    """

  /// The keys that reach the canary, each asked once; by the header that carries the key.
  private func members(_ port: Int, _ keys: Int, _ header: @escaping @Sendable (Int) -> String)
    -> Set<Int>
  {
    let found = Mutex<Set<Int>>([])
    let lost = Mutex(0)
    DispatchQueue.concurrentPerform(iterations: 4) { worker in
      var client = Client(port: port)
      var mine: Set<Int> = []
      for key in stride(from: worker, to: keys, by: 4) {
        let answer = client.exchange(headers: [header(key)])
        if answer?.status != 200 { lost.withLock { $0 += 1 } }
        if answer?.pool == "green" { mine.insert(key) }
      }
      client.close()
      found.withLock { $0.formUnion(mine) }
    }
    #expect(lost.withLock { $0 } == 0)
    return found.withLock { $0 }
  }

  @Test(.long) func `who is in stays in and shares hold over twenty thousand keys`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(service: "sticky: \"cookie:sid\",", plan: Self.stages)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    let keys = 20_000
    var before: Set<Int> = []
    var first: Set<Int> = []
    for (stage, percent) in [5.0, 10, 30, 60, 100].enumerated() {
      // The stage is entered once Nginx is confirmed to serve its weight.
      try sandbox.wait("weight") { try sandbox.field("weight") == "\(Int(percent))" }
      let now = members(sandbox.port, keys) { "Cookie: a=b; sid=user-\($0)" }
      let fell = before.subtracting(now).count
      #expect(fell == 0, "stage \(stage): \(fell) fell out")
      let share = percent / 100
      let error = (share * (1 - share) * Double(keys)).squareRoot()
      // Another hand is drawn in each run: five standard deviations, once in a million runs.
      #expect(abs(Double(now.count) - share * Double(keys)) <= max(5 * error, 0.5), "\(now.count)")
      if stage == 1 {
        // After a reload the same hand; nobody is in two pools within a stage.
        let reload = ["nginx", "-s", "reload", "-c", sandbox.nginxConf]
        #expect(try Spawn.run(reload, limit: .seconds(10)).succeeded)
        usleep(300_000)
        let again = members(sandbox.port, keys) { "Cookie: sid=user-\($0)" }
        let moved = again.symmetricDifference(now).count
        #expect(moved == 0, "\(moved) moved")
        // What `route` tells is what happens.
        let config = try ConfigFile.read("\(sandbox.folder)/canary.json5")
        let service = try #require(config.services.first)
        let facts = try #require(
          GeneratedHeader(Files.read("\(sandbox.folder)/canary/chat.conf") ?? "")?.routing)
        let salt = try #require(facts.audience?.salt)
        let routing = Routing.stage(
          1, of: service.plan, stable: facts.stable, canary: facts.canary, salt: salt)
        let choice = RoutingRules(service, routing, zone: nil)
        let told = (0..<keys).filter {
          choice.answer(
            RequestFacts(
              headers: [], cookies: [(name: "sid", value: "user-\($0)")], peer: "127.0.0.1"),
            braked: false
          ).pool == "green"
        }
        let untold = Set(told).symmetricDifference(now).count
        #expect(untold == 0, "\(untold) elsewhere")
      }
      if stage == 0 { first = now }
      before = now
      if stage < 4 { #expect(try sandbox.canary("advance", "chat").code == 0) }
    }
    #expect(try sandbox.canary("revert", "chat").code == 0)
    #expect(members(sandbox.port, 200) { "Cookie: sid=user-\($0)" }.isEmpty)
    // Nothing of it remains, and the next rollout deals a new hand.
    #expect(try sandbox.canary("apply").code == 0)
    let files = try #require(try Files.read("\(sandbox.folder)/canary/chat.conf"))
    #expect(!files.contains("split_clients") && !files.contains("geo "), "\(files)")
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    let second = members(sandbox.port, keys) { "Cookie: sid=user-\($0)" }
    let both = first.intersection(second).count
    #expect((20...90).contains(both), "\(both) of \(first.count) and \(second.count) are in both")
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }

  @Test(arguments: ["ip", "header:X-Account"])
  func `an address or a header sticks as well`(sticky: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      service: "sticky: \"\(sticky)\",",
      plan: "stages: [{ weight: 30, soak: \"10m\" }, { weight: 100, soak: \"1s\" }], checks: []")
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    let header = { @Sendable (key: Int) in
      sticky == "ip"
        ? "X-Forwarded-For: 10.\(key / 65536).\(key / 256 % 256).\(key % 256)" : "X-Account: \(key)"
    }
    let once = members(sandbox.port, 2000, header)
    let again = members(sandbox.port, 2000, header)
    let moved = once.symmetricDifference(again).count
    #expect(moved == 0, "\(moved) moved")
    #expect((500...700).contains(once.count), "\(once.count)")
    // Without the key, the address: all of this host's requests are in one pool.
    let without = members(sandbox.port, 100) { _ in "X-Other: 1" }
    #expect(without.isEmpty || without.count == 100, "\(without.count)")
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }

  @Test func `a cookie of our own is set once and keeps its user`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      service: "sticky: \"user\", expose: true, answer_headers: { \"X-Own\": \"kept\" },",
      plan: "stages: [{ weight: 30, soak: \"10m\" }, { weight: 100, soak: \"1s\" }], checks: []")
    var client = Client(port: sandbox.port)
    defer { client.close() }
    let idle = client.exchange()
    #expect(idle?["set-cookie"] == nil)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    var pools: [String: Int] = [:]
    for index in 0..<300 {
      let asked = client.exchange()
      let first = try #require(asked)
      let cookie = try #require(first["set-cookie"])
      #expect(cookie.contains("; expires=") && cookie.hasSuffix("; path=/; HttpOnly; SameSite=Lax"))
      let pair = cookie.prefix { $0 != ";" }
      #expect(pair.hasPrefix("canary_chat=") && pair.utf8.count == 12 + 24, "\(pair)")
      if index < 5 {
        let told = try sandbox.canary("route", "chat", "--cookie", "\(pair)")
        #expect(told.text.contains(first.pool), "\(told.text)")
      }
      let again = client.exchange(headers: ["Cookie: x=1; \(pair)"])
      let second = try #require(again)
      #expect(second.pool == first.pool && second["set-cookie"] == nil)
      let saw = second["x-saw"] ?? ""
      #expect(saw.contains("x=1") && !saw.contains("canary_chat"), "\(saw)")
      #expect(second["x-canary-pool"] == second.pool && second["x-own"] == "kept")
      pools[first.pool, default: 0] += 1
    }
    #expect((60...120).contains(pools["green"] ?? 0), "\(pools)")
    // What is no id of Nginx's is none, and one of somebody's own making is only a key.
    let zeros = String(repeating: "A", count: 22)
    let known = String(zeros.dropLast()) + "Q"
    for (value, isNew) in [("", true), ("me", true), (zeros, true), (known, false)] {
      let answer = client.exchange(headers: ["Cookie: canary_chat=\(value)"])
      #expect((answer?["set-cookie"] != nil) == isNew, "\(value)")
    }
    #expect(try sandbox.canary("revert", "chat").code == 0)
    #expect(try sandbox.canary("apply").code == 0)
    try sandbox.wait("no cookie at rest") { client.exchange()?["set-cookie"] == nil }
  }

  @Test func `a stage for chosen ones draws from nobody else`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      plan: """
        stages: [{ weight: 50, only: { from: ["198.51.100.0/24"] }, soak: "10m" },
          { weight: 50, soak: "10m" }, { weight: 100, soak: "1s" }], checks: []
        """)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.wait("weight") { try sandbox.field("weight") == "50" }
    var client = Client(port: sandbox.port)
    defer { client.close() }
    func greens(_ address: String) -> Int {
      (0..<100).count { _ in
        client.exchange(headers: ["X-Forwarded-For: \(address)"])?.pool == "green"
      }
    }
    // Five standard errors of a hundred draws.
    #expect((25...75).contains(greens("198.51.100.7")))
    #expect(greens("198.51.101.7") == 0)
    let status = try sandbox.canary("status", "chat").text
    #expect(status.contains("(only those of 1 rule)"), "\(status)")
    #expect(try sandbox.canary("advance", "chat").code == 0)
    try sandbox.wait("everybody") { greens("198.51.101.7") > 0 }
    usleep(200_000)
    #expect((25...75).contains(greens("198.51.101.7")))
    let log = try #require(try Files.read("\(sandbox.folder)/logs/canary-chat.log"))
    let ways = Set(
      log.split(separator: "\n").map { $0.split(separator: "\t") }.filter { $0.count > 9 }
        .map { $0[9] })
    #expect(ways.contains { $0.hasPrefix("o1.") } && ways.contains { Int($0) != nil }, "\(ways)")
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }

  @Test func `over TLS the cookie is for TLS alone`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let folder = sandbox.folder
    func ask(_ words: String...) throws -> String {
      try Spawn.run(
        ["curl", "-sk", "-D", "-"] + words + ["https://127.0.0.1:\(sandbox.port)/"],
        limit: .seconds(10)
      ).output
    }
    let made = try Spawn.run(
      [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
        "/CN=test",
        "-keyout", "\(folder)/key.pem", "-out", "\(folder)/cert.pem",
      ], limit: .seconds(60))
    #expect(made.succeeded, "\(made.output)")
    try sandbox.startApps()
    try sandbox.startNginx()
    try sandbox.writeConfig(
      service: "sticky: \"user\",",
      plan: "stages: [{ weight: 30, soak: \"10m\" }, { weight: 100, soak: \"1s\" }], checks: []")
    let config = try #require(try Files.read("\(folder)/canary.json5"))
    try Files.replace(
      "\(folder)/canary.json5",
      with: config.replacing("listen: [\"127.0.0.1:\(sandbox.port)\"],", with: ""))
    #expect(try sandbox.canary("apply").code == 0)
    try sandbox.writeNginxConf(
      extra: """
        server { listen 127.0.0.1:\(sandbox.port) ssl; ssl_certificate \(folder)/cert.pem;
          ssl_certificate_key \(folder)/key.pem; add_header Strict-Transport-Security "max-age=9" always;
          location / { include \(folder)/canary/chat.location; } }
        """)
    let reload = ["nginx", "-s", "reload", "-c", sandbox.nginxConf]
    #expect(try Spawn.run(reload, limit: .seconds(10)).succeeded)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.wait("weight") { try sandbox.field("weight") == "30" }
    func pool(_ answer: String) -> Substring? { answer.split(whereSeparator: \.isNewline).last }
    for _ in 0..<20 {
      let first = try ask()
      let cookie = first.split(separator: "\r\n").first { $0.hasPrefix("Set-Cookie:") } ?? ""
      #expect(cookie.hasSuffix("; HttpOnly; SameSite=Lax; Secure"), "\(first)")
      let later = try ask("-b", String(cookie.dropFirst(12).prefix { $0 != ";" }))
      #expect(pool(first) == pool(later) && !later.contains("Set-Cookie:"), "\(first) \(later)")
      // No line of ours pushes out what the server says of its answers.
      #expect(first.contains("max-age=9") && later.contains("max-age=9"), "\(first) \(later)")
    }
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }
}
