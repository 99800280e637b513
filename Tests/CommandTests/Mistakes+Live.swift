import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport

// Mistakes with an Nginx and apps that run.
extension Mistake {
  /// A stage of a second, and a pool that must be up within two.
  static let plan = """
    ready: { within: "2s" },
    stages: [{ weight: 50, soak: "1s", deadline: "2s" }, { weight: 100, soak: "1s" }],
    checks: [
      { name: "errors", metric: "error_rate", max: "5%", window: "10s", every: "200ms" },
      { name: "health", probe: "/health", every: "500ms" },
    ]
    """

  /// A source of Prometheus in the place of the log, which answers with this value and this age.
  private static func prometheus(
    _ value: String, age: String = "0"
  ) -> @Sendable (Sandbox) throws -> (code: Int32, text: String) {
    { sandbox in
      let port = Sockets.freePort()
      let answer = #"{"status":"success","data":{"resultType":"scalar","result":[%f,"\#(value)"]}}"#
      let server = try Child([
        "python3", "-c",
        """
        import http.server, time
        class Source(http.server.BaseHTTPRequestHandler):
          def do_POST(self):
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.do_GET()
          def do_GET(self):
            body = ('\(answer)' % (time.time() - (\(age)))).encode()
            self.send_response(200); self.end_headers(); self.wfile.write(body)
          def log_message(self, *_): pass
        http.server.ThreadingHTTPServer(("127.0.0.1", \(port)), Source).serve_forever()
        """,
      ])
      defer { server.stop() }
      if value != "away" { try sandbox.wait("the source") { sandbox.answers(port) } }
      return try ask(sandbox, port: value == "away" ? Sockets.freePort() : port)
    }
  }

  private static func ask(_ sandbox: Sandbox, port: Int) throws -> (code: Int32, text: String) {
    try edit(
      sandbox, "metric: \"error_rate\", max: \"5%\", window: \"10s\"",
      "endpoint: \"p\", prometheus: \"scalar(x)\", max: 1")
    try edit(
      sandbox, "state: \"state\"",
      "endpoints: { p: { url: \"http://127.0.0.1:\(port)\" } }, state: \"state\"")
    return try promoted(sandbox)
  }

  /// What `promote` says, and what the report says after it.
  private static func promoted(_ sandbox: Sandbox) throws -> (code: Int32, text: String) {
    let ran = try sandbox.canary("promote", "chat")
    return (ran.code, ran.text + (try sandbox.canary("status", "chat", "--json").text))
  }

  private static func asNobody(_ words: String)
    -> @Sendable (Sandbox) throws -> (
      code: Int32, text: String
    )
  {
    { sandbox in
      _ = try shell(sandbox, "chown -R root state; chmod 750 state")
      // The program of a build may stand where others have no right to go.
      let script =
        "cp \"$CANARY\" canary-program; setpriv --reuid 65534 --regid 65534 --clear-groups ./canary-program \(words) --config canary.json5"
      return try shell(sandbox, script)
    }
  }

  static let live: [Mistake] = [
    Mistake(
      "the app has no such path", "answered 404 to GET /away", "waiting    up to 2 s for green: ",
      "health: \\\"/\\\"", code: 3,
      make: { sandbox in
        try edit(sandbox, "stable: \"blue\",", "stable: \"blue\", health: \"/away\",")
        let standIn = sandbox.standIn("green")
        try edit(sandbox, "127.0.0.1:\(sandbox.greenPorts[0])", "127.0.0.1:\(standIn.port)")
        standIn.set(status: 404)
        return try promoted(sandbox)
      }),
    Mistake(
      "a wrong port", "refuses connections", "is not up after 2s",
      "Does the new version run, and on that port?", "the servers of pool green", code: 3,
      make: { sandbox in
        try edit(
          sandbox, "127.0.0.1:\(sandbox.greenPorts[0])", "127.0.0.1:\(Sockets.freePort())")
        return try promoted(sandbox)
      }),
    Mistake(
      "no traffic", "no canary requests in", "none on stable either",
      "Nginx logged no request of chat at all", "canary check chat", code: 3, make: promoted),
    Mistake(
      "Nginx does not run", "Nginx is not running", "Nothing was begun", "systemctl start nginx",
      "canary promote chat", code: 1,
      make: { sandbox in
        sandbox.stopNginx()
        return try sandbox.canary("promote", "chat")
      }),
    Mistake(
      "apply without Nginx", "Nginx does not seem to be running", "systemctl start nginx", code: 1,
      make: { sandbox in
        sandbox.stopNginx()
        try edit(sandbox, "stable: \"blue\",", "stable: \"blue\", connect_timeout: \"3s\",")
        return try sandbox.canary("apply")
      }),
    Mistake(
      "an ordinary user looks", "may not read the state in", "Run the command with sudo", code: 1,
      make: asNobody("status chat")),
    Mistake(
      "an ordinary user acts", "may not write in", "Run the command with sudo",
      "systemctl start canary", "Nothing was touched", code: 1, make: asNobody("pause chat")),
    Mistake(
      "no include in nginx.conf", "inside http {}, so Nginx would not read what canary writes",
      "Add that line", "nginx -s reload", "Nothing was begun", code: 1,
      make: { sandbox in
        let main = try Files.read(sandbox.nginxConf) ?? ""
        try Files.replace(
          sandbox.nginxConf,
          with: main.replacing("include \(sandbox.folder)/canary/*.conf;", with: ""))
        sandbox.stopNginx()
        try sandbox.startNginxAsWritten()
        return try sandbox.canary("promote", "chat")
      }),
    Mistake(
      "nginx.conf is broken elsewhere", "nginx refuses what is installed now",
      "unknown directive \"broken_line\"", "The fault is in your own files", "Nothing was begun",
      code: 1,
      make: { sandbox in
        let main = try Files.read(sandbox.nginxConf) ?? ""
        try Files.replace(sandbox.nginxConf, with: main + "broken_line on;\n")
        return try sandbox.canary("promote", "chat")
      }),
    Mistake(
      "the address of another host", "Cannot assign requested address", "ip -br address",
      "change `listen`", code: 1,
      make: { sandbox in
        try edit(sandbox, "listen: [\"127.0.0.1:", "listen: [\"203.0.113.7:")
        return try sandbox.canary("apply")
      }),
    Mistake(
      "a port that is taken", "Address already in use", "Another program listens there",
      "ss -ltnp", "change `listen`", code: 1,
      make: { sandbox in
        try edit(
          sandbox, "listen: [\"127.0.0.1:\(sandbox.port)",
          "listen: [\"127.0.0.1:\(sandbox.bluePorts[0])")
        return try sandbox.canary("apply")
      }),
    Mistake(
      "nginx.config names another file", "`nginx.config` in", "No such file", "correct it",
      code: 1,
      make: { sandbox in
        try edit(sandbox, sandbox.nginxConf, "\(sandbox.folder)/x.conf")
        return try config("config: \"nginx.conf\"", "config: \"x.conf\"", "promote", "chat")(
          sandbox)
      }),
    Mistake(
      "a disk that is full", "cannot grow: the disk is full", "Make room", code: 1,
      make: { sandbox in
        try shell(
          sandbox,
          """
          unshare -m --propagation private sh -c '
            mount -t tmpfs -o size=400k none state || exit 99
            "$CANARY" apply --config canary.json5 >/dev/null 2>&1
            dd if=/dev/zero of=state/fill bs=1k 2>/dev/null
            "$CANARY" freeze chat --reason "$(printf %0400d 0)" --config canary.json5'
          """)
      }),
    Mistake(
      "an include folder that is read-only", "is on a file system that is mounted read-only",
      "Mount it with rw", code: 1,
      make: { sandbox in
        try shell(
          sandbox,
          """
          unshare -m --propagation private sh -c '
            mount -t tmpfs -o size=400k,ro none state || exit 99
            "$CANARY" freeze chat --reason x --config canary.json5'
          """)
      }),
    Mistake(
      "a state folder that is another", "no state in", "correct `state`", "canary apply", code: 0,
      make: { sandbox in
        try edit(sandbox, "stable: \"blue\",", "stable: \"blue\", connect_timeout: \"3s\",")
        _ = try sandbox.canary("apply")
        try edit(sandbox, "state: \"state\"", "state: \"stat\"")
        return try sandbox.canary("status", "chat")
      }),
    Mistake(
      "a source that is away", "Couldn't connect to server",
      "Does that source answer this host?", "canary check chat", code: 3,
      make: prometheus("away")),
    Mistake(
      "a query without data", "the query's value is NaN", "0 / 0 is when there was no traffic",
      code: 3, make: prometheus("NaN")),
    Mistake(
      "a clock that is behind", "old, and no more than", "the clocks differ", "timedatectl",
      code: 3, make: prometheus("1", age: "4000")),
    Mistake(
      "a clock that is ahead", "in the future: the clocks differ", "timedatectl", code: 3,
      make: prometheus("1", age: "-4000")),
    Mistake(
      "two rollouts at once", "rollout 1 to green is running", "Nothing was touched",
      "canary status chat", code: 5,
      make: { sandbox in
        try edit(sandbox, "soak: \"1s\", deadline: \"2s\"", "soak: \"1m\"")
        _ = try sandbox.canary("promote", "chat", "--detach")
        try sandbox.waitForStage(0)
        return try sandbox.canary("promote", "chat")
      }),
    Mistake(
      "a freeze", "frozen by", "black friday", "canary status chat", code: 5,
      make: { sandbox in
        _ = try sandbox.canary("freeze", "chat", "--reason", "black friday")
        return try sandbox.canary("promote", "chat")
      }),
    Mistake(
      "stable is down", "blue does not answer", "nothing is sent back to it", "Repair blue",
      "canary revert chat", code: 0,
      make: { sandbox in
        _ = try sandbox.canary("promote", "chat", "--detach")
        try sandbox.waitForStage(0)
        sandbox.stopApps()
        try sandbox.wait("held") {
          try sandbox.canary("status", "chat").text.contains("does not answer")
        }
        return try sandbox.canary("history", "chat")
      }),
  ]
}
