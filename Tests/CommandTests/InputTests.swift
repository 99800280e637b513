import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// The fifth promise: bad input gets a clear error with the right status, and nothing is touched.
@Suite(.blocking) struct InputTests {
  /// The bytes of everything that a refused command must leave alone.
  private func traces(_ sandbox: Sandbox) throws -> String {
    let ran = try Spawn.run(
      [
        "sh", "-c",
        "cd \(sandbox.folder) && find canary run -type f ! -name '*.lock' ! -name '*.drive' | sort | xargs -r cksum",
      ],
      limit: .seconds(10))
    return ran.output
  }

  private func expect(
    _ sandbox: Sandbox, _ words: [String], code: Int32, says texts: String...,
    location: SourceLocation = #_sourceLocation
  ) throws {
    let before = try traces(sandbox)
    let ran = try sandbox.canary(words)
    #expect(ran.code == code, "\(ran.text)", sourceLocation: location)
    for text in texts { #expect(ran.text.contains(text), "\(ran.text)", sourceLocation: location) }
    #expect(!ran.text.contains("Fatal error"), sourceLocation: location)
    #expect(try traces(sandbox) == before, "something was touched", sourceLocation: location)
  }

  @Test func `words that make no sense are answered with the nearest that do`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start()
    try expect(sandbox, ["promte", "chat"], code: 2, says: "did you mean 'canary promote'?")
    try expect(sandbox, ["promote"], code: 2, says: "which service?")
    try expect(sandbox, ["promote", "chta"], code: 2, says: "did you mean 'chat'?")
    try expect(
      sandbox, ["promote", "chat", "--relase", "v2"], code: 2, says: "did you mean '--release'?")
    try expect(
      sandbox, ["promote", "chat", "--to", "gren"], code: 2, says: "did you mean 'green'?")
    try expect(
      sandbox, ["promote", "chat", "--to", "blue"], code: 2, says: "blue is the stable pool already"
    )
    try expect(
      sandbox, ["promote", "chat", "--plan", "no"], code: 2, says: "there is no plan 'no'")
    try expect(
      sandbox, ["promote", "chat", "--timeout", "soon"], code: 2,
      says: "--timeout must be a duration")
    try expect(sandbox, ["promote", "chat", "now"], code: 2, says: "unexpected 'now'")
    try expect(
      sandbox, ["render", "chat", "--weight", "101"], code: 2,
      says: "--weight must be from 0 to 100")
    try expect(sandbox, ["pause", "chat"], code: 2, says: "no rollout is running")
    try expect(sandbox, ["revert", "chat"], code: 0, says: "nothing to revert")
    for command in [
      "check", "apply", "render", "promote", "revert", "pause", "resume", "advance", "status",
      "route", "history", "simulate", "controller", "version",
    ] {
      let help = try sandbox.canary(command, "--help")
      #expect(help.code == 0 && help.text.contains("Usage: canary \(command)"), "\(help.text)")
    }
  }

  @Test func `every fault of a config is told at once`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start()
    try sandbox.writeConfig(
      service: "lissten: 1, retain: \"soon\",", plan: "stages: [{ weight: 5, soak: 3 }]")
    try expect(
      sandbox, ["promote", "chat"], code: 2, says: "(4 faults)",
      "services.chat.lissten is not a known key; did you mean 'listen'?",
      "line 15: services.chat.lissten", "services.chat.retain must be a duration",
      "services.chat.plan.stages[0].soak must be a duration",
      "weight must be 100 in the last stage",
      "Nothing was touched")
    try Files.replace("\(sandbox.folder)/canary.json5", with: "{ nginx: { ")
    try expect(sandbox, ["status"], code: 2, says: "is not valid JSON5, near line 1")
    try Files.remove("\(sandbox.folder)/canary.json5")
    try expect(sandbox, ["status"], code: 2, says: "is not there")
  }

  @Test func `a command that only looks leaves no trace`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startApps()
    try sandbox.startNginx()
    try sandbox.writeConfig()
    for words in [
      ["check"], ["status"], ["history"], ["render", "chat", "--weight", "30"],
      ["promote", "chat", "--dry-run"],
    ] {
      #expect(try sandbox.canary(words).code == 0, "\(words)")
    }
    let left = try Spawn.run(
      ["find", "\(sandbox.folder)/state", "\(sandbox.folder)/canary", "-type", "f"],
      limit: .seconds(5))
    #expect(left.output == "", "\(left.output)")
  }

  @Test func `two rollouts at once are one too many`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      plan: "stages: [{ weight: 50, soak: \"1m\" }, { weight: 100, soak: \"1s\" }], checks: []")
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    try expect(sandbox, ["promote", "chat"], code: 5, says: "rollout 1 to green is running")
    try expect(sandbox, ["apply", "chat"], code: 5, says: "another process drives this service")
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }

  @Test func `an Nginx that is not there, not running or at a stale pid is told apart`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startApps()
    try sandbox.writeNginxConf()
    try sandbox.writeConfig()
    try expect(sandbox, ["apply"], code: 1, says: "Nginx does not seem to be running")
    try Files.replace("\(sandbox.folder)/nginx.pid", with: "999999\n")
    try expect(sandbox, ["apply"], code: 1, says: "No such process", "its pid file is stale")
    let text = try #require(try Files.read("\(sandbox.folder)/canary.json5"))
    try Files.replace(
      "\(sandbox.folder)/canary.json5",
      with: text.replacing("\"nginx\", \"-t\"", with: "\"no-nginx-here\", \"-t\""))
    try expect(
      sandbox, ["apply"], code: 1, says: "cannot run no-nginx-here: no such program",
      "Is Nginx installed here?")
  }

  @Test func `what Nginx refuses is told in its own words and leaves the former files`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start()
    let config = try #require(try Files.read("\(sandbox.folder)/canary.json5"))
    try Files.replace(
      "\(sandbox.folder)/canary.json5",
      with: config.replacing("127.0.0.1:\(sandbox.bluePorts[0])", with: "no-such-host.invalid:80"))
    try expect(
      sandbox, ["apply"], code: 1,
      says: "host not found in upstream \"no-such-host.invalid:80\" in ", "chat.conf:")
    // A port that somebody else has: nginx -t and the reload's own status say nothing of it, only the error log.
    let taken = try Sandbox()
    defer { taken.close() }
    try taken.startApps()
    try Files.replace(
      "\(sandbox.folder)/canary.json5",
      with: config.replacing("127.0.0.1:\(sandbox.port)", with: "127.0.0.1:\(taken.bluePorts[0])")
        .replacing(
          "reload: [", with: "verify: \"4s\", reload: ["))
    try expect(
      sandbox, ["apply"], code: 1, says: "bind() to 127.0.0.1:\(taken.bluePorts[0]) failed")
    #expect(sandbox.answers(sandbox.port))
  }

  @Test func `a missing include is named`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startApps()
    try sandbox.startNginx()
    try sandbox.writeConfig(nginx: "verify: \"2s\",")
    let main = try #require(try Files.read(sandbox.nginxConf))
    try Files.replace(
      sandbox.nginxConf, with: main.replacing("include \(sandbox.folder)/canary/*.conf;", with: ""))
    try expect(
      sandbox, ["apply"], code: 1,
      says: "has no `include \(sandbox.folder)/canary/*.conf;` inside http {}")
    try expect(sandbox, ["check"], code: 1, says: "Add that line")
  }

  @Test func `folders and templates that cannot be used are named`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start()
    let config = try #require(try Files.read("\(sandbox.folder)/canary.json5"))
    try Files.replace(
      "\(sandbox.folder)/canary.json5",
      with: config.replacing("include: \"canary\"", with: "include: \"nginx.conf/x\""))
    try expect(
      sandbox, ["apply"], code: 1, says: "cannot make the folder \(sandbox.folder)/nginx.conf/x")
    mkdir("\(sandbox.folder)/own", 0o755)
    try Files.replace("\(sandbox.folder)/own/location.conf", with: "proxy_pass http://{{poool}};\n")
    try Files.replace(
      "\(sandbox.folder)/canary.json5",
      with: config.replacing("state: \"state\"", with: "templates: \"own\", state: \"state\""))
    try expect(
      sandbox, ["apply"], code: 2, says: "location.conf has the unknown slot '{{poool}}'",
      "location.conf does not use '{{generation}}'")
  }

  @Test func `a file changed by hand is named and kept`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      plan: "stages: [{ weight: 50, soak: \"2s\" }, { weight: 100, soak: \"1s\" }], checks: []")
    let path = "\(sandbox.folder)/canary/chat.conf"
    let text = try #require(try Files.read(path))
    try Files.replace(path, with: text + "# a note by hand\n")
    #expect(try sandbox.canary("status", "chat").text.contains("chat.conf was changed by hand"))
    let promoted = try sandbox.canary("promote", "chat")
    #expect(promoted.code == 1, "\(promoted.text)")
    #expect(
      promoted.text.contains("\(path) was changed by hand since canary wrote it"),
      "\(promoted.text)")
    let applied = try sandbox.canary("apply")
    #expect(
      applied.text.contains(
        "the changed file is kept as \(sandbox.folder)/state/edited-chat-conf"), "\(applied.text)")
    #expect(try sandbox.canary("promote", "chat").code == 0)
  }

  @Test func `a log full of rubbish neither passes a stage nor harms anybody`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      plan: """
        stages: [{ weight: 50, soak: "1s", deadline: "3s" }, { weight: 100, soak: "1s" }],
        checks: [{ name: "errors", metric: "error_rate", max: "5%", every: "200ms" }]
        """)
    let driver = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    let log = "\(sandbox.folder)/logs/canary-chat.log"
    // Bytes that are no text, and a line of one gibibyte without an end.
    _ = try Spawn.run(
      ["sh", "-c", "head -c 3000000 /dev/urandom >> \(log); truncate -s +1G \(log)"],
      limit: .seconds(30))
    let peak = try memory(of: driver.pid)
    #expect(driver.wait() == 3, "\(driver.text)")
    #expect(driver.text.contains("errors is inconclusive"), "\(driver.text)")
    #expect(peak < 200 << 20, "\(peak >> 20) MiB")
    #expect(
      try sandbox.canary("status", "chat").text.contains(
        "log entries could not be parsed or matched to a pool"))
  }

  /// The most memory that a process has held until it ends or a second has passed.
  private func memory(of pid: Int32) throws -> Int {
    var most = 0
    for _ in 0..<50 {
      let status = try Files.read("/proc/\(pid)/status") ?? ""
      let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
      let kilobytes =
        line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0
      most = max(most, kilobytes << 10)
      usleep(20_000)
    }
    return most
  }
}
