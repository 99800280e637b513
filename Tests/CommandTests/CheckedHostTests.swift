import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// What `check` says of a host on which a rollout could not work, with a real Nginx.
@Suite(.blocking) struct CheckedHostTests {
  private func check(_ sandbox: Sandbox, _ code: Int32, _ says: String...) throws {
    let checked = try sandbox.canary("check")
    #expect(checked.code == code, "\(checked.text)")
    for text in says { #expect(checked.text.contains(text), "\(text) in \(checked.text)") }
  }

  @Test func `before the first apply one line says so, and an Nginx that is down is a fault`()
    throws
  {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startApps()
    try sandbox.writeNginxConf(main: "worker_shutdown_timeout 20s;")
    try sandbox.writeConfig()
    try check(sandbox, 1, "✗ Nginx is not running (no process by its pid file", "nginx -c ")
    try sandbox.startNginxAsWritten()
    try check(
      sandbox, 0, "! chat: not applied yet: canary apply chat", "ready: nothing was touched")
    #expect(try sandbox.canary("apply").code == 0)
    try check(sandbox, 0, "✓ chat: Nginx answers with generation")
    sandbox.stopApps()
    try check(sandbox, 1, "✗ chat: pool blue does not answer", "! chat: pool green does not answer")
  }

  @Test func `a port that another process has is named with that process`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startApps()
    try sandbox.startNginx(main: "error_log stderr; worker_shutdown_timeout 20s;")
    try sandbox.writeConfig()
    let other = try Child([
      "python3", "-m", "http.server", "\(sandbox.port)", "--bind", "127.0.0.1",
    ])
    defer { other.stop() }
    try sandbox.wait("the other process") { sandbox.answers(sandbox.port) }
    try check(
      sandbox, 1,
      "✗ chat: 127.0.0.1:\(sandbox.port) is taken by process \(other.pid) (python3), so Nginx cannot listen there",
      "! `error_log stderr; at \(sandbox.nginxConf):2` is no file")
  }

  @Test func `a location that includes nothing of canary's is named with the line to add`() throws {
    let sandbox = try LocationCheckTests.sandbox()
    defer { sandbox.close() }
    try sandbox.writeNginxConf(
      extra: """
        server {
        listen 127.0.0.1:\(sandbox.port);
        location / {
        proxy_pass http://127.0.0.1:\(sandbox.bluePorts[0]);
        } }
        """)
    let file = "include \(sandbox.folder)/canary/chat.location;"
    try check(
      sandbox, 1, "✗ chat: nothing includes",
      "right after the { of \(sandbox.nginxConf):11, add: \(file)",
      "take out line 12: proxy_pass http://127.0.0.1:\(sandbox.bluePorts[0]);")
  }

  @Test func `an include of yours that comes before the first apply is no fault`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startApps()
    try sandbox.startNginx()
    try sandbox.writeConfig()
    let path = "\(sandbox.folder)/canary.json5"
    let config = try #require(try Files.read(path))
    try Files.replace(
      path, with: config.replacing("listen: [\"127.0.0.1:\(sandbox.port)\"],", with: ""))
    try LocationCheckTests.write("location / { {{ }", in: sandbox)
    try check(sandbox, 0, "! nginx -t fails until the first `canary apply`", "not applied yet")
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 0, "\(applied.text)")
    try sandbox.wait("the service") { sandbox.answers(sandbox.port) }
    try check(sandbox, 0, "✓ chat: Nginx answers with generation")
  }
}
