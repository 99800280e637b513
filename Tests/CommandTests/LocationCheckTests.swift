import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// `check` and a location of one's own that goes wrong, with a real Nginx.
@Suite(.blocking) struct LocationCheckTests {
  /// Apps, a config without `listen`, and canary's files as `apply` makes them.
  static func sandbox(_ service: String = "", plan: String = Sandbox.quick) throws -> Sandbox {
    let sandbox = try Sandbox()
    try sandbox.startApps(failShare: "50%")
    try sandbox.writeConfig(
      service: service.replacing("LOGS", with: "\(sandbox.folder)/logs"), plan: plan)
    let path = "\(sandbox.folder)/canary.json5"
    let config = try #require(try Files.read(path))
    try Files.replace(
      path, with: config.replacing("listen: [\"127.0.0.1:\(sandbox.port)\"],", with: ""))
    try sandbox.startNginx(main: "")
    let applied = try sandbox.canary("apply", "--offline")
    #expect(applied.code == 0, "\(applied.text)")
    return sandbox
  }

  /// One server; `{{` stands for the include in its location, `[[` for the one in the server.
  static func write(_ server: String, http: String = "", in sandbox: Sandbox) throws {
    let include = "include \(sandbox.folder)/canary/chat"
    let text = server.replacing("{{", with: "\(include).location;")
      .replacing("[[", with: "\(include).server;")
    try sandbox.writeNginxConf(
      extra: """
        \(http)
        server {
        listen 127.0.0.1:\(sandbox.port); proxy_set_header Host $host;
        \(text)
        }
        """, main: "worker_shutdown_timeout 20s;")
  }

  @Test func `each kind is told with its place by check`() throws {
    let sandbox = try Self.sandbox("sticky: \"user\"")
    defer { sandbox.close() }
    let kinds: [(server: String, says: String, code: Int32)] = [
      ("location / { {{ add_header X-A b; }", "ready: nothing was touched", 0),
      (
        "location / {\n rewrite ^/a(.*)$ /$1 break;\n {{ }", ":13: `rewrite ^/a(.*)$ /$1 break;`", 1
      ),
      ("location / {\n if ($args) {\n break; } {{ }", ":14: `break;` comes before", 1),
      ("location / {\n return 204; {{ }", ":13: `return 204;` takes every request", 1),
      (
        "location / {\n if ($args) {\n expires 1h; } {{ }", ":14: `expires 1h;` stands in an `if`",
        1
      ),
      ("location / { {{\n try_files $uri /x; }", "try_files $uri @chat;", 1),
      ("location / { {{\n grpc_pass grpc://127.0.0.1:1; }", "only one of the two can", 1),
      ("location / { {{\n if ($args) { proxy_pass http://127.0.0.1:1; } }", "! chat: ", 0),
      ("location / { {{\n open_file_cache off; }", ":13: `open_file_cache off;` is a duplicate", 1),
      ("location / { {{\n access_log off; }", ":13: `access_log off;` switches off", 1),
      ("location / { {{\n if ($args) { access_log off; } }", ":13: `access_log off;` takes the", 1),
      ("add_header X-B c;\nlocation / {\n {{ }", "ready: nothing was touched", 0),
      ("userid on;\nlocation / {\n {{ }", ":12: `userid on;` and canary's `userid on;` cannot", 1),
      ("location / { {{ limit_except GET {\n allow 127.0.0.1; deny all; } }", "other methods", 1),
      ("error_page 502 /50x.html;\nlocation / { {{ }", ":12: `error_page 502 /50x.html;`", 1),
      ("location / { {{ } location /f/ {\n internal; }", "X-Accel-Redirect", 0),
    ]
    for (server, says, code) in kinds {
      try Self.write(server, in: sandbox)
      let checked = try sandbox.canary("check", "chat")
      #expect(
        checked.text.contains(says) && checked.code == code, "\(server) → \(says): \(checked)")
    }
  }

  @Test func `what http says of a server of canary's is told`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startApps()
    try sandbox.startNginx()
    let kinds: [(http: String, service: String, says: String, code: Int32)] = [
      (
        "userid on;", "sticky: \"user\",",
        "`userid on;` and canary's `userid on;` cannot both set a cookie in one location", 1
      ),
      ("userid off;", "sticky: \"user\",", "ready: nothing was touched", 0),
      ("userid on;", "", "ready: nothing was touched", 0),
      (
        "add_header X-A b;", "expose: true,",
        "`add_header X-A b;` is lost where canary's `add_header", 1
      ),
      ("add_header X-A b;", "", "ready: nothing was touched", 0),
      ("proxy_set_header X-A b;", "", "repeat it in services.chat.headers", 0),
      ("proxy_set_header X-A b;", "headers: { \"X-A\": \"b\" },", "ready: nothing was touched", 0),
    ]
    for (http, service, says, code) in kinds {
      try sandbox.writeConfig(service: service)
      try sandbox.writeNginxConf(extra: http)
      let checked = try sandbox.canary("check", "chat")
      #expect(
        checked.text.contains(says) && checked.code == code, "\(http) → \(says): \(checked)")
    }
  }

  @Test func `a rewrite that ends before the include is a fault, and first it is none`() throws {
    let sandbox = try Self.sandbox()
    defer { sandbox.close() }
    let rewrite = "rewrite ^/(.*)$ /$1 break;"
    try Self.write("location / {\n\(rewrite)\n{{\n}", in: sandbox)
    let checked = try sandbox.canary("check")
    #expect(checked.code == 1 && checked.text.contains("the first line"), "\(checked.text)")
    // What it would do: no request is answered by a pool, brake or not.
    sandbox.stopNginx()
    try sandbox.startNginxAsWritten()
    var client = Client(port: sandbox.port)
    defer { client.close() }
    let before = client.request()
    #expect(before.status == 500 || before.pool == "blue", "\(before)")
    try Self.write("location / {\n{{\n\(rewrite)\n}", in: sandbox)
    let first = try sandbox.canary("check")
    #expect(first.code == 0, "\(first.text)")
    #expect(
      try Spawn.run(["nginx", "-s", "reload", "-c", sandbox.nginxConf], limit: .seconds(10))
        .succeeded)
    try sandbox.wait("location") { sandbox.answers(sandbox.port) }
  }
}

/// `check` and your own tree, in which it tries what would be installed.
@Suite(.blocking) struct TreeCheckTests {
  @Test func `what your own tree makes of canary's files is told, and nothing is touched`() throws {
    let sandbox = try LocationCheckTests.sandbox("access_log: [\"LOGS/own.log own\"],")
    defer { sandbox.close() }
    let site = "\(sandbox.folder)/sites"
    try Files.makeFolder(site)
    try Files.replace("\(sandbox.folder)/a.types", with: "types { text/plain txt; }")
    let write = { (text: String) in
      try Files.replace(
        "\(site)/a.conf", with: "server { listen 127.0.0.1:\(sandbox.port); \(text) }")
      try sandbox.writeNginxConf(
        extra: "log_format own '$status'; include a.types; include sites/*.conf;")
    }
    try write(
      "location / {\n include canary/chat.location;\n proxy_set_header A b; proxy_set_header Host $host; }"
    )
    // As `nginx -t` of what is installed opens the logs that it names.
    let once = try sandbox.canary("check")
    #expect(once.code == 0, "\(once.text)")
    let before = Self.everything(in: sandbox.folder)
    let good = try sandbox.canary("check")
    #expect(good.code == 0 && !good.text.contains("of canary's own"), "\(good.text)")
    #expect(Self.everything(in: sandbox.folder) == before)
    // Only in this tree are these faults: a duplicate that no list has, and a name taken twice.
    try write(
      "location / {\n include canary/chat.location;\n proxy_next_upstream_tries 9; proxy_set_header Host $host; }"
    )
    let twice = try sandbox.canary("check")
    #expect(
      twice.code == 1 && twice.text.contains("✗ nginx -t of what would be generated")
        && twice.text.contains("in \(site)/a.conf:3"), "\(twice.text)")
    try write(
      "location / { include canary/chat.location; proxy_set_header Host $host; } } upstream canary.chat.blue { server [::1]:1;"
    )
    let name = try sandbox.canary("check")
    #expect(
      name.code == 1 && name.text.contains("duplicate upstream \"canary.chat.blue\""),
      "\(name.text)")
  }

  @Test func `what a killed check left is taken away by the next one`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startApps()
    try sandbox.startNginx()
    try sandbox.writeConfig()
    let gone = try Child(["true"])
    _ = gone.wait()
    let (left, used) = (
      "/tmp/canary-check-\(gone.pid)-AAAAAA", "/tmp/canary-check-\(getpid())-AAAAAA"
    )
    defer { _ = try? Spawn.run(["rm", "-rf", left, used], limit: .seconds(10)) }
    for folder in [left, used] {
      try Files.makeFolder("\(folder)/tree")
      try Files.replace("\(folder)/tree/key.pem", with: "a key")
    }
    _ = try sandbox.canary("check")
    #expect(!Files.exists(left) && Files.exists("\(used)/tree/key.pem"))
    // And it leaves nothing of its own.
    let mine = Files.names(in: "/tmp").filter { $0.hasPrefix("canary-check-") }
    #expect(
      mine.allSatisfy { name in
        Int32(name.dropFirst(13).prefix { $0 != "-" }).map { kill($0, 0) == 0 } ?? true
      }, "\(mine)")
  }

  private static func everything(in folder: String) -> [String] {
    let found = try? Spawn.run(
      [
        "find", folder, "-not", "-type", "d", "-not", "-path", "*/apps/*", "-printf", "%P %s %T@\n",
      ],
      limit: .seconds(10))
    return (found?.output ?? "").split(separator: "\n").map(String.init).sorted()
  }

  @Test func `a tree that cannot be read is said, and what can be tried is tried`() throws {
    let sandbox = try LocationCheckTests.sandbox()
    defer { sandbox.close() }
    let path = "\(sandbox.folder)/canary.json5"
    let config = try #require(try Files.read(path))
    try Files.replace(
      path, with: config.replacing("config: \"nginx.conf\"", with: "config: \"none\""))
    let checked = try sandbox.canary("check")
    #expect(checked.text.contains("✓ nginx -t of what would be generated"), "\(checked.text)")
    #expect(checked.text.contains("in a configuration of canary's own"), "\(checked.text)")
  }
}
