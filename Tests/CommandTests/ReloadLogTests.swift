import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// What Nginx's error log says while it reloads, and what others write into the same file.
@Suite(.blocking) struct ReloadLogTests {
  /// The reload is told a second late, and until then the log has lines of others.
  private func delay(_ sandbox: Sandbox, logging lines: [String]) throws {
    let script = "\(sandbox.folder)/reload.sh"
    let said = lines.map { "echo '2026/11/27 05:00:00 \($0)' >> \(sandbox.folder)/error.log" }
    try Files.replace(
      script,
      with: (["#!/bin/sh"] + said + ["(sleep 1; exec \"$@\") >/dev/null 2>&1 &", "exit 0", ""])
        .joined(separator: "\n"))
    chmod(script, 0o755)
    let config = "\(sandbox.folder)/canary.json5"
    let text = try #require(try Files.read(config))
    let mark = "reload: [\"nginx\","
    #expect(text.contains(mark))
    try Files.replace(
      config, with: text.replacing(mark, with: "reload: [\"\(script)\", \"nginx\","))
  }

  @Test func `lines of others are no refusal`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: "stages: [{ weight: 100, soak: \"10m\" }], checks: []")
    try delay(
      sandbox,
      logging: [
        "[emerg] 1#1: bind() to 0.0.0.0:80 failed (98: Address already in use)",
        "[alert] \(sandbox.nginxPid)#\(sandbox.nginxPid): worker process 7 exited on signal 11",
        "[alert] 3#3: setrlimit(RLIMIT_NOFILE, 65535) failed (1: Operation not permitted)",
        "[crit] 4#4: *7 SSL_do_handshake() failed, client: 203.0.113.9 [emerg] \(sandbox.nginxPid)#0",
      ])
    let promoted = try sandbox.canary("promote", "chat", "--detach")
    #expect(promoted.code == 0, "\(promoted.text)")
    try sandbox.waitForStage(0)
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }

  @Test func `a refusal of the master ends the wait`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    func zone(_ key: String) -> String { "limit_req_zone $\(key) zone=theirs:32k rate=1r/s;" }
    try sandbox.startApps()
    try sandbox.startNginx(extra: zone("uri"))
    try sandbox.writeConfig(plan: "stages: [{ weight: 100, soak: \"10m\" }], checks: []")
    #expect(try sandbox.canary("apply").code == 0)
    // A test does not see it, because only a running master knows the former key.
    try sandbox.writeNginxConf(extra: zone("host"))
    let began = SystemClock.uptime
    let applied = try sandbox.canary("promote", "chat")
    #expect(applied.code != 0)
    #expect(applied.text.contains("did not take the configuration: limit_req"), "\(applied.text)")
    // Far less than the time in which workers must answer, twice: the stage, and the revert.
    #expect(SystemClock.uptime - began < .seconds(25))
  }
}
