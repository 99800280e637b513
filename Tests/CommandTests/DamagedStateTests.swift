import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// A store that somebody has edited: its service is braked, others go on, and the program never ends by
/// it.
@Suite(.blocking) struct DamagedStateTests {
  private static let slow = """
    stages: [{ weight: 50, soak: "1h" }, { weight: 100, soak: "1s" }], checks: []
    """

  private func python(_ script: String, _ words: String..., limit: Span = .minutes(4)) throws
    -> ProcessResult
  {
    try Spawn.run(["python3", "-c", script] + words, limit: limit, outputLimit: 1 << 20)
  }

  private func pools(_ sandbox: Sandbox) -> Set<String> {
    var client = Client(port: sandbox.port)
    defer { client.close() }
    return Set((0..<60).map { _ in client.request().pool })
  }

  private func spoil(_ sandbox: Sandbox) throws {
    let ran = try python(
      """
      import sqlite3, sys
      c = sqlite3.connect(sys.argv[1], timeout=20)
      c.execute("UPDATE service SET state = '{', revision = revision + 1 WHERE name = 'chat'")
      c.commit()
      """, "\(sandbox.folder)/state/canary.db")
    #expect(ran.succeeded, "\(ran.output)")
  }

  @Test(arguments: ["promote", "controller"])
  func `a driver whose own state is damaged brakes, and everybody is told`(driver: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.slow, top: "metrics: \"canary.prom\",")
    if driver == "controller" {
      _ = try sandbox.launch("controller")
      try sandbox.wait("the controller") {
        FileLock.holder("\(sandbox.folder)/run/controller.lock") != nil
      }
    }
    let metrics = { Files.contents("\(sandbox.folder)/canary.prom") ?? "" }
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    #expect(pools(sandbox) == ["blue", "green"])
    try spoil(sandbox)
    try sandbox.wait("the brake", 25) { sandbox.isBraked }
    #expect(pools(sandbox) == ["blue"])
    let note = try sandbox.canary("status", "chat").text
    #expect(note.contains("the state of chat cannot be read"), "\(note)")
    try sandbox.wait("the metrics") { metrics().contains("canary_brake{service=\"chat\"} 1") }
    try sandbox.wait("the audit") {
      try sandbox.canary("audit").text.contains("nothing could be saved for 10s")
    }
    let reverted = try sandbox.canary("revert", "chat")
    #expect(reverted.text.contains("All new requests go to blue"), "\(reverted.text)")
  }

  @Test func `a controller that starts beside a damaged state brakes it`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.slow)
    let driver = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    // Driver and guard are gone at once, as with their container.
    let guards = try Spawn.run(
      ["pgrep", "-f", "__guard \(sandbox.folder)/run"], limit: .seconds(5))
    for pid in guards.output.split(separator: "\n").compactMap({ Int32($0) }) { kill(pid, SIGKILL) }
    driver.signal(SIGKILL)
    _ = driver.wait()
    try spoil(sandbox)
    let controller = try sandbox.launch("controller")
    try sandbox.wait("the brake", 20) { sandbox.isBraked }
    #expect(pools(sandbox) == ["blue"])
    #expect(controller.text.contains("the state of chat cannot be read"), "\(controller.text)")
  }

  /// Edits each stored field of one service while a controller drives both, and looks at all of it.
  private static let edits = """
    import json, os, random, sqlite3, subprocess, sys, time
    folder, program, pid, part = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    dice = random.Random(int(os.environ.get("CANARY_TORTURE_SEED", "1")))
    store = sqlite3.connect(folder + "/state/canary.db", timeout=20, isolation_level=None)
    store.text_factory = lambda raw: raw.decode(errors="replace")
    numbers = [0, -1, 1, 7, 99, 2**31, 2**53, 9999999999999999, -9999999999999999, 2**63 - 1, -2**63]
    texts = ["", "x", "\\u202e<b>\\n", "{}", "[]", "null", "{\\"a\\":" * 500, "9" * 400, "x" * 70000]
    anything = numbers + texts + [None, True, 0.5, 1e308, -1e308, [], {}, [[]], {"x": 1}]
    def alive(what):
      try: os.kill(pid, 0)
      except OSError: sys.exit("the controller ended by " + what)
    def look(what):
      for words in ("status",), ("status", "evil", "--json"), ("history", "evil", "--json"), ("report", "evil"), ("audit",):
        ran = subprocess.run([program, *words, "--config", folder + "/canary.json5"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        if ran.returncode not in (0, 1, 2): sys.exit("%s ended with %d by %s: %s" % (words, ran.returncode, what, ran.stdout[-300:]))
        if words == ("status",) and b"chat" not in ran.stdout: sys.exit("status without chat by %s: %s" % (what, ran.stdout[-300:]))
    def change(sql, *values):
      for _ in range(200):
        try: return store.execute(sql, values)
        except sqlite3.OperationalError as error:
          if "locked" not in str(error): raise
          time.sleep(0.02)
    def leaves(value, path=()):
      yield path
      items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
      for key, inner in list(items): yield from leaves(inner, path + (key,))
    def edited(value, path, new):
      if not path: return new
      copy = dict(value) if isinstance(value, dict) else list(value)
      copy[path[0]] = edited(copy[path[0]], path[1:], new)
      return copy
    count = 0
    if part == "state":
      (text,) = store.execute("SELECT state FROM service WHERE name = 'evil'").fetchone()
      whole = json.loads(text)
      for path in leaves(whole):
        for new in dice.sample(anything, 2):
          what = "state%s = %s" % (list(path), repr(new)[:60])
          change("UPDATE service SET revision = revision + 1, state = ? WHERE name = 'evil'", json.dumps(edited(whole, path, new)))
          time.sleep(0.06)
          if count % 12 == 0: look(what)
          alive(what)
          count += 1
      change("UPDATE service SET revision = revision + 1, state = ? WHERE name = 'evil'", text)
    else:
      store.execute("PRAGMA ignore_check_constraints = 1")
      for name in ("entry_stays", "entry_is_kept"): store.execute("DROP TRIGGER " + name)
      tables = [row[0] for row in store.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
      for table in tables:
        columns = store.execute("PRAGMA table_info(%s)" % table).fetchall()
        names = [column[1] for column in columns]
        where = " WHERE service = 'evil'" if "service" in names else " WHERE name = 'evil'" if table == "service" else ""
        rows = store.execute("SELECT * FROM %s%s" % (table, where)).fetchall()
        for index, (_, name, kind, *_rest) in enumerate(columns):
          choices = numbers if kind == "INTEGER" else texts + ([json.dumps(one) for one in anything[:12]]) if kind == "TEXT" else [b"", b"x", os.urandom(64), b"\\xff" * 4000]
          for new in dice.sample(choices, 2):
            what = "%s.%s = %s" % (table, name, repr(new)[:60])
            try: change("UPDATE %s SET %s = ?%s" % (table, name, where), new)
            except sqlite3.IntegrityError: continue
            if name not in ("service", "name") or where == "":
              time.sleep(0.05)
            look(what)
            alive(what)
            count += 1
            mine = " WHERE %s = ?" % name if name in ("service", "name") and where else where
            change("DELETE FROM %s%s" % (table, mine), *([new] if mine != where else []))
            for row in rows: change("INSERT OR REPLACE INTO %s VALUES (%s)" % (table, ",".join("?" * len(row))), *row)
    print("edited", count)
    """

  @Test(arguments: ["state", "tables"])
  func `no edited field of the store ends a program or reaches another service`(part: String) throws
  {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let (blue, green) = (sandbox.standIn("evil-blue"), sandbox.standIn("evil-green"))
    try sandbox.startApps()
    try sandbox.startNginx()
    try sandbox.writeConfig(
      plan: """
        stages: [{ weight: 50, soak: "15s", deadline: "10m" }, { weight: 100, soak: "1s" }],
        checks: [{ name: "errors", metric: "error_rate", max: "5%", window: "5s", every: "500ms" }]
        """, top: "page: \"page\", metrics: \"canary.prom\",")
    let path = "\(sandbox.folder)/canary.json5"
    let config = try #require(try Files.read(path))
    let port = Sockets.freePort()
    try Files.replace(
      path,
      with: config.replacing(
        "services: {",
        with: """
          services: {
            evil: {
              listen: ["127.0.0.1:\(port)"], stable: "blue",
              pools: { blue: { servers: ["127.0.0.1:\(blue.port)"] }, green: { servers: ["127.0.0.1:\(green.port)"] } },
              guards: [{ name: "up", probe: "/", every: "1s" }],
              plan: {
                stages: [{ weight: 50, soak: "10m", deadline: "30m" }, { weight: 100, soak: "1s", approval: { count: 1 } }],
                checks: [
                  { name: "errors", metric: "error_rate", max: "5%", every: "300ms" },
                  { name: "same", metric: "error_rate", versus: "stable", every: "300ms" },
                ],
              },
            },
          """))
    let applied = try sandbox.canary("apply")
    try #require(applied.code == 0, "\(applied.text)")
    let controller = try sandbox.launch("controller")
    try sandbox.wait("the controller") { controller.text.contains("driving") }
    let loads = [
      Load(port: sandbox.port, clients: 1, pause: .seconds(0.02)),
      Load(port: port, clients: 1, pause: .seconds(0.02)),
    ]
    defer { for load in loads { _ = load.stop() } }
    for number in 1...2 {
      #expect(try sandbox.canary("promote", "evil", "--detach").code == 0)
      try sandbox.waitForStage(0, of: "evil")
      if number == 1 { #expect(try sandbox.canary("revert", "evil").code == 0) }
    }
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    let ran = try python(Self.edits, sandbox.folder, Sandbox.program, "\(controller.pid)", part)
    #expect(ran.succeeded && ran.output.contains("edited"), "\(ran.output) \(controller.text)")
    try sandbox.wait("the other service", 60) { try sandbox.field("stable") == "green" }
    #expect(kill(controller.pid, 0) == 0, "\(controller.text)")
  }
}
