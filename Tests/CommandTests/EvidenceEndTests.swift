import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// Failures that end in another location than the canary's: none of them may be missed.
@Suite(.blocking) struct EvidenceEndTests {
  /// The stock form of Debian's and of the official image.
  static let page = """
    error_page 500 502 503 504 /50x.html;
    location = /50x.html { internal; return 503 "sorry"; }
    """
  static let plan = """
    stages: [{ weight: 50, soak: "3s" }, { weight: 100, soak: "1s" }],
    checks: [{ name: "errors", metric: "error_rate", max: "5%", window: "10s", every: "200ms" }]
    """

  @Test func `a canary whose failures end in an error page is not promoted`() throws {
    let sandbox = try LocationCheckTests.sandbox("shield: false,", plan: Self.plan)
    defer { sandbox.close() }
    // Answers of the pools end there, too: they are the ones that this app can give.
    let location = "proxy_intercept_errors on; \(Self.page) location / { {{ }"
    try LocationCheckTests.write(location, in: sandbox)
    try sandbox.startNginxAsWritten()
    try sandbox.wait("service") { sandbox.answers(sandbox.port) }
    #expect(try sandbox.canary("apply").code == 0)
    try sandbox.set("green.fail")
    let generated = try Files.read("\(sandbox.folder)/canary/chat.conf")
    for words in [["promote", "chat"], ["promote", "chat", "--at", "2030-01-01T00:00:00Z"]] {
      let refused = try sandbox.canary(words)
      #expect(
        refused.code == 2
          && refused.text.contains("include \(sandbox.folder)/canary/chat.server;")
          && refused.text.contains("Nothing was touched"), "\(refused)")
    }
    #expect(try sandbox.canary("promote", "chat", "--dry-run").text.contains("would not see"))
    #expect(try Files.read("\(sandbox.folder)/canary/chat.conf") == generated)
    #expect(try sandbox.canary("history", "chat", "--json").text.contains("[]"))

    try LocationCheckTests.write("[[ \(location)", in: sandbox)
    let checked = try sandbox.canary("check")
    #expect(checked.code == 0, "\(checked.text)")
    try reload(sandbox)
    let load = Load(port: sandbox.port, clients: 3, pause: Span(milliseconds: 3))
    let promoted = try sandbox.canary("promote", "chat")
    let seen = load.stop()
    #expect(promoted.code == 3, "\(promoted)")
    #expect(seen.contains { $0.status >= 500 })
    // Each failure once, whichever location it ended in.
    let failures = seen.count { $0.status >= 500 }
    try? sandbox.wait("the last line", 5) { try count(sandbox, failures: true) >= failures }
    #expect(try count(sandbox, failures: true) == failures)
  }

  @Test func `a scheduled rollout looks again at what is hidden when it begins`() throws {
    let sandbox = try LocationCheckTests.sandbox(
      plan: "ready: { within: \"1s\" }, \(Self.plan)")
    defer { sandbox.close() }
    try LocationCheckTests.write("location / { {{ }", in: sandbox)
    try sandbox.startNginxAsWritten()
    try sandbox.wait("service") { sandbox.answers(sandbox.port) }
    #expect(try sandbox.canary("apply").code == 0)
    let at = (SystemClock.now + .seconds(2)).iso8601
    let scheduled = try sandbox.canary("promote", "chat", "--at", at)
    #expect(scheduled.code == 0, "\(scheduled.text)")
    try LocationCheckTests.write("\(Self.page) location / { {{ }", in: sandbox)
    try reload(sandbox)
    let controller = try sandbox.launch("controller")
    try sandbox.wait("the end") { try sandbox.field("phase") == "reverted" }
    let history = try sandbox.canary("history", "chat")
    #expect(history.text.contains("the gates would not see every failure"), "\(history.text)")
    #expect(history.text.contains("chat.server;"), "\(history.text)")
    controller.stop()
  }

  private func reload(_ sandbox: Sandbox) throws {
    let before = workers(sandbox)
    let words = ["nginx", "-s", "reload", "-c", sandbox.nginxConf]
    #expect(try Spawn.run(words, limit: .seconds(10)).succeeded)
    try sandbox.wait("new workers") {
      let now = workers(sandbox)
      return now.count == 2 && before.isDisjoint(with: now)
    }
  }

  /// The pids of all workers, leaving ones included.
  private func workers(_ sandbox: Sandbox) -> Set<Substring> {
    let pid = sandbox.nginxPid
    return Set((Files.contents("/proc/\(pid)/task/\(pid)/children") ?? "").split(separator: " "))
  }

  /// Nginx writes the last line just after its client has the answer.
  private func wait(_ sandbox: Sandbox, for lines: Int) throws {
    try? sandbox.wait("the last line", 5) { try count(sandbox) >= lines }
    usleep(200_000)
    #expect(try count(sandbox) == lines)
  }

  private func count(_ sandbox: Sandbox, failures: Bool = false) throws -> Int {
    let log = try Files.read("\(sandbox.folder)/logs/canary-chat.log") ?? ""
    let lines = log.split(separator: "\n").map { $0.split(separator: "\t") }
    return lines.count { line in !failures || line.count > 3 && line[3].hasPrefix("5") }
  }

  @Test(arguments: [
    "shield: false,",
    "shield: false, preview: [{ header: { name: \"X-Preview\", value: \"s3cret\" } }],",
  ])
  func `in a server of canary's own nothing is lost`(_ service: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startApps(failShare: "50%")
    // What canary's server inherits ends its failures where no route leads.
    try sandbox.startNginx(
      extra: "proxy_intercept_errors on; error_page 500 502 503 504 /50x.html;")
    try sandbox.writeConfig(
      service: "\(service) routes: { \"= /\": {}, \"/health\": {} },", plan: Self.plan)
    #expect(try sandbox.canary("apply").code == 0)
    try sandbox.wait("service") { sandbox.answers(sandbox.port) }
    try sandbox.set("green.fail")
    let load = Load(port: sandbox.port, clients: 3, pause: Span(milliseconds: 3))
    let promoted = try sandbox.canary("promote", "chat")
    let seen = load.stop()
    #expect(promoted.code == 3, "\(promoted)")
    #expect(seen.contains { $0.status >= 500 || $0.status == 404 })
    #expect(!promoted.text.contains("could not be parsed"), "\(promoted.text)")
  }

  @Test func `answers that end by X-Accel-Redirect are counted once, and no others`() throws {
    let sandbox = try LocationCheckTests.sandbox(
      plan: "stages: [{ weight: 50, soak: \"10m\" }, { weight: 100, soak: \"1s\" }], checks: []")
    defer { sandbox.close() }
    try LocationCheckTests.write(
      "[[ location / { {{ } location /other { return 204; }", in: sandbox)
    try sandbox.startNginxAsWritten()
    try sandbox.wait("service") { sandbox.answers(sandbox.port) }
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    let before = try count(sandbox)
    var client = Client(port: sandbox.port)
    defer { client.close() }
    #expect((0..<5).allSatisfy { _ in client.request(path: "/other").status == 204 })
    #expect(try count(sandbox) == before)
    #expect((0..<20).allSatisfy { _ in client.request(path: "/accel").status == 204 })
    #expect((0..<20).allSatisfy { _ in client.request().status == 200 })
    try wait(sandbox, for: before + 40)
    #expect(try Files.read("\(sandbox.folder)/error.log")?.contains("uninitialized") == false)
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }
}
