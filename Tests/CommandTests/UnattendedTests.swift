import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// Rollouts that nobody watches: the real controller, real Nginx, real receivers, hooks and people.
@Suite(.blocking) struct UnattendedTests {
  private static let secret = "correct horse battery"

  /// One stage without and one with approvals, hooks that write down what they were told, and a signed webhook.
  private func start(_ sandbox: Sandbox, _ receiver: StandIn, window: String? = nil) throws {
    let told = "\(sandbox.folder)/told"
    let hook = { (name: String) in
      "{ run: [\"sh\", \"-c\", \"cat >> \(told); echo ran \(name)\"], timeout: \"10s\" }"
    }
    try Files.replace("\(sandbox.folder)/secret", with: Self.secret + "\n", mode: 0o600)
    try sandbox.start(
      service: """
        hooks: {
          before_rollout: [\(hook("open"))], before_stage: [\(hook("before"))], after_stage: [\(hook("after"))],
          after_promote: [\(hook("promoted"))], after_revert: [\(hook("reverted"))],
        },
        releases: { deny: ["*-dev*"], semver: true },
        \(window.map { "windows: [\($0)], zone: \"UTC\"," } ?? "")
        """,
      plan: """
        before: [{ name: "disk", command: ["true"] }],
        stages: [
          { weight: 30, soak: "1s" },
          { weight: 100, soak: "1s", approval: { by: ["user:nobody", "user:daemon", "user:root"], count: 2, within: "20m", starter: \(getuid() != 0) } },
        ],
        checks: [{ name: "health", probe: "/health", every: "300ms" }],
        """,
      top: """
        operators: "users",
        notify: {
          ops: { webhook: "http://127.0.0.1:\(receiver.port)/hook", secret: { file: "\(sandbox.folder)/secret" } },
          dead: { webhook: "http://127.0.0.1:\(Sockets.freePort())/", headers: { "X-Token": { file: "\(sandbox.folder)/secret" } } },
        },
        """)
  }

  private func events(_ sandbox: Sandbox) throws -> [String] {
    let text = try sandbox.canary("audit", "chat", "--json").text
    return text.split(separator: "\n").compactMap { line in
      line.contains("\"event\": ") ? String(line.split(separator: "\"")[3]) : nil
    }
  }

  private func told(_ sandbox: Sandbox) throws -> [String] {
    let text = try Files.read("\(sandbox.folder)/told") ?? ""
    return text.split(separator: "\n").map { line in
      let value = { (key: String) -> String in
        line.firstRange(of: "\"\(key)\":").map {
          String(line[$0.upperBound...].prefix { $0 != "," && $0 != "}" }.filter { $0 != "\"" })
        } ?? ""
      }
      return "\(value("hook")) \(value("stage"))"
    }
  }

  /// Runs the program as somebody else; only root can.
  private func approve(_ sandbox: Sandbox, as uid: Int) throws -> (code: Int32, text: String) {
    let ran = try Spawn.run(
      [
        "setpriv", "--reuid", "\(uid)", "--regid", "users", "--clear-groups", Sandbox.program,
        "approve", "chat", "--reason", "looks good", "--config", "\(sandbox.folder)/canary.json5",
      ], limit: .minutes(1))
    guard case .exit(let code) = ran.end else { throw SandboxError(ran.output) }
    return (code, ran.output)
  }

  private func field(_ body: String, _ key: String) -> String {
    body.firstRange(of: "\"\(key)\":").map {
      String(body[$0.upperBound...].prefix { $0 != "," && $0 != "}" }.filter { $0 != "\"" })
    } ?? ""
  }

  @Test func `a window of the reloaded config brings a rollout forward`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let day = CivilDay(number: Int(SystemClock.now.second / 86_400) + 30).text
    let far = "windows: [{ dates: \"\(day)\" }], zone: \"UTC\","
    let quick = "stages: [{ weight: 100, soak: \"200ms\" }], checks: []"
    try sandbox.start(service: far, plan: quick)
    let controller = try sandbox.launch("controller")
    try sandbox.wait("the controller") { controller.text.contains("driving 1 service") }
    let asked = try sandbox.canary("promote", "chat", "--in-window")
    #expect(asked.code == 0, "\(asked.text)")
    #expect(try sandbox.canary("schedule").text.contains(day))
    try sandbox.writeConfig(
      service: "windows: [{ from: \"00:00\", to: \"24:00\" }], zone: \"UTC\",", plan: quick)
    #expect(!(try sandbox.canary("schedule").text.contains(day)))
    kill(controller.pid, SIGHUP)
    try sandbox.wait("the promotion") { try sandbox.field("stable") == "green" }
  }

  @Test func `a plan that its windows stretch is told so`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      service: "windows: [{ days: \"tue\", from: \"01:00\", to: \"02:00\" }], zone: \"UTC\",",
      plan: """
        stages: [{ weight: 5, soak: "50m" }, { weight: 50, soak: "50m" }, { weight: 100, soak: "50m" }],
        checks: []
        """)
    let dry = try sandbox.canary("promote", "chat", "--dry-run", "--in-window").text
    let takes = "by its windows this plan takes 7 d, until Tue "
    #expect(dry.contains(takes) && dry.contains("1 stage must wait for another window"), "\(dry)")
  }

  @Test func `a rollout waits until it is quiet, and a revert does not`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let quiet = "\(sandbox.folder)/quiet"
    try sandbox.start(
      plan: """
        stages: [{ weight: 100, soak: "200ms" }], checks: [],
        before: [{ name: "load", command: ["test", "-e", "\(quiet)"], within: "6h", every: "300ms" }]
        """)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    let waits = "waiting until load passes, until "
    try sandbox.wait("the wait") { try sandbox.canary("status", "chat").text.contains(waits) }
    #expect(try sandbox.field("weight") == "0")
    let reverted = try sandbox.canary("revert", "chat")
    #expect(reverted.code == 0, "\(reverted.text)")
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.wait("the wait") { try sandbox.canary("status", "chat").text.contains(waits) }
    try Files.replace(quiet, with: "")
    try sandbox.wait("the promotion") { try sandbox.field("stable") == "green" }
    let history = try sandbox.canary("history", "chat", "--json").text
    #expect(history.contains("the check before the rollout passes"), "\(history)")
  }

  @Test func `a promote says what its service requires, and more`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let ticket = "\(sandbox.folder)/ticket"
    try sandbox.start(
      service: """
        require: ["reason", "meta.ticket"],
        hooks: { before_rollout: [{ run: ["sh", "-c", "echo $CANARY_META_TICKET > \(ticket)"] }] },
        """, plan: "stages: [{ weight: 100, soak: \"200ms\" }], checks: []")
    let refused = try sandbox.canary("promote", "chat", "--meta", "ticket=OPS-12")
    #expect(refused.code == 2 && refused.text.contains("requires --reason TEXT"), "\(refused.text)")
    for bad in ["ticket", "ticket=", "9=x"] {
      let wrong = try sandbox.canary("promote", "chat", "--reason", "why", "--meta", bad)
      #expect(wrong.code == 2 && wrong.text.contains("--meta "), "\(wrong.text)")
    }
    #expect(try sandbox.field("rollout") == "null")
    let promoted = try sandbox.canary(
      "promote", "chat", "--reason", "why", "--meta", "ticket=OPS-12", "--meta", "Commit=4f1c")
    #expect(promoted.code == 0, "\(promoted.text)")
    #expect(Files.contents(ticket) == "OPS-12\n")
    let history = try sandbox.canary("history", "chat").text
    #expect(history.contains("why: Commit=4f1c, ticket=OPS-12"), "\(history)")
    let json = try sandbox.canary("history", "chat", "--json").text
    #expect(json.contains("\"ticket\": \"OPS-12\""), "\(json)")
  }

  @Test(.long, .enabled(if: getuid() == 0, "approving as other people takes root"))
  func `a scheduled rollout goes through its window, its approvals, hooks and notices`()
    async throws
  {
    let sandbox = try Sandbox()
    let receiver = sandbox.standIn("receiver")
    defer { sandbox.close() }
    // It opens with the next minute that leaves time to be early, and its edge is an hour away.
    let opens = (SystemClock.now.second + 20) / 60 * 60 + 60
    let minute = opens / 60 % 1440
    let time = { (minute: Int64) in
      "\(Digits.two(Int(minute / 60 % 24))):\(Digits.two(Int(minute % 60)))"
    }
    try start(
      sandbox, receiver, window: "{ from: \"\(time(minute))\", to: \"\(time(minute + 60))\" }")

    let early = try sandbox.canary("promote", "chat", "--release", "v1.0.0")
    #expect(early.code == 5 && early.text.contains("the next opens at"), "\(early.text)")
    let dirty = try sandbox.canary("promote", "chat", "--release", "v1.0.0-dev.3", "--in-window")
    #expect(dirty.code == 2 && dirty.text.contains("*-dev*"), "\(dirty.text)")
    let controller = try sandbox.launch("controller")
    let scheduled = try sandbox.canary(
      "promote", "chat", "--release", "v1.0.0", "--in-window", "--reason", "as agreed")
    #expect(scheduled.code == 0, "\(scheduled.text)")
    #expect(try sandbox.status().contains("\"phase\": \"scheduled\""))
    #expect(try sandbox.canary("schedule").text.contains("a rollout to green (v1.0.0) begins"))

    try await BlockingTrait.stepAside(max(0, Double(opens - SystemClock.now.second)))
    try sandbox.wait("an approval is awaited", 120) {
      try sandbox.status().contains("\"phase\": \"awaiting_approval\"")
    }
    #expect(try sandbox.status().contains("\"weight\": 30"))
    let own = try sandbox.canary("approve", "chat")
    #expect(own.code == 2 && own.text.contains("who started"), "\(own.text)")
    let first = try approve(sandbox, as: 65534)
    #expect(first.code == 0 && first.text.contains("1 of 2 approvals"), "\(first.text)")
    let again = try approve(sandbox, as: 65534)
    #expect(again.code == 2 && again.text.contains("already"), "\(again.text)")
    let stranger = try approve(sandbox, as: 2)
    #expect(stranger.code == 2 && stranger.text.contains("may not approve"), "\(stranger.text)")
    let second = try approve(sandbox, as: 1)
    #expect(second.code == 0, "\(second.text)")
    try sandbox.wait("promoted", 60) {
      try sandbox.status().contains("\"phase\": \"promoted\"")
    }
    try sandbox.wait("the last hook", 20) { try told(sandbox).contains("after_promote ") }
    #expect(
      try told(sandbox) == [
        "before_rollout ", "before_stage 1", "after_stage 1", "before_stage 2", "after_stage 2",
        "after_promote ",
      ])

    try sandbox.wait("the entry of the last hook", 20) {
      try self.events(sandbox).count { $0 == "hook" } == 6
    }
    let events = try self.events(sandbox)
    for (event, count) in [
      ("scheduled", 1), ("started", 1), ("stage", 2), ("awaiting_approval", 1), ("approved", 2),
      ("promoted", 1), ("hook", 6), ("refused", 5), ("preflight", 1),
    ] {
      #expect(events.count { $0 == event } == count, "\(event) in \(events)")
    }
    try sandbox.wait("the notice of the promotion", 90) {
      receiver.posts.contains { field($0.body, "event") == "promoted" }
    }
    let posts = receiver.posts
    let usual = HistoryEvent.usual.map(\.rawValue)
    let wanted = events.filter { usual.contains($0) && $0 != "notice_failed" }
    #expect(
      posts.map { field($0.body, "event") }.filter { $0 != "notice_failed" } == wanted,
      "\(posts.map { field($0.body, "event") })")
    #expect(Set(posts.map { field($0.body, "id") }).count == posts.count)
    for post in posts {
      let signature = "sha256=" + Digest.hex(Digest.hmac(post.body, key: Self.secret))
      #expect(post.head.contains("X-Canary-Signature: \(signature)"))
    }
    let whole = try sandbox.canary("audit")
    #expect(whole.code == 0 && whole.text.contains("is whole"), "\(whole.text)")
    #expect(whole.text.contains("as agreed") && whole.text.contains("looks good"))
    // The receiver that is dead was told of once, and no secret is anywhere.
    #expect(whole.text.split(separator: "\n").count { $0.contains("notice_failed") } == 1)
    for text in [whole.text, controller.text, try sandbox.status()] {
      #expect(!text.contains(Self.secret))
    }
  }

  @Test(arguments: 0..<3)
  func `a controller killed again and again comes to the same end and does nothing twice`(
    lane: Int
  ) throws {
    try Campaign.current.rounds(1, lane: lane, of: 3) { try expectOneEnd($0) }
  }

  private func expectOneEnd(_ round: Campaign.Round) throws {
    let sandbox = try Sandbox()
    let receiver = sandbox.standIn("receiver")
    defer { sandbox.close() }
    try start(sandbox, receiver)
    let scheduled = try sandbox.canary(
      "promote", "chat", "--release", "v2.0.0", "--at",
      (SystemClock.now + .seconds(2)).iso8601)
    #expect(scheduled.code == 0, "\(round): \(scheduled.text)")
    var dice = round.dice
    var approved: Set<Int> = []
    var kills = 0
    try sandbox.wait("promoted", 150) {
      let controller = try sandbox.launch("controller")
      // Later on it lives longer, so that it comes to an end on any machine.
      usleep(UInt32(200_000 + dice.below(600_000 + kills * 200_000)))
      // People ask the controller, so it lives while they do.
      if try sandbox.status().contains("awaiting_approval") {
        if getuid() == 0 {
          let uid = approved.isEmpty ? 65534 : 1
          if try approve(sandbox, as: uid).code == 0 { approved.insert(uid) }
        } else if approved.isEmpty, try sandbox.canary("approve", "chat").code == 0 {
          approved.insert(0)
        }
      }
      controller.signal(SIGKILL)
      kills += 1
      return try sandbox.status().contains("\"phase\": \"promoted\"")
    }
    let last = try sandbox.launch("controller")
    try sandbox.wait("the last hook", 30) { try told(sandbox).contains("after_promote ") }
    #expect(
      try told(sandbox) == [
        "before_rollout ", "before_stage 1", "after_stage 1", "before_stage 2", "after_stage 2",
        "after_promote ",
      ], "\(round): after \(kills) kills")
    let events = try self.events(sandbox)
    for event in ["scheduled", "started", "awaiting_approval", "promoted"] {
      #expect(events.count { $0 == event } == 1, "\(round): \(event) in \(events)")
    }
    try sandbox.wait("the notice of the promotion", 90) {
      receiver.posts.contains { field($0.body, "event") == "promoted" }
    }
    // The same entry may come once more when a kill meets the moment after it was sent; another never does.
    let ids = receiver.posts.map { field($0.body, "id") }
    #expect(ids == ids.sorted { Int($0) ?? 0 < Int($1) ?? 0 }, "\(round): \(ids)")
    #expect(ids.count - Set(ids).count <= 1, "\(round): \(ids)")
    let usual = HistoryEvent.usual.map(\.rawValue)
    let wanted = events.filter { usual.contains($0) && $0 != "notice_failed" }
    #expect(Set(receiver.posts.map { field($0.body, "event") }).isSuperset(of: wanted), "\(round)")
    #expect(try sandbox.canary("audit").code == 0, "\(round)")
    last.stop()
  }
}
