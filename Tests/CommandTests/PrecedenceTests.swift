import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// Which rule decides, and that nobody gets past it.
@Suite(.blocking) struct PrecedenceTests {
  /// One request of the truth table.
  private struct Case {
    var header: String?
    var cookie: String?
    var from: String?
    var tag: String?
    var key: String

    var lines: [String] {
      [
        header.map { "X-Preview: \($0)" }, from.map { "X-Forwarded-For: \($0)" },
        tag.map { "X-User-Tag: \($0)" },
        "Cookie: sid=\(key)" + (cookie.map { "; pv=\($0)" } ?? ""),
      ].compactMap(\.self)
    }

    /// The documented order, written out once more by hand.
    func expected(_ weight: Double, drawn: Bool, braked: Bool) -> String {
      if braked { return "blue" }
      if header == "S3cret" { return "green" }
      if header == "never" { return "blue" }
      if cookie == "S3cret" { return "green" }
      if cookie == "never" { return "blue" }
      if from == "203.0.113.9" { return "blue" }
      if tag == "beta" || from == "192.0.2.9" { return "green" }
      return weight == 100 || (weight > 0 && drawn) ? "green" : "blue"
    }
  }

  private static let rules = """
    sticky: "cookie:sid",
    preview: [{ header: { name: "X-Preview", value: "S3cret" }, cookie: { name: "pv", value: "S3cret" },
      from: ["192.0.2.0/24"] }, { header: { name: "X-User-Tag", values: ["beta", "st.ff"] } }],
    never: { from: ["203.0.113.0/24"] },
    """

  private static let threeStages = """
    stages: [{ weight: 0, preview: true, soak: "10m" }, { weight: 30, soak: "10m" },
      { weight: 100, soak: "10m" }], checks: []
    """

  @Test func `every combination goes where the documented order says`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(service: Self.rules, plan: Self.threeStages)
    let driver = try sandbox.launch("promote", "chat")
    var client = Client(port: sandbox.port)
    defer { client.close() }
    var seen = 0
    for (stage, weight) in [0.0, 30, 100].enumerated() {
      try sandbox.waitForStage(stage)
      try sandbox.wait("weight") { try sandbox.field("weight") == "\(Int(weight))" }
      let file = try #require(try Files.read("\(sandbox.folder)/canary/chat.conf"))
      let salt = try #require(GeneratedHeader(file)?.routing?.audience?.salt)
      let share = try #require(Weight(percent: 30))
      let keys = (0..<100).map { "k\($0)" }
      let isIn = try #require(keys.first { Draw.isIn("\(salt):\($0)", share) })
      let isOut = try #require(keys.first { !Draw.isIn("\(salt):\($0)", share) })
      // A driver that stands still does not take a brake put on by hand for a revert.
      driver.signal(SIGSTOP)
      let set = "\(sandbox.folder)/run/seats/chat/blue.green/now"
      for braked in [false, true] {
        if braked { rename(set, "\(set).aside") }
        for header in [nil, "S3cret", "s3cret", "S3cret2", "never"] {
          for cookie in [nil, "S3cret", "no", "never"] {
            for from in [nil, "192.0.2.9", "203.0.113.9"] {
              for tag in [nil, "beta", "Beta", "stuff"] {
                for key in [isIn, isOut] {
                  let one = Case(header: header, cookie: cookie, from: from, tag: tag, key: key)
                  let answer = client.exchange(headers: one.lines)
                  let expected = one.expected(weight, drawn: key == isIn, braked: braked)
                  #expect(answer?.pool == expected, "weight \(weight), brake \(braked): \(one)")
                  // Neither secret reaches a pool, nor the cookie that might hold one.
                  let saw = answer?["x-saw"] ?? ""
                  #expect(saw.hasPrefix("|sid=\(key)") && !saw.contains("pv="), "\(saw)")
                  seen += 1
                }
              }
            }
          }
        }
        if braked { rename("\(set).aside", set) }
      }
      driver.signal(SIGCONT)
      if stage < 2 { #expect(try sandbox.canary("advance", "chat").code == 0) }
    }
    #expect(seen == 3 * 2 * 5 * 4 * 3 * 4 * 2)
    let told = try sandbox.canary(
      "route", "chat", "--header", "X-Forwarded-For: 203.0.113.9", "--cookie", "sid=x")
    #expect(told.text.contains("blue (stable): its address is in `never`"), "\(told.text)")
    let wrong = try sandbox.canary("route", "chat", "--header", "x", "--cookie", "y", "--from", "z")
    #expect(wrong.code == 2 && wrong.text.contains("--from must be an address"), "\(wrong.text)")
    #expect(wrong.text.contains("--header must be") && wrong.text.contains("--cookie must be"))
    #expect(try sandbox.canary("revert", "chat").code == 0)
    #expect(driver.wait() == 4)
    for path in ["logs/canary-chat.log", "error.log"] {
      let text = try #require(try Files.read("\(sandbox.folder)/\(path)", limit: 64 << 20))
      #expect(!text.contains("S3cret"), "\(path) holds the secret")
    }
  }

  @Test func `in a stage for testers nobody else is retried on the canary`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(service: Self.rules, plan: Self.threeStages)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    var client = Client(port: sandbox.port)
    defer { client.close() }
    try sandbox.wait("testers") {
      client.exchange(headers: ["X-Preview: S3cret"])?.pool == "green"
    }
    try sandbox.set("blue.dead")
    for headers in [[], ["X-Forwarded-For: 203.0.113.9"]] {
      let answer = client.exchange(headers: headers)
      #expect(answer?.status == 503 && answer?.pool == "blue", "\(headers)")
    }
    try sandbox.set("blue.dead", false)
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }

  @Test func `nobody gets where they do not belong by a forged request`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      service: Self.rules.replacing("192.0.2.0/24\"", with: "192.0.2.0/24\", \"2001:db8::/32\"")
        + "trusted: [\"127.0.0.1\", \"10.0.0.0/8\"],",
      plan: Self.threeStages)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    try sandbox.wait("testers") {
      var client = Client(port: sandbox.port)
      defer { client.close() }
      return client.exchange(headers: ["X-Preview: S3cret"])?.pool == "green"
    }
    let mark = Files.size(of: "\(sandbox.folder)/error.log") ?? 0
    let long = String(repeating: "x", count: 8 << 10)
    let cases: [([String], String)] = [
      // Forged secrets: guessed, padded, in other letters, in the wrong place.
      (["X-Preview: S3cre"], "blue"), (["X-Preview: S3cret, S3cret"], "blue"),
      (["X-Preview: \"S3cret\""], "blue"), (["X-Preview: $http_host"], "blue"),
      (["X-Preview: .*"], "blue"), (["X-Preview:"], "blue"), (["X_Preview: S3cret"], "blue"),
      (["Cookie: pv=S3cre"], "blue"), (["Cookie: xpv=S3cret"], "blue"),
      (["Cookie: pv=x; pv=S3cret"], "blue"), (["Cookie: pv="], "blue"), (["Cookie:"], "blue"),
      (["Cookie: sid=pv=S3cret"], "blue"), (["Cookie: pv=S3cretS3cret"], "blue"),
      // Twice: the first one counts, and never more than one.
      (["X-Preview: no", "X-Preview: S3cret"], "blue"),
      (["Cookie: pv=no", "Cookie: pv=S3cret"], "blue"),
      // What is no ASCII.
      (["X-Preview: S3crét"], "blue"), (["X-User-Tag: bêta"], "blue"),
      (["Cookie: pv=S3cr\u{200b}et"], "blue"),
      // A list of addresses that a client made up: only what stands behind the last trusted one counts.
      (["X-Forwarded-For: 192.0.2.9, 198.51.100.1"], "blue"),
      (["X-Forwarded-For: 192.0.2.9, rubbish"], "blue"), (["X-Forwarded-For: , ,"], "blue"),
      (["X-Forwarded-For: 198.51.100.1, 192.0.2.9"], "green"),
      (["X-Forwarded-For: 192.0.2.9, 10.1.1.1"], "green"),
      // IPv4 inside IPv6 is IPv4, in both lists.
      (["X-Forwarded-For: ::ffff:192.0.2.9"], "green"),
      (["X-Forwarded-For: ::ffff:203.0.113.9", "X-User-Tag: beta"], "blue"),
      (["X-Forwarded-For: 2001:db8::1"], "green"), (["X-Forwarded-For: 2001:db9::1"], "blue"),
      // A dot in a value is a dot.
      (["X-User-Tag: stuff"], "blue"), (["X-User-Tag: st.ff"], "green"),
      (["X-User-Tag: beta|x"], "blue"),
      (["Cookie: a=\(long.prefix(3000)); pv=S3cret"], "green"),
    ]
    for (headers, pool) in cases {
      var client = Client(port: sandbox.port)
      let answer = client.exchange(headers: headers)
      client.close()
      #expect(answer?.status == 200 && answer?.pool == pool, "\(headers): \(answer?.pool ?? "-")")
      #expect(answer?["x-saw"]?.contains("S3cret") != true || pool == "blue", "\(headers)")
    }
    var client = Client(port: sandbox.port)
    // Larger than Nginx takes: it refuses, and no pool sees it.
    #expect(client.exchange(headers: ["Cookie: pv=\(long)"])?.status == 400)
    client.close()
    // From an address that is not trusted, neither list nor tag is believed.
    for header in ["X-Forwarded-For: 192.0.2.9", "X-User-Tag: beta"] {
      let ran = try Spawn.run(
        [
          "curl", "-s", "--interface", "127.0.0.5", "-H", header,
          "http://127.0.0.1:\(sandbox.port)/",
        ], limit: .seconds(10))
      #expect(ran.output == "blue\n", "\(header): \(ran.output)")
    }
    let noise = try #require(try Files.read("\(sandbox.folder)/error.log", limit: 8 << 20)).utf8
      .dropFirst(mark)
    let lines = String(decoding: noise, as: UTF8.self).split(separator: "\n").filter {
      !$0.contains("[notice]") && !$0.contains("[info]")
    }
    #expect(lines.isEmpty, "\(lines)")
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }

  @Test func `a secret is read where it is kept and never stands in the way of a revert`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let secret = "\(sandbox.folder)/preview"
    try sandbox.start(
      service: "preview: { header: { name: \"X-Preview\", value: { file: \"\(secret)\" } } },",
      plan: Self.threeStages)
    let missing = try sandbox.canary("promote", "chat")
    #expect(missing.code == 1, "\(missing.text)")
    #expect(
      missing.text.contains("the secret of a preview: \(secret) cannot be read"), "\(missing.text)")
    #expect(try sandbox.field("phase") == "reverted")
    try Files.replace(secret, with: "kept apart\n")
    chmod(secret, 0o644)
    let open = try sandbox.canary("promote", "chat")
    #expect(open.code == 1 && open.text.contains("chmod 600"), "\(open.text)")
    chmod(secret, 0o600)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    var client = Client(port: sandbox.port)
    defer { client.close() }
    try sandbox.wait("testers") {
      client.exchange(headers: ["X-Preview: kept apart"])?.pool == "green"
    }
    try Files.remove(secret)
    let reverted = try sandbox.canary("revert", "chat")
    #expect(reverted.code == 0, "\(reverted.text)")
    let after = client.exchange(headers: ["X-Preview: kept apart"])
    #expect(after?.pool == "blue" && after?["x-saw"] == "||")
  }

  @Test func `testers are not left with a canary that nobody drives`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(service: Self.rules, plan: Self.threeStages)
    let driver = try sandbox.launch("promote", "chat")
    var client = Client(port: sandbox.port)
    defer { client.close() }
    let secret = "X-Preview: S3cret"
    try sandbox.wait("testers") { client.exchange(headers: [secret])?.pool == "green" }
    driver.signal(SIGKILL)
    _ = driver.wait()
    // The canary has no weight, and yet somebody meets it: the brake is theirs too.
    try sandbox.wait("the brake", 5) { sandbox.isBraked }
    let braked = client.exchange(headers: [secret])
    #expect(braked?.pool == "blue")
    let reverted = try sandbox.canary("revert", "chat")
    #expect(reverted.code == 0, "\(reverted.text)")
    let after = client.exchange(headers: [secret])
    #expect(after?.pool == "blue" && !sandbox.isBraked)
  }
}
