import CanaryAdapters
import CanaryCore
import CanaryDriver
import Glibc
import TestSupport
import Testing

/// Which Nginx takes a reload is told by its workers, never by a pid file.
@Suite(.blocking) struct MastersTests {
  private static let plan = """
    stages: [{ weight: 50, soak: "10m" }, { weight: 100, soak: "1s" }], checks: []
    """

  private func start(_ sandbox: Sandbox) throws {
    try sandbox.start(plan: Self.plan)
    try sandbox.writeConfig(plan: Self.plan, nginx: "verify: \"2s\",")
  }

  private func master(_ sandbox: Sandbox) throws -> Int32? {
    try Files.read("\(sandbox.folder)/nginx.pid").flatMap { Int32($0.filter { $0.isNumber }) }
  }

  private func expectStable(_ sandbox: Sandbox, at place: SourceLocation = #_sourceLocation) {
    var wrong = 0
    for _ in 0..<100 {
      var client = Client(port: sandbox.port)
      let seen = client.request()
      if seen.pool != "blue" || seen.status != 200 { wrong += 1 }
      client.close()
    }
    #expect(wrong == 0, sourceLocation: place)
  }

  @Test func `in a binary upgrade the workers of the former master count too`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try start(sandbox)
    // Nginx ignores the signal under the parent that started it; so it is started by one that ends.
    sandbox.stopNginx()
    let detached = "\(Sandbox.nginx) -c \(sandbox.nginxConf) > /dev/null 2>&1 & sleep 1"
    #expect(try Spawn.run(["sh", "-c", detached], limit: .seconds(10)).succeeded)
    try sandbox.wait("Nginx") { try master(sandbox) != nil && sandbox.answers(sandbox.port) }
    let old = try #require(try master(sandbox))
    defer { kill(old, SIGTERM) }
    kill(old, SIGUSR2)
    try sandbox.wait("a second master") {
      try master(sandbox).map { $0 != old && $0 > 0 } ?? false && sandbox.answers(sandbox.port)
    }
    let new = try #require(try master(sandbox))
    defer { kill(new, SIGTERM) }
    try sandbox.wait("workers of both") { Set(sandbox.workers.map(\.master)) == [old, new] }
    let told = try sandbox.canary("status", "chat").text
    #expect(told.contains("2 masters of Nginx take requests"), "\(told)")
    // The text of the first stage reaches the new master only.
    let refused = try sandbox.canary("promote", "chat")
    #expect(refused.code == 1 && refused.text.contains("Two masters of Nginx run"), "\(refused)")
    expectStable(sandbox)
    kill(old, SIGQUIT)
    try sandbox.wait("one master") { Set(sandbox.workers.map(\.master)) == [new] }
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    // An upgrade in a stage: both masters read the same text, and so the same set.
    kill(new, SIGUSR2)
    try sandbox.wait("a third master") {
      try master(sandbox).map { $0 != new && $0 > 0 } ?? false && sandbox.answers(sandbox.port)
    }
    let newest = try #require(try master(sandbox))
    defer { kill(newest, SIGTERM) }
    let reverted = try sandbox.canary("revert", "chat")
    #expect(reverted.code == 0, "\(reverted)")
    expectStable(sandbox)
  }

  @Test func `a pid file of another Nginx is not believed`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try start(sandbox)
    let own = try #require(try Files.read("\(sandbox.folder)/nginx.pid"))
    let other = try #require(try Files.read("\(sandbox.folder)/apps/nginx.pid"))
    try Files.replace("\(sandbox.folder)/nginx.pid", with: other)
    let refused = try sandbox.canary("promote", "chat")
    #expect(
      refused.code == 1
        && refused.text.contains(
          "names process \(other.filter { $0.isNumber }), but the workers that answer belong to master \(own.filter { $0.isNumber })"
        ), "\(refused)")
    expectStable(sandbox)
    try Files.replace("\(sandbox.folder)/nginx.pid", with: own)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    // A revert by seats reloads nothing, and so asks no pid file.
    try Files.replace("\(sandbox.folder)/nginx.pid", with: other)
    let reverted = try sandbox.canary("revert", "chat")
    #expect(reverted.code == 0, "\(reverted.text)")
    expectStable(sandbox)
    try Files.replace("\(sandbox.folder)/nginx.pid", with: own)
  }

  @Test func `a stale pid file is told`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try start(sandbox)
    let own = try #require(try Files.read("\(sandbox.folder)/nginx.pid"))
    try Files.replace("\(sandbox.folder)/nginx.pid", with: "4194303\n")
    let refused = try sandbox.canary("promote", "chat")
    #expect(refused.code == 1 && refused.text.contains("pid file is stale"), "\(refused)")
    expectStable(sandbox)
    try Files.replace("\(sandbox.folder)/nginx.pid", with: own)
  }
}
