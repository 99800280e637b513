import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// What others on the host may have put in our way: the real program, beside users that are not ours.
@Suite(.blocking) struct NeighbourTests {
  private static let nobody = 65534

  /// Runs words as somebody else; only root can.
  private func asNobody(_ words: [String]) -> [String] {
    let id = "\(Self.nobody)"
    // Not every Python of root is open to others.
    return ["setpriv", "--reuid", id, "--regid", id, "--clear-groups", "env", "PATH=/usr/bin:/bin"]
      + words
  }

  private func shell(_ line: String, limit: Span = .seconds(30)) throws -> ProcessResult {
    try Spawn.run(["sh", "-c", line], limit: limit)
  }

  /// Replaces a text in what the store holds, as whoever may write it could.
  private func edit(_ sandbox: Sandbox, _ old: String, _ new: String) throws {
    let script = """
      import sqlite3, sys
      store = sqlite3.connect(sys.argv[1], timeout=20)
      old, new = sys.argv[2], sys.argv[3]
      with store:
        store.execute("begin immediate")
        (text,) = store.execute("select state from service where name = 'chat'").fetchone()
        assert old in text, text
        store.execute("update service set revision = revision + 1, state = ?", (text.replace(old, new),))
      """
    let ran = try Spawn.run(
      ["python3", "-c", script, "\(sandbox.folder)/state/canary.db", old, new], limit: .minutes(1))
    try #require(ran.succeeded, "\(ran.output)")
  }

  // MARK: the store

  @Test func `who may write the store runs no program and asks no server by it`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let stranger = sandbox.standIn("stranger")
    let source = sandbox.standIn("source")
    try sandbox.start(
      service: "hooks: { after_stage: [{ run: [\"sh\", \"-c\", \"exit 0 #hook\"] }] },",
      plan: """
        stages: [{ weight: 30, soak: "1m" }, { weight: 100, soak: "1s" }],
        checks: [
          { name: "own", command: ["sh", "-c", "exit 0 #check"], every: "200ms" },
          { name: "far", http: "http://127.0.0.1:\(source.port)/x", every: "200ms" },
          { name: "up", probe: "/health", every: "200ms" },
        ],
        """)
    let load = Load(port: sandbox.port, clients: 2, pause: .seconds(0.01))
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    try sandbox.wait("a look at the source") { !source.seen.isEmpty }
    let owned = "\(sandbox.folder)/owned"
    try edit(sandbox, "exit 0 #check", "touch \(owned) #check")
    try edit(sandbox, "exit 0 #hook", "touch \(owned) #hook")
    try edit(sandbox, "127.0.0.1:\(source.port)", "127.0.0.1:\(stranger.port)")
    try edit(sandbox, "\"path\":\"\\/health\"", "\"path\":\"@127.0.0.1:\(stranger.port)\\/\"")
    let seen = source.seen.count
    try sandbox.wait("measurements by what was edited") { source.seen.count > seen + 2 }
    #expect(try sandbox.canary("advance", "chat").code == 0)
    try sandbox.wait("the end", 60) { try sandbox.status().contains("\"promoted\"") }
    _ = load.stop()
    #expect(!Files.exists(owned))
    #expect(stranger.seen.isEmpty)
    let audit = try sandbox.canary("audit", "chat").text
    #expect(audit.contains("hook_failed"), "\(audit)")
    #expect(audit.contains("not run: the config has no such hook any more"), "\(audit)")
  }

  @Test(.enabled(if: getuid() == 0, "to act as another user takes root"))
  func `people ask the controller, and the kernel says who they are`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    // People of the group read, and write nothing.
    for name in ["state", "canary"] {
      chown("\(sandbox.folder)/\(name)", 0, gid_t(Self.nobody))
      chmod("\(sandbox.folder)/\(name)", name == "state" ? 0o2750 : 0o2755)
    }
    try sandbox.start(
      plan: """
        stages: [{ weight: 30, soak: "1m" }, { weight: 100, soak: "1s" }],
        checks: [{ name: "up", probe: "/health", every: "300ms" }],
        """, top: "operators: \"nogroup\",")
    let config = "\(sandbox.folder)/canary.json5"
    func person(_ words: [String], as uid: Int = Self.nobody) throws -> (code: Int32, text: String)
    {
      let id = "\(uid)"
      let ran = try Spawn.run(
        ["setpriv", "--reuid", id, "--regid", id, "--clear-groups", Sandbox.program] + words
          + ["--config", config], limit: .minutes(1))
      guard case .exit(let code) = ran.end else { throw SandboxError(ran.output) }
      return (code, ran.output)
    }
    // Without a controller there is nobody to ask.
    let early = try person(["freeze", "chat", "--reason", "x"])
    #expect(early.code == 1, "\(early.text)")
    _ = try sandbox.launch("controller")
    let socket = "\(sandbox.folder)/run/control.sock"
    try sandbox.wait("the socket") { Files.exists(socket) }
    let load = Load(port: sandbox.port, clients: 2, pause: .seconds(0.01))
    let frozen = try person(["freeze", "chat", "--reason", "wait"])
    #expect(frozen.code == 0, "\(frozen.text)")
    let busy = try person(["promote", "chat", "--detach"])
    #expect(busy.code == 5 && busy.text.contains("frozen by nobody"), "\(busy.text)")
    #expect(try person(["thaw", "chat"]).code == 0)
    let begun = try person(["promote", "chat", "--detach", "--reason", "by nobody"])
    #expect(begun.code == 0, "\(begun.text)")
    try sandbox.wait("the soak") {
      try person(["status", "chat", "--json"]).text.contains("\"soaking\"")
    }
    let paused = try person(["pause", "chat"])
    #expect(paused.code == 0 && paused.text.contains("paused"), "\(paused.text)")
    // Somebody else is not even heard.
    let other = try person(["revert", "chat"], as: 1)
    #expect(other.code != 0, "\(other.text)")
    #expect(try sandbox.status().contains("\"paused\""))
    let reverted = try person(["revert", "chat", "--reason", "enough"])
    #expect(
      reverted.code == 0 && reverted.text.contains("reverted: all traffic is on blue"),
      "\(reverted.text)")
    _ = load.stop()
    let audit = try sandbox.canary("audit", "chat").text
    for event in ["frozen", "thawed", "paused", "reverted"] {
      #expect(audit.contains(event), "\(event): \(audit)")
    }
    #expect(audit.contains("by nobody from asked the controller by canary (pid "), "\(audit)")
    // What is sent by hand is names and texts, or nothing.
    let script = """
      import socket, sys
      for line in sys.argv[2:]:
        one = socket.socket(socket.AF_UNIX)
        one.connect(sys.argv[1])
        one.sendall(line.encode() + b"\\n")
        print(one.makefile().read())
      """
    let sent = try Spawn.run(
      [
        "python3", "-c", script, socket, "{}", "rubbish",
        "{\"act\":\"promote\",\"service\":\"chat\",\"to\":\"green\",\"plan\":\"nope\"}",
        "{\"act\":\"pause\",\"service\":\"none\"}",
      ], limit: .minutes(1))
    for words in ["does not understand", "has no plan 'nope'", "there is no service 'none'"] {
      #expect(sent.output.contains(words), "\(sent.output)")
    }
    // Whoever connects and says nothing keeps nobody waiting for long.
    let silent = try Child([
      "python3", "-c",
      "import socket, sys, time\nall = [socket.socket(socket.AF_UNIX) for _ in range(5)]\n[one.connect(sys.argv[1]) for one in all]\ntime.sleep(60)",
      socket,
    ])
    defer { silent.stop() }
    #expect(try person(["freeze", "chat", "--reason", "again"]).code == 0)
  }

  // MARK: locks

  @Test(.enabled(if: getuid() == 0, "to act as another user takes root"))
  func `who may only read holds nobody up`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start()
    // As 0.1.0 left them: open to everybody.
    for name in ["chat.drive", "controller.lock", "install.lock", "notices.lock", "publish.lock"] {
      try Files.replace("\(sandbox.folder)/run/\(name)", with: "1\n")
    }
    let script = """
      import fcntl, os, sys, time
      held = []
      def look():
        for folder, names, files in os.walk(sys.argv[1]):
          for name in names + files:
            try: file = os.open(os.path.join(folder, name), os.O_RDONLY | os.O_NONBLOCK)
            except OSError: continue
            for kind in fcntl.LOCK_EX, fcntl.LOCK_SH:
              try: fcntl.flock(file, kind | fcntl.LOCK_NB)
              except OSError: continue
              break
            else:
              os.close(file)
              continue
            held.append(file)
      for _ in range(600):
        if len(held) < 500: look()
        if _ == 0: print("held", len(held), flush=True)
        time.sleep(0.1)
      """
    let log = "\(sandbox.folder)/logs/holder"
    let holder = try Child(asNobody(["python3", "-c", script, sandbox.folder]), output: log)
    defer { holder.stop() }
    try sandbox.wait("the holder") { Files.contents(log)?.contains("held") == true }
    #expect(Files.contents(log)?.contains("held 0") == false)
    let load = Load(port: sandbox.port, clients: 2, pause: .seconds(0.01))
    let promoted = try sandbox.canary("promote", "chat")
    #expect(promoted.code == 0, "\(promoted.text)")
    let reverted = try sandbox.canary("revert", "chat")
    #expect(reverted.code == 0, "\(reverted.text)")
    _ = load.stop()
    let open = try shell(
      "find \(sandbox.folder)/run \(sandbox.folder)/state -perm -002 ! -type l ! -type s")
    #expect(open.output == "", "writable for all")
  }

  // MARK: secrets

  @Test func `the secret of a preview is neither shown nor open to others`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let secret = "tea4two-and-more"
    try sandbox.start(
      service: """
        preview: [{ header: { name: "X-Preview", value: "\(secret)" } }, { cookie: { name: "pv", value: "k1" } }],
        """)
    let rendered = try sandbox.canary("render", "chat", "--weight", "30")
    #expect(rendered.code == 0 && rendered.text.contains("(hidden)"), "\(rendered.text)")
    #expect(!rendered.text.contains(secret) && !rendered.text.contains("k1"))
    let revealed = try sandbox.canary("render", "chat", "--weight", "30", "--reveal")
    #expect(revealed.text.contains(secret) && !revealed.text.contains("(hidden)"))
    let tried = try sandbox.canary("promote", "chat", "--dry-run", "--diff")
    #expect(tried.code == 0 && !tried.text.contains(secret), "\(tried.text)")
    #expect(try !sandbox.canary("check", "chat").text.contains(secret))
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.wait("the first stage") {
      Files.contents("\(sandbox.folder)/canary/chat.location")?.contains(secret) == true
    }
    #expect(try shell("find \(sandbox.folder)/canary -type f -perm /007").output == "")
    #expect(
      try sandbox.canary("promote", "chat", "--dry-run", "--diff").text.contains(secret) == false)
    _ = try sandbox.canary("revert", "chat")
    // A wrong one is told without it.
    try sandbox.writeConfig(
      service: "preview: { header: { name: \"X-Preview\", value: \"\(secret)$\" } },",
      top: "notify: { a: { slack: \"\(secret)\" } },")
    let wrong = try sandbox.canary("check")
    #expect(wrong.code == 2 && !wrong.text.contains(secret), "\(wrong.text)")
  }

  // MARK: files and processes of others

  @Test(.enabled(if: getuid() == 0, "to act as another user takes root"))
  func `root believes no config that others may write`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.writeConfig()
    let config = "\(sandbox.folder)/canary.json5"
    let here = "cd \(sandbox.folder) && exec env -u CANARY_CONFIG \(Sandbox.program) status"
    #expect(try shell(here).succeeded)
    let cases: [(String, String, String)] = [
      ("chmod 666 \(config)", "chmod go-w \(config)", "everybody may write"),
      ("chmod 664 \(config)", "chmod go-w \(config)", "its group may write"),
      ("chown \(Self.nobody) \(config)", "chown root \(config)", "belongs to"),
      ("chmod 777 \(sandbox.folder)", "chmod go-w \(sandbox.folder)", "everybody may write"),
      ("chmod 1777 \(sandbox.folder)", "chmod go-w,-t \(sandbox.folder)", "everybody may write"),
      ("chown \(Self.nobody) \(sandbox.folder)", "chown root \(sandbox.folder)", "belongs to"),
    ]
    for (spoil, cure, words) in cases {
      _ = try shell(spoil)
      let found = try shell(here)
      #expect(found.end == .exit(2) && found.output.contains("is not used"), "\(spoil)")
      #expect(found.output.contains(words), "\(spoil): \(found.output)")
      let named = try sandbox.canary("status")
      #expect(named.code == 2 && named.text.contains("is not believed as root"), "\(spoil)")
      #expect(named.text.contains(words), "\(spoil): \(named.text)")
      _ = try shell(cure)
      #expect(try shell(here).succeeded, "\(cure)")
    }
  }

  @Test(.enabled(if: getuid() == 0, "to act as another user takes root"))
  func `init believes no process that calls itself Nginx`() throws {
    let folder = try Folder()
    chmod(folder.path, 0o755)
    let bad = "\(folder.path)/bad"
    mkdir(bad, 0o755)
    let touched = "\(bad)/touched"
    try Files.replace(
      "\(bad)/nginx.conf", with: "error_log \(touched);\nevents {}\nhttp {}\n")
    chown(bad, uid_t(Self.nobody), gid_t(Self.nobody))
    chown("\(bad)/nginx.conf", uid_t(Self.nobody), gid_t(Self.nobody))
    let title = "nginx: master process /usr/sbin/nginx -c \(bad)/nginx.conf"
    let liar = try Child(asNobody(["bash", "-c", "exec -a \"\(title)\" sleep 60"]))
    defer { liar.stop() }
    usleep(300_000)
    let listed = try Spawn.run([Sandbox.program, "init", "--list"], limit: .minutes(1))
    #expect(!Files.exists(touched) && !listed.output.contains(bad), "\(listed.output)")
    // Neither where somebody names it for root.
    let named = try Spawn.run(
      [Sandbox.program, "init", "--list", "--nginx", "\(bad)/nginx.conf"], limit: .minutes(1))
    #expect(named.end == .exit(2) && named.output.contains("is not read as root"))
    #expect(!Files.exists(touched))
  }

  @Test(.enabled(if: getuid() == 0, "to act as another user takes root"))
  func `no program but Nginx gets a capability`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let (check, test) = ("\(sandbox.folder)/logs/check", "\(sandbox.folder)/logs/test")
    let tell = { (file: String) in "grep -h Cap /proc/self/status > \(file)" }
    try sandbox.startApps()
    try sandbox.writeNginxConf()
    try sandbox.writeConfig(
      plan: """
        stages: [{ weight: 100, soak: "1m" }],
        checks: [{ name: "own", command: ["sh", "-c", "\(tell(check))"] }],
        """)
    let text = try #require(Files.contents("\(sandbox.folder)/canary.json5"))
    try Files.replace(
      "\(sandbox.folder)/canary.json5",
      with: text.replacing(
        "test: [\"nginx\", \"-t\", \"-q\", \"-c\", \"\(sandbox.nginxConf)\"]",
        with: "test: [\"sh\", \"-c\", \"\(tell(test))\"]"))
    chmod("\(sandbox.folder)/logs", 0o777)
    let id = "\(Self.nobody)"
    let ran = try Spawn.run(
      [
        "setpriv", "--reuid", id, "--regid", id, "--clear-groups", "--inh-caps", "+kill",
        "--ambient-caps", "+kill", Sandbox.program, "check", "--config",
        "\(sandbox.folder)/canary.json5",
      ], limit: .minutes(1))
    let (own, nginx) = (Files.contents(check) ?? "", Files.contents(test) ?? "")
    #expect(nginx.contains("CapEff:\t0000000000000020"), "\(nginx) \(ran.output)")
    #expect(own.contains("CapEff:\t0000000000000000"), "\(own) \(ran.output)")
    #expect(own.contains("CapAmb:\t0000000000000000"))
  }

  // MARK: the page

  @Test func `the page answers to its own names alone`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startApps()
    try sandbox.writeConfig(top: "page: \"page\",")
    let port = Sockets.freePort()
    let server = try sandbox.canary(
      "page", "--nginx", "--listen", "127.0.0.1:\(port)", "--name", "Canary.internal")
    #expect(server.code == 0, "\(server.text)")
    try sandbox.startNginx(extra: server.text)
    #expect(try sandbox.canary("apply").code == 0)
    _ = try sandbox.canary("page")
    func status(_ host: String, _ method: String = "GET") throws -> String {
      try Spawn.run(
        [
          "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", method, "-H",
          "Host: \(host)", "http://127.0.0.1:\(port)/status.json",
        ], limit: .seconds(10)
      ).output
    }
    for host in [
      "127.0.0.1:\(port)", "localhost", "localhost:\(port)", "[::1]", "canary.internal",
      "CANARY.internal:1",
    ] {
      #expect(try status(host) == "200", "\(host)")
    }
    for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1"] {
      #expect(try status(host) == "421", "\(host)")
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
      #expect(try status("localhost", method) == "405", "\(method)")
    }
    let wrong = try sandbox.canary("page", "--nginx", "--name", "a;b")
    #expect(wrong.code == 2 && wrong.text.contains("--name"), "\(wrong.text)")
  }
}
