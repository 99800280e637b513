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
    try sandbox.writeConfig(service: service, plan: plan)
    let path = "\(sandbox.folder)/canary.json5"
    let config = try #require(try Files.read(path))
    try Files.replace(
      path, with: config.replacing("listen: [\"127.0.0.1:\(sandbox.port)\"],", with: ""))
    try sandbox.writeNginxConf()
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
      ("add_header X-B c;\nlocation / {\n {{ }", ":12: `add_header X-B c;` is lost", 1),
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

  @Test func `a rewrite that ends before the include is a fault, and first it is none`() throws {
    let sandbox = try Self.sandbox()
    defer { sandbox.close() }
    let rewrite = "rewrite ^/(.*)$ /$1 break;"
    try Self.write("location / {\n\(rewrite)\n{{\n}", in: sandbox)
    let checked = try sandbox.canary("check")
    #expect(checked.code == 1 && checked.text.contains("the first line"), "\(checked.text)")
    // What it would do: no request is answered by a pool, brake or not.
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
