import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// Several locations, other protocols, zones and limits behind one weight.
@Suite(.blocking) struct RouteTests {
  private static let half = """
    stages: [{ weight: 50, soak: "10m" }, { weight: 100, soak: "1s" }], checks: []
    """

  private func promote(_ sandbox: Sandbox, to percent: Int) throws {
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.wait("weight") { try sandbox.field("weight") == "\(percent)" }
  }

  @Test func `gRPC is passed on and judged by its own status`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    // Nginx is an HTTP/2 server too: its answers end in a trailer, as those of gRPC do.
    let folder = sandbox.folder
    let server = { (name: String, port: Int, status: String) in
      """
      server { listen 127.0.0.1:\(port) http2; location / {
        default_type application/grpc; add_trailer grpc-status \(status); add_header X-Pool \(name); return 200 "x"; } }
      """
    }
    try Files.replace(
      "\(folder)/apps/grpc.conf",
      with: """
        daemon off; worker_processes 1; pid \(folder)/apps/grpc.pid; error_log \(folder)/apps/grpc.log;
        events {} http { access_log off;
        client_body_temp_path \(folder)/apps/gb; proxy_temp_path \(folder)/apps/gp;
        fastcgi_temp_path \(folder)/apps/gf; uwsgi_temp_path \(folder)/apps/gu; scgi_temp_path \(folder)/apps/gs;
        \(server("blue", sandbox.bluePorts[0], "0")) \(server("green", sandbox.greenPorts[0], "14")) }
        """)
    let apps = try Child(["nginx", "-c", "\(folder)/apps/grpc.conf"])
    defer { apps.stop() }
    try sandbox.startNginx()
    try sandbox.writeConfig(
      service: "protocol: \"grpc\", http2: true,",
      plan: """
        stages: [{ weight: 50, soak: "10m" }, { weight: 100, soak: "1s" }],
        checks: [{ name: "errors", metric: "error_rate", max: "5%", every: "200ms" }]
        """)
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 0, "\(applied.text)")
    // One connection a call: curl 7.88 cannot use one twice without having asked first.
    let one =
      "curl -s --http2-prior-knowledge -X POST -H 'content-type: application/grpc' -H 'te: trailers' -o /dev/null -w '%{http_version} %{http_code}\\n' http://127.0.0.1:\(sandbox.port)/chat.Service/Say"
    func call(_ count: Int) throws -> String {
      try Spawn.run(
        ["sh", "-c", "for i in $(seq \(count)); do \(one); done"], limit: .seconds(60)
      ).output
    }
    #expect(try call(3) == "2 200\n2 200\n2 200\n")
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.wait("weight") { try sandbox.field("weight") == "50" }
    let answers = try call(100)
    #expect(answers.split(separator: "\n").allSatisfy { $0 == "2 200" }, "\(answers)")
    try sandbox.wait("the revert") { try sandbox.field("phase") == "reverted" }
    let reason = try sandbox.field("reason")
    #expect(reason.contains("check errors failed: 100% > 5% over "), "\(reason)")
  }

  @Test func `routes keep their own settings under one weight`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      service: """
        routes: { "/": {}, "/api": { body_limit: "1k", headers: { "X-Preview": "route" } }, "= /one": {} },
        """, plan: Self.half)
    var client = Client(port: sandbox.port)
    defer { client.close() }
    let large = String(repeating: "x", count: 4096)
    let kept = client.exchange(method: "POST", path: "/x", body: large)
    let refused = client.exchange(method: "POST", path: "/api/x", body: large)
    #expect(kept?.status == 200 && refused?.status == 413)
    let plain = client.exchange(path: "/x")
    let own = client.exchange(path: "/api")
    #expect(plain?["x-saw"] == "||" && own?["x-saw"] == "route||")
    try promote(sandbox, to: 50)
    for path in ["/", "/api/v1", "/one"] {
      let green = (0..<200).count { _ in client.exchange(path: path)?.pool == "green" }
      #expect((65...135).contains(green), "\(path): \(green)")
    }
    #expect(try sandbox.canary("revert", "chat").code == 0)
    // What no route is for is nobody's.
    try sandbox.writeConfig(service: "routes: { \"/api\": {} },", plan: Self.half)
    #expect(try sandbox.canary("apply").code == 0)
    let nobody = client.exchange(path: "/x")
    let api = client.exchange(path: "/api")
    #expect(nobody?.status == 404 && api?.status == 200)
  }

  @Test func `routes stand in a server of one's own as one include`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startApps()
    try sandbox.startNginx()
    try sandbox.writeConfig(
      service:
        "routes: { \"/\": {}, \"/api\": { buffering: true } }, expose: true, answer_headers: { \"X-Site\": \"mine\" },",
      plan: Self.half)
    let config = try #require(try Files.read("\(sandbox.folder)/canary.json5"))
    try Files.replace(
      "\(sandbox.folder)/canary.json5",
      with: config.replacing("listen: [\"127.0.0.1:\(sandbox.port)\"],", with: ""))
    #expect(try sandbox.canary("apply").code == 0)
    #expect(!Files.exists("\(sandbox.folder)/canary/chat.location"))
    try sandbox.writeNginxConf(
      extra: """
        server { listen 127.0.0.1:\(sandbox.port); add_header X-Site mine always;
          include \(sandbox.folder)/canary/chat.locations; }
        """)
    let reload = ["nginx", "-s", "reload", "-c", sandbox.nginxConf]
    #expect(try Spawn.run(reload, limit: .seconds(10)).succeeded)
    try sandbox.wait("the server") { sandbox.answers(sandbox.port) }
    try promote(sandbox, to: 50)
    var client = Client(port: sandbox.port)
    defer { client.close() }
    let answers = (0..<100).compactMap { _ in client.exchange(path: "/api/x") }
    #expect((25...75).contains(answers.count { $0.pool == "green" }))
    // Headers of ours push out those that would be inherited, unless they are said again.
    #expect(answers.allSatisfy { $0["x-site"] == "mine" && $0["x-canary-pool"] == $0.pool })
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }

  @Test func `a zone is preferred and failing over keeps the share`() throws {
    let sandbox = try Sandbox(blue: 2, green: 2)
    defer { sandbox.close() }
    let ports = sandbox.bluePorts + sandbox.greenPorts
    let apps = zip(["blue-a", "blue-b", "green-a", "green-b"], ports).map {
      sandbox.standIn($0, port: $1)
    }
    try sandbox.startNginx()
    try sandbox.writeConfig(
      plan: "stages: [{ weight: 30, soak: \"10m\" }, { weight: 100, soak: \"1s\" }], checks: []",
      nginx: "zone: \"b\",")
    var config = try #require(try Files.read("\(sandbox.folder)/canary.json5"))
    for (index, port) in ports.enumerated() {
      config = config.replacing(
        "127.0.0.1:\(port)\"", with: "127.0.0.1:\(port) zone=\(index % 2 == 0 ? "a" : "b")\"")
    }
    try Files.replace("\(sandbox.folder)/canary.json5", with: config)
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 0, "\(applied.text)")
    var client = Client(port: sandbox.port)
    defer { client.close() }
    func pools(_ count: Int) -> [String: Int] {
      var found: [String: Int] = [:]
      for _ in 0..<count {
        let answer = client.exchange()
        found[answer?.status == 200 ? answer?.pool ?? "?" : "failed", default: 0] += 1
      }
      return found
    }
    #expect(pools(50) == ["blue-b": 50])
    try promote(sandbox, to: 30)
    let count = 2000
    let error = (0.3 * 0.7 * Double(count)).squareRoot()
    func expectShare(_ found: [String: Int], _ blue: String, _ green: String) {
      #expect(Set(found.keys) == [blue, green], "\(found)")
      #expect(abs(Double(found[green] ?? 0) - 0.3 * Double(count)) <= 3.5 * error, "\(found)")
    }
    expectShare(pools(count), "blue-b", "green-b")
    // The near server of the canary dies: the far one takes its share, and stable takes none of it.
    apps[3].stop()
    expectShare(pools(count), "blue-b", "green-a")
    apps[1].stop()
    expectShare(pools(count), "blue-a", "green-a")
    #expect(try sandbox.canary("revert", "chat").code == 0)
    #expect(pools(50) == ["blue-a": 50])
  }

  @Test func `limits and previews change from stage to stage without a reload`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let stages: [(said: String, isLimited: Bool, letsIn: Bool)] = [
      ("weight: 10, limit: { rate: \"1r/m\", burst: 1 }, preview: false", true, false),
      ("weight: 30, limit: \"1000r/s\"", false, true),
      ("weight: 50, limit: { rate: \"2r/m\", burst: 1 }", true, true),
      ("weight: 60, preview: false", false, false),
      ("weight: 100, limit: { rate: \"1r/m\", burst: 1 }", true, true),
    ]
    let plan = stages.map { "{ \($0.said), soak: \"10m\" }" }.joined(separator: ", ")
    try sandbox.start(
      service:
        "preview: { cookie: { name: \"p\", value: \"Sec:ret\" } }, never: { from: [\"10.0.0.0/8\"] },",
      plan: "stages: [\(plan)], checks: []")
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    let first = try sandbox.reloads
    var client = Client(port: sandbox.port)
    defer { client.close() }
    for (index, stage) in stages.enumerated() {
      if index > 0 { #expect(try sandbox.canary("advance", "chat").code == 0) }
      try sandbox.waitForStage(index)
      let seen = (0..<200).map { _ in client.request() }
      // A burst of one, and a minute is long.
      #expect(seen.contains { $0.status == 429 } == stage.isLimited, "stage \(index + 1)")
      #expect((seen.count { $0.pool == "green" } <= 3) == stage.isLimited, "stage \(index + 1)")
      let testers = (0..<60).map { _ in client.exchange(headers: ["Cookie: p=Sec:ret"]) }
      #expect(
        testers.allSatisfy { $0?.pool != "blue" } == stage.letsIn, "testers of stage \(index + 1)")
    }
    #expect(try sandbox.reloads == first)
    #expect(try sandbox.canary("revert", "chat").code == 0)
    #expect(
      (0..<60).allSatisfy { _ in client.exchange(headers: ["Cookie: p=Sec:ret"])?.pool == "blue" })
  }

  @Test(arguments: [
    // A minute's worth may come at once; ten is a page with its files.
    ("\"100r/m\"", 101), ("\"3r/s\"", 11), ("{ rate: \"2r/m\", burst: 1 }", 2),
  ])
  func `a limit lets its minute's worth through at once`(limit: String, most: Int) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      plan: """
        stages: [{ weight: 50, limit: \(limit), soak: "10m" }, { weight: 100, soak: "1s" }], checks: []
        """)
    try promote(sandbox, to: 50)
    var client = Client(port: sandbox.port)
    defer { client.close() }
    let began = SystemClock.now
    let answers = (0..<300).compactMap { _ in client.exchange() }
    let through = answers.count { $0.status == 200 && $0.pool == "green" }
    // What the rate itself adds meanwhile: at most three in a second.
    let more = Int((SystemClock.now - began).seconds * 3) + 1
    #expect((most...most + more).contains(through), "\(limit): \(through)")
  }

  @Test func `a pool gets no more requests than it can take`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      plan: """
        stages: [{ weight: 50, limit: "20r/s", soak: "10m" }, { weight: 100, soak: "1s" }], checks: []
        """)
    try promote(sandbox, to: 50)
    var client = Client(port: sandbox.port)
    defer { client.close() }
    let began = SystemClock.now
    var found: [String: Int] = [:]
    for _ in 0..<1000 {
      let got = client.exchange()
      let answer = try #require(got)
      if answer.status == 429 {
        #expect(answer["retry-after"] == "1")
      } else {
        #expect(answer.status == 200 && answer["retry-after"] == nil)
      }
      found[answer.status == 429 ? "refused" : answer.pool, default: 0] += 1
    }
    let spent = (SystemClock.now - began).seconds
    // A burst of one second, and then the rate.
    #expect(Double(found["green"] ?? 0) <= 21 + 20 * spent + 1, "\(found) in \(spent) s")
    #expect((found["green"] ?? 0) >= 20 && (found["refused"] ?? 0) > 100, "\(found)")
    #expect((430...570).contains(found["blue"] ?? 0), "\(found)")
    // What Nginx refused was never tried, and is no fault of the canary.
    let status = try sandbox.canary("status", "chat").text
    #expect(status.contains("at most 20r/s"), "\(status)")
    #expect(try sandbox.canary("revert", "chat").code == 0)
    // A pool's own limit holds at rest, too.
    let config = try #require(try Files.read("\(sandbox.folder)/canary.json5"))
    try Files.replace(
      "\(sandbox.folder)/canary.json5",
      with: config.replacing("blue: { servers", with: "blue: { limit: \"10r/s\", servers"))
    #expect(try sandbox.canary("apply").code == 0)
    let answers = (0..<200).map { _ in client.exchange()?.status ?? 0 }
    #expect(answers.count { $0 == 200 } >= 10 && answers.count { $0 == 429 } > 50, "\(answers)")
  }
}
