import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// `canary init` as a person meets it, on a real terminal.
@Suite(.blocking) struct InitPersonTests {
  private func host() throws -> InitHost {
    let host = try InitHost()
    let app = host.sandbox.bluePorts[0]
    try host.write([
      "nginx.conf": """
      \(host.head)
      http {
        \(host.temporary)
        access_log \(host.sandbox.folder)/logs/access.log;
        server {
          listen 127.0.0.1:\(host.sandbox.port); server_name shop.example.com;
          location /api/ { proxy_pass http://127.0.0.1:\(app); proxy_set_header Host $host; }
          location / { proxy_pass http://127.0.0.1:\(app); proxy_set_header Host $host; }
        }
        server {
          listen 127.0.0.1:\(host.sandbox.port); server_name www.news.example.com;
          location / { proxy_pass http://127.0.0.1:\(app); proxy_set_header Host $host; }
        }
      }

      """
    ])
    return host
  }

  @Test func `a wrong answer is asked again, and the commands at the end can be typed`() throws {
    let host = try host()
    defer { host.close() }
    let folder = host.sandbox.folder
    let screen = try Screen(columns: 150, rows: 50, folder: folder)
    defer { screen.close() }
    let config = "\(folder)/mine.json5"
    try screen.type(
      "\(Sandbox.program) init --config \(config) --nginx \(host.main) --state \(folder)/state --run \(folder)/run --logs \(folder)/logs; echo exit=$?"
    )
    try screen.wait(for: "Which is the service? (1 to 3)")
    try screen.type("seven")
    try screen.wait(for: "must be a number from 1 to 3 (found 'seven')", "Once more, or Ctrl-C:")
    try screen.type("1")
    try screen.wait(for: "Where will the new version live?")
    try screen.type("green")
    try screen.wait(for: "(found 'green')")
    try screen.type("127.0.0.1:\(host.sandbox.greenPorts[0])")
    try screen.wait(
      for: "service shop-api, stable blue",
      "canary check --config \(config) && canary apply --config",
      "Then, once the new version runs: canary promote shop-api --release VERSION", "exit=0")
    #expect(try Files.read(config)?.contains("\"shop-api\": {") == true)
  }

  @Test func `a service is called by what its users see`() throws {
    let host = try host()
    defer { host.close() }
    for (pick, name) in [("1", "shop-api"), ("2", "shop"), ("3", "news")] {
      let ran = try host.begin("--pick", pick)
      #expect(ran.text.contains("service \(name), stable blue"), "\(ran.text)")
      try Files.remove("\(host.sandbox.folder)/canary.json5")
    }
  }

  @Test func `several Nginx are listed, and one must be named`() throws {
    let (one, other) = (try host(), try host())
    defer {
      one.close()
      other.close()
    }
    let ran = try one.sandbox.canary("init", "shop", "--new", "127.0.0.1:9002")
    #expect(ran.code == 2 && ran.text.contains("Several Nginx run here"), "\(ran.text)")
    #expect(ran.text.contains(one.main) && ran.text.contains(other.main), "\(ran.text)")
    #expect(ran.text.contains("say it with --nginx FILE"), "\(ran.text)")
  }
}
