import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// Copies of requests: the canary gets them, and users do not notice.
@Suite(.blocking) struct ShadowTests {
  @discardableResult
  private func start(_ sandbox: Sandbox, _ stage: String, checks: String = "") throws -> (
    blue: StandIn, green: StandIn
  ) {
    let apps = sandbox.startStandIns()
    try sandbox.startNginx()
    try sandbox.writeConfig(
      service: "routes: { \"/\": {}, \"/api\": {} },",
      plan: "stages: [\(stage), { weight: 100, soak: \"1s\" }], checks: [\(checks)]")
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 0, "\(applied.text)")
    return apps
  }

  @Test func `a dead, slow or failing shadow is nothing to users`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let green = try start(sandbox, "{ shadow: 100, soak: \"10m\" }").green
    func users(_ what: String) throws {
      // Kept connections: a copy that is waited for would hold up the next request on its connection.
      let load = Load(port: sandbox.port, clients: 3, pause: Span(milliseconds: 2))
      usleep(1_500_000)
      let seen = load.stop()
      let spent = seen.map { $0.ended - $0.began }.sorted()
      try #require(seen.count > 100, "\(what): \(seen.count)")
      #expect(seen.allSatisfy { $0.status == 200 && $0.pool == "blue" }, "\(what)")
      #expect(spent[spent.count / 2] < .seconds(0.1), "\(what): \(spent[spent.count / 2])")
      #expect((spent.last ?? .hours(1)) < .seconds(3), "\(what): \(spent.last ?? .zero)")
    }
    try users("without a shadow")
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.wait("the shadow") {
      _ = sandbox.answers(sandbox.port)
      return green.seen.contains { $0.contains("X-Canary-Shadow: 1") }
    }
    try users("a shadow that is well")
    #expect(green.seen.count > 100)
    #expect(green.seen.contains { $0.contains("Host: test") && $0.hasPrefix("GET / ") })
    green.set(delay: .seconds(10))
    try users("a shadow that is slow")
    green.set(status: 500)
    try users("a shadow that fails")
    green.stop()
    try users("a shadow that is dead")
    let reverted = try sandbox.canary("revert", "chat")
    #expect(reverted.code == 0, "\(reverted.text)")
    let log = try #require(try Files.read("\(sandbox.folder)/error.log", limit: 64 << 20))
    // At rest there is no server for copies, and Nginx says that its socket goes.
    let noise = log.split(separator: "\n").filter {
      !$0.contains("[notice]") && !$0.contains("deleting socket")
    }
    #expect(noise.isEmpty, "\(noise.prefix(3))")
  }

  @Test func `a failing shadow fails its own gate`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let green = try start(
      sandbox, "{ shadow: 50, soak: \"10m\" }",
      checks: "{ name: \"errors\", metric: \"error_rate\", max: \"5%\", every: \"200ms\" }"
    ).green
    green.set(status: 503)
    let load = Load(port: sandbox.port, clients: 2, pause: Span(milliseconds: 5))
    let promoted = try sandbox.canary("promote", "chat")
    let seen = load.stop()
    #expect(promoted.code == 3, "\(promoted.text)")
    #expect(
      promoted.text.contains("shadow_errors: 100% > 5% over "), "\(promoted.text)")
    #expect(promoted.text.contains(" copies"), "\(promoted.text)")
    #expect(promoted.text.contains("   50% copied"), "\(promoted.text)")
    // A copy is nobody's request: a replay finds no stage in it, and no pool of that name.
    let log = "\(sandbox.folder)/logs/canary-chat.log"
    let replay = try sandbox.canary("simulate", "chat", "--log", log)
    #expect(replay.code == 2 && replay.text.contains("reached green"), "\(replay.text)")
    let named = try sandbox.canary("simulate", "chat", "--log", log, "--to", "shadow")
    #expect(named.code == 2 && named.text.contains("(pools: blue, green)"), "\(named.text)")
    #expect(seen.allSatisfy { $0.status == 200 && $0.pool == "blue" })
  }

  @Test func `only named paths and methods are copied, with their bodies`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let (blue, green) = try start(
      sandbox, "{ shadow: { share: 100, paths: [\"/api\"], methods: [\"POST\"] }, soak: \"10m\" }")
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    var client = Client(port: sandbox.port)
    defer { client.close() }
    try sandbox.wait("the shadow") {
      _ = client.exchange(method: "POST", path: "/api/x?y=1", body: "hello")
      return green.seen.contains { $0.hasPrefix("POST /api/x?y=1 ") }
    }
    #expect(green.seen.allSatisfy { $0.contains("POST") == $0.contains("Content-Length: 5") })
    _ = client.exchange(path: "/api/get")
    _ = client.exchange(method: "POST", path: "/other", body: "hello")
    usleep(200_000)
    let copied = green.seen.filter { $0.contains("/api/get") || $0.contains("/other") }
    #expect(copied.isEmpty, "\(copied)")
    #expect(blue.seen.contains { $0.contains("/other") && !$0.contains("X-Canary-Shadow") })
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }

  @Test func `another share of copies needs no reload, and a revert ends them at once`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let apps = sandbox.startStandIns()
    try sandbox.startNginx()
    let shares = [20.0, 62.5, 62.5, 0, 10]
    let stages = zip(shares, [0, 0, 30, 50, 60]).map { share, weight in
      let shadow = share > 0 ? "shadow: \(share), " : ""
      return "{ \(shadow)weight: \(weight), soak: \"10m\" }"
    }
    try sandbox.writeConfig(
      plan: """
        stages: [\(stages.joined(separator: ", ")), { weight: 100, soak: "10m" }],
        checks: []
        """)
    #expect(try sandbox.canary("apply").code == 0)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    let first = try sandbox.reloads
    var client = Client(port: sandbox.port)
    defer { client.close() }
    let isCopy = { (head: String) in head.contains("X-Canary-Shadow: 1") }
    for (index, share) in shares.enumerated() {
      if index > 0 { #expect(try sandbox.canary("advance", "chat").code == 0) }
      try sandbox.waitForStage(index)
      let before = apps.green.seen.count(where: isCopy)
      // The canary needs no copy of what it meets anyway.
      var onStable = 0
      for _ in 0..<600 where client.exchange()?.pool == "blue" { onStable += 1 }
      var copies = -1
      try sandbox.wait("the last copy") {
        let now = apps.green.seen.count(where: isCopy) - before
        defer { copies = now }
        return now == copies
      }
      let (n, p) = (Double(onStable), share / 100)
      #expect(
        abs(Double(copies) - n * p) <= 4 * (n * p * (1 - p)).squareRoot(),
        "stage \(index + 1): \(copies) of \(n) at \(share)%")
    }
    #expect(try sandbox.reloads == first)
    #expect(apps.blue.seen.allSatisfy { !isCopy($0) })
    #expect(try sandbox.canary("revert", "chat").code == 0)
    let before = apps.green.seen.count
    for _ in 0..<100 { #expect(client.exchange()?.pool == "blue") }
    usleep(100_000)
    #expect(apps.green.seen.count == before)
    #expect(try sandbox.reloads == first)
  }

  @Test func `bodies of one stage's copies, and the paths of another's, stay apart`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let (blue, green) = try start(
      sandbox,
      """
      { shadow: 100, soak: "10m" },
      { shadow: { share: 100, paths: ["/api"], methods: ["POST"] }, soak: "10m" }
      """)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    var client = Client(port: sandbox.port)
    defer { client.close() }
    let requests = [
      ("GET", "/a", ""), ("POST", "/b", "hello"), ("GET", "/api/c", ""),
      ("POST", "/api/d", "hello"), ("GET", "/e", "hello"),
    ]
    for (index, wanted) in [["/a", "/api/c", "/e"], ["/api/d"]].enumerated() {
      if index > 0 { #expect(try sandbox.canary("advance", "chat").code == 0) }
      try sandbox.waitForStage(index)
      let before = green.seen.count
      for (method, path, body) in requests {
        #expect(client.exchange(method: method, path: path, body: body)?.status == 200, "\(path)")
      }
      let copies = { green.seen.dropFirst(before).filter { !$0.contains(" /health") } }
      try sandbox.wait("the copies") { copies().count >= wanted.count }
      let paths = copies().compactMap {
        $0.split(separator: " ").dropFirst().first.map(String.init)
      }
      #expect(paths.sorted() == wanted, "stage \(index + 1)")
      #expect(copies().allSatisfy { $0.hasPrefix("POST") == $0.contains("Content-Length: 5") })
    }
    #expect(blue.seen.count { $0.contains(" /api/d ") } == 2)
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }

  @Test func `who may write to the open probe reaches nothing through it, nor the copies`()
    async throws
  {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let green = try start(sandbox, "{ shadow: 100, soak: \"10m\" }").green
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    let other = sandbox.standIn("other")
    let run = RunFolder("\(sandbox.folder)/run")
    var facts = stat()
    #expect(stat(run.copiesFolder, &facts) == 0 && facts.st_mode & 0o777 == 0o700)
    for socket in [run.probe, run.copies] {
      for value in ["127.0.0.1:\(other.port)", "canary.chat.blue", "canary.chat.copies", "9"] {
        var request = HTTPRequest("http://chat.copies.canary/inside", limit: .seconds(2))
        request.unixSocket = socket
        request.headers = [
          ("X-Canary-Host", "x"), ("X-Canary-Group", value), ("X-Canary-Route", value),
        ]
        _ = await HTTPLoop.shared.send(request)
      }
    }
    usleep(200_000)
    #expect(other.seen.isEmpty)
    #expect(green.seen.allSatisfy { !$0.contains("/inside") })
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }
}
