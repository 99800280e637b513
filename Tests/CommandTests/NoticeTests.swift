import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// What receivers of notices get, each in the form that it understands.
@Suite(.blocking) struct NoticeTests {
  /// HMAC-SHA-256 in base64 by somebody else.
  private func openssl(_ text: String, key: String) throws -> String {
    let ran = try Spawn.run(
      [
        "sh", "-c",
        "printf '%s' \"$TEXT\" | openssl dgst -sha256 -mac HMAC -macopt hexkey:$(printf '%s' \"$KEY\" | od -An -tx1 | tr -d ' \\n') -binary | base64 -w0",
      ], limit: .seconds(20), environment: ["TEXT": text, "KEY": key])
    return ran.output
  }

  private func field(_ body: String, _ key: String) -> String {
    body.firstRange(of: "\"\(key)\":").map {
      String(body[$0.upperBound...].prefix { $0 != "," && $0 != "}" }.filter { $0 != "\"" })
    } ?? ""
  }

  @Test func `no line of a mail is longer than a mail may have`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let mails = "\(sandbox.folder)/mails"
    let many = (0..<60).map { "\"person-\($0)-of-the-team@example.com\"" }.joined(separator: ", ")
    try sandbox.start(
      top: "notify: { a: { mail: [\(many)], sendmail: [\"sh\", \"-c\", \"cat >> \(mails)\"] } },")
    let controller = try sandbox.launch("controller")
    try sandbox.wait("the controller") { controller.text.contains("driving 1 service") }
    usleep(500_000)
    let reason = String(repeating: "周末", count: 80)
    let frozen = try sandbox.canary("freeze", "chat", "--reason", reason)
    #expect(frozen.code == 0, "\(frozen.text)")
    try sandbox.wait("the mail") { Files.contents(mails)?.contains("base64") == true }
    let mail = try #require(Files.contents(mails))
    #expect(mail.split(separator: "\n").allSatisfy { $0.utf8.count <= 400 }, "\(mail)")
    let script = """
      import email, sys
      mail = email.message_from_file(open(sys.argv[1]))
      print(len(mail["To"].split(",")), mail.get_payload(decode=True).decode())
      """
    let read = try Spawn.run(["python3", "-c", script, mails], limit: .seconds(20)).output
    #expect(read.hasPrefix("60 chat: frozen") && read.contains(reason), "\(read)")
  }

  @Test func `who is told knows the release, the harm and what to type, in its language`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let told = { (name: String) in "\(sandbox.folder)/told.\(name)" }
    let keep = { (name: String) in
      "[\"sh\", \"-c\", \"{ env | grep ^CANARY_; echo; cat; } >> \(told(name))\"], events: [\"reverted\"]"
    }
    try sandbox.start(
      plan: """
        stages: [{ weight: 50, soak: "30s" }, { weight: 100, soak: "1s" }],
        checks: [{ name: "errors", metric: "error_rate", max: "5%", min_requests: 5, every: "200ms" }]
        """,
      top:
        "notify: { a: { command: \(keep("en")) }, b: { command: \(keep("zh")), language: \"zh\" } },"
    )
    let load = Load(port: sandbox.port, clients: 2, pause: .seconds(0.02))
    defer { _ = load.stop() }
    try sandbox.set("green.dead")
    #expect(try sandbox.canary("promote", "chat", "--release", "v1.3.0 <!channel>").code == 3)
    for name in ["en", "zh"] {
      try sandbox.wait("the notice in \(name)") {
        Files.contents(told(name))?.contains("}") == true
      }
    }
    let english = try #require(Files.contents(told("en")))
    for words in [
      "CANARY_EVENT=reverted\n", "CANARY_RELEASE=v1.3.0 <!channel>\n", "CANARY_FROM=blue\n",
      "CANARY_TO=green\n", "CANARY_ROLLOUT=1\n", "CANARY_HARM=no user saw a failure (",
      "CANARY_NEXT=fix v1.3.0 <!channel>, then promote again; what happened: canary report chat 1\n",
      "\"release\":\"v1.3.0 <!channel>\"", "\"from\":\"blue\"", "\"to\":\"green\"",
      "\"harm\":\"no user saw a failure", "\"next\":\"fix v1.3.0", "chat (rollout 1): REVERTED",
      "blue → green; no user saw a failure",
    ] { #expect(english.contains(words), "\(words) in \(english)") }
    let chinese = try #require(Files.contents(told("zh")))
    for words in [
      "CANARY_TEXT=chat（发布 1）：已回滚", "检查 errors 失败：", "没有用户看到失败（",
      "下一步：修复 v1.3.0 <!channel> 后重新发布；经过：canary report chat 1",
    ] { #expect(chinese.contains(words), "\(words) in \(chinese)") }
    try sandbox.writeConfig(top: "notify: { a: { mail: [\"a@b\"], language: \"de\" } },")
    let wrong = try sandbox.canary("check").text
    #expect(wrong.contains("language must be \"en\" or \"zh\""), "\(wrong)")
  }

  @Test func `a collector of traces gets a rollout with its stages, whole and once`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let collector = sandbox.standIn("collector")
    collector.set(body: "{\"partialSuccess\":{}}")
    try sandbox.start(
      plan: """
        stages: [{ weight: 50, soak: "300ms" }, { weight: 100, soak: "30s" }],
        checks: [{ name: "up", probe: "/health", every: "100ms" }]
        """, top: "notify: { traces: { otlp: \"http://127.0.0.1:\(collector.port)\" } },")
    let promote = try sandbox.launch("promote", "chat", "--release", "v2")
    try sandbox.waitForStage(1)
    try sandbox.set("green.sick")
    #expect(promote.wait() == 3, "\(promote.text)")
    try sandbox.wait("the trace") {
      collector.posts.contains { $0.head.hasPrefix("POST /v1/traces ") }
    }
    let bodies = collector.posts.compactMap { JSONAnswer.parse($0.body) }
    #expect(bodies.count == 1)
    let spans = "/resourceSpans/0/scopeSpans/0/spans"
    let root = try #require(bodies.first)
    let at = { (pointer: String) in JSONAnswer.at(spans + pointer, in: root) }
    #expect(at("/0/name") == .text("rollout chat") && at("/0/parentSpanId") == .text(""))
    #expect(at("/1/name") == .text("stage 50%") && at("/2/name") == .text("stage 100%"))
    #expect(at("/3") == nil)
    #expect(at("/1/parentSpanId") == at("/0/spanId") && at("/1/traceId") == at("/0/traceId"))
    #expect(at("/0/status/code") == .number(2) && at("/1/status/code") == .number(1))
    guard case .text(let trace)? = at("/0/traceId"), case .text(let id)? = at("/2/spanId"),
      case .text(let start)? = at("/1/startTimeUnixNano"),
      case .text(let end)? = at("/1/endTimeUnixNano")
    else {
      Issue.record("\(root.shown)")
      return
    }
    #expect(trace.count == 32 && id.count == 16 && trace.allSatisfy(\.isHexDigit))
    #expect(Int64(start) ?? 0 > 1_700_000_000_000_000_000 && Int64(end) ?? 0 > Int64(start) ?? 0)
    #expect(
      collector.posts[0].body.contains("\"canary.release\",\"value\":{\"stringValue\":\"v2\"}"))
  }

  @Test func `robots, mails and programs get a notice in their own form, signed`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let robots = ["slack", "wecom", "dingtalk", "feishu"].map { sandbox.standIn($0) }
    robots[1].set(body: "{\"errcode\":0,\"errmsg\":\"ok\"}")
    robots[2].set(body: "{\"errcode\":0,\"errmsg\":\"ok\"}")
    robots[3].set(body: "{\"code\":0,\"msg\":\"success\"}")
    for robot in robots {
      try Files.replace(
        "\(sandbox.folder)/\(robot.name).url",
        with: "http://127.0.0.1:\(robot.port)/robot?key=s3cret-\(robot.name)\n", mode: 0o600)
    }
    try Files.replace("\(sandbox.folder)/secret", with: "SEC-s3cret", mode: 0o600)
    let url = { (name: String) in "\(name): { file: \"\(sandbox.folder)/\(name).url\" }" }
    let secret = "secret: { file: \"\(sandbox.folder)/secret\" }"
    let keep = { (name: String) in
      "[\"sh\", \"-c\", \"cat >> \(sandbox.folder)/\(name); echo >> \(sandbox.folder)/\(name)\"]"
    }
    try sandbox.start(
      top: """
        notify: {
          a: { \(url("slack")) }, b: { \(url("wecom")) }, c: { \(url("dingtalk")), \(secret) }, d: { \(url("feishu")), \(secret) },
          e: { mail: ["ops@example.com", "li@example.com"], from: "canary@example.com", sendmail: \(keep("mails")) },
          f: { command: \(keep("lines")), events: ["frozen"] },
        },
        """)
    let controller = try sandbox.launch("controller")
    try sandbox.wait("the controller") { controller.text.contains("driving 1 service") }
    usleep(500_000)
    #expect(try sandbox.canary("freeze", "chat", "--reason", "the \"week's\" end, 周末").code == 0)
    #expect(try sandbox.canary("thaw", "chat").code == 0)
    for robot in robots {
      try sandbox.wait("two notices of \(robot.name)", 30) { robot.posts.count == 2 }
      #expect(
        robot.posts[0].body.contains("周末") && robot.posts[0].body.contains("\\\"week's\\\" end"))
      #expect(robot.posts[0].body.contains("chat: frozen by "), "\(robot.posts[0].body)")
    }
    #expect(robots[0].posts[0].body.hasPrefix("{\"text\":"))
    #expect(robots[1].posts[0].body.hasPrefix("{\"msgtype\":\"text\",\"text\":{\"content\":"))
    // DingTalk: the time and the secret, signed with the secret, in the address.
    let head = robots[2].posts[0].head
    let query = head.split(separator: " ")[1].split(separator: "?").last.map(String.init) ?? ""
    let parts = Dictionary(
      query.split(separator: "&").compactMap { part -> (String, String)? in
        let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
        return pair.count == 2 ? (pair[0], pair[1]) : nil
      }, uniquingKeysWith: { first, _ in first })
    let time = try #require(parts["timestamp"])
    let sign = parts["sign"]?.replacing("%2B", with: "+").replacing("%2F", with: "/").replacing(
      "%3D", with: "=")
    #expect(try sign == openssl("\(time)\nSEC-s3cret", key: "SEC-s3cret"))
    // Feishu: nothing, signed with the time and the secret, in the body.
    let body = robots[3].posts[0].body
    #expect(try field(body, "sign") == openssl("", key: "\(field(body, "timestamp"))\nSEC-s3cret"))
    let mails = try #require(try Files.read("\(sandbox.folder)/mails"))
    #expect(
      mails.contains(
        "To: ops@example.com, li@example.com\nFrom: canary@example.com\nSubject: [canary] chat: frozen\n"
      ), "\(mails)")
    let lines = try #require(try Files.read("\(sandbox.folder)/lines")).split(separator: "\n")
    #expect(lines.count == 1 && field(String(lines[0]), "event") == "frozen", "\(lines)")
    // What would call a whole room, and what nobody sees.
    let hostile =
      "<!channel> <at user_id=\"all\">x</at> <@all> @everyone app@sha256:1 a\u{2028}b\u{200B}c\u{61C}"
    #expect(try sandbox.canary("freeze", "chat", "--reason", hostile).code == 0)
    for robot in robots {
      try sandbox.wait("a third notice of \(robot.name)", 30) { robot.posts.count == 3 }
      let body = robot.posts[2].body
      for call in ["<!channel", "<at ", "<@", " @everyone"] {
        #expect(!body.contains(call), "\(robot.name): \(body)")
      }
      #expect(body.contains("app@sha256:1 a bc"), "\(robot.name): \(body)")
    }
    let everything = try sandbox.canary("audit").text + controller.text
    #expect(!everything.contains("s3cret"), "\(everything)")
    #expect(everything.contains("app@sha256:1 a bc"), "\(everything)")
  }

  @Test func `a receiver that refuses is told of once and gets everything later, in order`() throws
  {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let robot = sandbox.standIn("wecom")
    robot.set(body: "{\"errcode\":45009,\"errmsg\":\"reach max api daily quota limit\"}")
    try Files.replace(
      "\(sandbox.folder)/url", with: "http://127.0.0.1:\(robot.port)/?key=s3cret-key", mode: 0o600)
    try sandbox.start(top: "notify: { team: { wecom: { file: \"\(sandbox.folder)/url\" } } },")
    let controller = try sandbox.launch("controller")
    try sandbox.wait("the controller") { controller.text.contains("driving 1 service") }
    usleep(500_000)
    #expect(try sandbox.canary("freeze", "chat", "--reason", "one").code == 0)
    #expect(try sandbox.canary("thaw", "chat").code == 0)
    try sandbox.wait("the second try", 30) { robot.posts.count >= 2 }
    #expect(controller.text.split(separator: "\n").count { $0.contains("team: refused it") } == 1)
    robot.set(body: "{\"errcode\":0}")
    try sandbox.wait("the second notice", 60) { robot.posts.last?.body.contains("thawed") == true }
    let told = try sandbox.canary("audit").text
    #expect(told.split(separator: "\n").count { $0.contains("notice_failed") } == 1, "\(told)")
    #expect(told.contains("reach max api") && !told.contains("s3cret"))
    #expect(robot.posts.dropLast().allSatisfy { $0.body.contains("frozen") })
    // A secret that others may read is not used.
    try Files.replace("\(sandbox.folder)/url", with: "http://127.0.0.1:1/", mode: 0o644)
    #expect(try sandbox.canary("freeze", "chat", "--reason", "two").code == 0)
    try sandbox.wait("the refusal", 30) { controller.text.contains("chmod 600") }
  }

  @Test func `systemd is told that it is ready, that it lives and that it stops`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start()
    let socket = "\(sandbox.folder)/notify"
    let listener = try Child(
      [
        "python3", "-c",
        """
        import socket, sys
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.bind(sys.argv[1])
        while True:
            print(s.recv(4096).decode().replace("\\n", " | "), flush=True)
        """, socket,
      ], output: "\(sandbox.folder)/notified")
    defer { listener.stop() }
    try sandbox.wait("the socket") { Files.exists(socket) }
    let controller = try sandbox.launch("controller", before: ["env", "NOTIFY_SOCKET=\(socket)"])
    try sandbox.wait("ready") { listener.text.contains("READY=1") }
    try sandbox.wait("signs of life") {
      listener.text.contains("WATCHDOG=1 | STATUS=watching of 1 service")
    }
    controller.signal(SIGHUP)
    try sandbox.wait("reloading") { listener.text.contains("RELOADING=1 | MONOTONIC_USEC=") }
    controller.signal(SIGTERM)
    #expect(controller.wait() == 0)
    try sandbox.wait("stopping") { listener.text.contains("STOPPING=1") }
  }

  @Test func `a dry run tells times, hooks, sources and every file, and a check what to do`() throws
  {
    let monitoring = try Monitoring()
    let sandbox = try Sandbox()
    defer {
      sandbox.close()
      monitoring.close()
    }
    try monitoring.startFront()
    try Files.replace("\(sandbox.folder)/artefact", with: "x")
    let tls = { (name: String, port: Int) in
      "{ name: \"\(name)\", certificate: \"127.0.0.1:\(port)\", endpoint: \"tls\", min: \"1h\" }"
    }
    let plan = """
      before: [
        \(tls("good", monitoring.tls)), \(tls("old", monitoring.expired)),
        { name: "file", checksum: "\(sandbox.folder)/artefact", sha256: "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881" },
        { name: "other", checksum: "\(sandbox.folder)/artefact", sha256: "0000000000000000000000000000000000000000000000000000000000000000" },
      ],
      stages: [{ weight: 5, soak: "40m" }, { weight: 100, soak: "5m", approval: { count: 2 } }], checks: [],
      """
    let top = "endpoints: { tls: { ca: \"\(monitoring.path("ca.pem"))\" } },"
    try sandbox.start(
      service:
        "zone: \"Asia/Shanghai\", windows: [{ from: \"01:00\", to: \"01:30\" }], hooks: { before_stage: [{ run: [\"true\", \"up\"] }] },",
      plan: plan, top: top)
    let dry = try sandbox.canary(
      "promote", "chat", "--dry-run", "--diff", "--at", "2031-03-04 01:10")
    #expect(dry.code == 0, "\(dry.text)")
    for words in [
      "stage 1: 5%: Tue 2031-03-04 01:10 Asia/Shanghai to Tue 2031-03-04 01:50 Asia/Shanghai at the earliest",
      "stage 2: 100%: Wed 2031-03-05 01:00 Asia/Shanghai", "(it waits for its window)",
      "needs 2 approvals",
      "then green is stable, Wed 2031-03-05 01:05", "hook before_stage: true up",
      "✓ check good before the rollout",
      "✗ check old before the rollout", "+++ \(sandbox.folder)/canary/chat.conf (stage 1)",
      "(promoted)",
    ] {
      #expect(dry.text.contains(words), "\(words) in \(dry.text)")
    }
    #expect(try sandbox.canary("history", "chat").text == "no rollout yet\n")
    let checked = try sandbox.canary("check", "chat")
    #expect(checked.code == 1, "\(checked.text)")
    #expect(checked.text.contains("✓ chat: before a rollout: good:"), "\(checked.text)")
    #expect(
      checked.text.contains("✓ chat: before a rollout: file: as it should be"), "\(checked.text)")
    #expect(
      checked.text.contains("✗ chat: before a rollout: old:")
        && checked.text.contains("Renew the certificate"))
    #expect(
      checked.text.contains("✗ chat: before a rollout: other:")
        && checked.text.contains("or correct sha256"))
    // The rollout itself shows the same table, and ends before its first stage.
    try sandbox.writeConfig(plan: plan, top: top)
    let refused = try sandbox.canary("promote", "chat", "--verbose")
    #expect(refused.code == 3, "\(refused.text)")
    for row in ["  ✓ good: ", "  ✗ old: ", "  ✓ file: as it should be\n", "  ✗ other: "] {
      #expect(refused.text.contains(row), "\(row) in \(refused.text)")
    }
    #expect(refused.text.contains("before the rollout: "), "\(refused.text)")
  }
}
