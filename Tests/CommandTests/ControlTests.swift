import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// The controller's socket, asked by people of its group who want to hold others up or pass rules by.
@Suite(.blocking, .enabled(if: getuid() == 0, "to act as another user takes root"))
struct ControlTests {
  private static let nobody = 65534
  private static let plan = """
    stages: [{ weight: 30, soak: "1m" }, { weight: 100, soak: "1s" }],
    checks: [{ name: "up", probe: "/health", every: "300ms" }],
    """

  /// A sandbox with a controller, which people of the group `nogroup` may ask.
  private func begin(service: String = "") throws -> Sandbox {
    let sandbox = try Sandbox()
    for name in ["state", "canary"] {
      chown("\(sandbox.folder)/\(name)", 0, gid_t(Self.nobody))
      chmod("\(sandbox.folder)/\(name)", name == "state" ? 0o2750 : 0o2755)
    }
    try sandbox.start(service: service, plan: Self.plan, top: "operators: \"nogroup\",")
    _ = try sandbox.launch("controller")
    try sandbox.wait("the socket") { Files.exists("\(sandbox.folder)/run/control.sock") }
    return sandbox
  }

  private func words(as user: Int, _ words: [String]) -> [String] {
    ["setpriv", "--reuid", "\(user)", "--regid", "\(Self.nobody)", "--clear-groups"] + words
  }

  private func ask(_ sandbox: Sandbox, _ asked: String..., as user: Int = ControlTests.nobody)
    throws -> (code: Int32, text: String)
  {
    let ran = try Spawn.run(
      words(
        as: user, [Sandbox.program] + asked + ["--config", "\(sandbox.folder)/canary.json5"]),
      limit: .minutes(1))
    guard case .exit(let code) = ran.end else { throw SandboxError(ran.output) }
    return (code, ran.output)
  }

  /// Sends a line as it stands, past the program's own rules.
  private func send(_ sandbox: Sandbox, _ line: String) throws -> String {
    let script = """
      import socket, sys
      one = socket.socket(socket.AF_UNIX)
      one.connect(sys.argv[1])
      one.sendall(sys.argv[2].encode() + b"\\n")
      print(one.makefile().read())
      """
    return try Spawn.run(
      words(
        as: Self.nobody,
        [
          "env", "PATH=/usr/bin:/bin", "python3", "-c", script,
          "\(sandbox.folder)/run/control.sock", line,
        ]), limit: .minutes(1)
    ).output
  }

  @Test func `whoever fills the socket and says nothing holds up nobody`() throws {
    let sandbox = try begin()
    defer { sandbox.close() }
    // Each takes the place of one that the controller has left, in four ways of not asking.
    let script = """
      import select, socket, sys, time
      all, count = [], 0
      while True:
        while len(all) < 60:
          one = socket.socket(socket.AF_UNIX)
          one.setblocking(False)
          try: one.connect(sys.argv[1])
          except BlockingIOError: break
          try:
            if count % 4 == 1: one.send(b"{")
            if count % 4 == 2: one.send(b"x" * 30000)
            if count % 4 == 3: one.shutdown(socket.SHUT_WR)
          except OSError: pass
          all.append(one)
          count += 1
          if count == 60: print("full", flush=True)
        for one in select.select(all, [], [], 0.02)[0]:
          one.close()
          all.remove(one)
      """
    let log = "\(sandbox.folder)/logs/silent"
    let silent = try Child(
      words(
        as: Self.nobody,
        [
          "env", "PATH=/usr/bin:/bin", "python3", "-c", script,
          "\(sandbox.folder)/run/control.sock",
        ]), output: log)
    defer { silent.stop() }
    try sandbox.wait("the silent ones") { Files.contents(log)?.contains("full") == true }
    for _ in 0..<3 {
      for user in [1, 2] {
        let frozen = try ask(sandbox, "freeze", "chat", "--reason", "wait", as: user)
        #expect(frozen.code == 0, "\(user): \(frozen.text)")
        #expect(try ask(sandbox, "thaw", "chat", as: user).code == 0)
      }
    }
  }

  @Test func `a rollout that is asked for keeps every rule`() throws {
    let sandbox = try begin()
    defer { sandbox.close() }
    let whole = try #require(Files.contents(sandbox.nginxConf))
    try Files.replace(sandbox.nginxConf, with: whole + "nonsense;\n")
    chmod(sandbox.nginxConf, 0o600)
    let refused = try ask(sandbox, "promote", "chat", "--detach")
    #expect(
      refused.code == 1 && refused.text.contains("nginx refuses what is installed now"),
      "\(refused.text)")
    let asked = #"{"act":"promote","service":"chat","to":"green"}"#
    #expect(try send(sandbox, asked).contains("nginx refuses what is installed now"))
    #expect(try sandbox.status().contains("\"idle\""))
    #expect(!Files.exists("\(sandbox.folder)/run/chat.brake"))
    try Files.replace(sandbox.nginxConf, with: whole)
    let wrong = try send(sandbox, #"{"act":"promote","service":"chat","to":"red"}"#)
    #expect(wrong.contains("no such pool") && wrong.contains("\"isWrong\":true"), "\(wrong)")
    let begun = try ask(sandbox, "promote", "chat", "--detach")
    #expect(begun.code == 0, "\(begun.text)")
  }
}
