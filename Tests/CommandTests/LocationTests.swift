import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// A service in a location of the user's own, as with an Nginx that is there already.
@Suite(.blocking) struct LocationTests {
  @Test func `a location of one's own is rolled out and keeps its own log`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startApps()
    let server = { (body: String) in
      "server { listen 127.0.0.1:\(sandbox.port); location / { \(body) } }"
    }
    try sandbox.startNginx(extra: server("return 418;"))
    try sandbox.writeConfig(
      service:
        "access_log: [\"\(sandbox.folder)/logs/own.log combined\"], headers: { \"X-Env\": \"test 1\" },"
    )
    let config = try #require(try Files.read("\(sandbox.folder)/canary.json5"))
    try Files.replace(
      "\(sandbox.folder)/canary.json5",
      with: config.replacing("listen: [\"127.0.0.1:\(sandbox.port)\"],", with: ""))
    // The order of the README: apply first, then include the location, then reload.
    #expect(try sandbox.canary("apply").code == 0)
    try sandbox.writeNginxConf(
      extra: server("include \(sandbox.folder)/canary/chat.location;"),
      main: "worker_shutdown_timeout 20s;")
    #expect(
      try Spawn.run(["nginx", "-s", "reload", "-c", sandbox.nginxConf], limit: .seconds(10))
        .succeeded)
    // A reload is asynchronous: a former worker may still take a connection, and answer as before.
    try sandbox.wait("location") { sandbox.workers.count == 2 && sandbox.answers(sandbox.port) }
    let load = Load(port: sandbox.port, clients: 3, pause: Span(milliseconds: 2))
    let promoted = try sandbox.canary("promote", "chat")
    let seen = load.stop()
    #expect(promoted.code == 0, "\(promoted.text)")
    #expect(seen.allSatisfy { $0.status == 200 })
    #expect(seen.last?.pool == "green")
    #expect((Files.size(of: "\(sandbox.folder)/logs/own.log") ?? 0) > 10_000)
    // Once the location is there, an Nginx that does not run needs the files before it can start.
    sandbox.stopNginx()
    _ = try Spawn.run(["rm", "-rf", "\(sandbox.folder)/canary"], limit: .seconds(5))
    let offline = try sandbox.canary("apply", "--offline")
    #expect(offline.code == 0 && offline.text.contains("Nginx not told"), "\(offline.text)")
    let tested = try Spawn.run(["nginx", "-t", "-q", "-c", sandbox.nginxConf], limit: .seconds(10))
    #expect(tested.succeeded, "\(tested.output)")
  }

  @Test func `what is not safe to send twice is sent once`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      plan: "stages: [{ weight: 50, soak: \"10m\" }, { weight: 100, soak: \"1s\" }], checks: []")
    try sandbox.set("green.dead")
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    var client = Client(port: sandbox.port)
    defer { client.close() }
    let posts = (0..<20).map { _ in client.request(method: "POST", body: "once").status }
    #expect(posts.contains(503) && posts.contains(200), "\(posts)")
    #expect((0..<20).allSatisfy { _ in client.request().status == 200 })
    #expect(try sandbox.canary("revert", "chat").code == 0)
    let after = (0..<20).map { _ in client.request(method: "POST", body: "once").status }
    #expect(after.allSatisfy { $0 == 200 }, "\(after)")
  }

  @Test func `a large upload is let through`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start()
    let script = """
      import http.client
      client = http.client.HTTPConnection("127.0.0.1", \(sandbox.port), timeout=60)
      client.request("POST", "/", body=bytes(30_000_000))
      print(client.getresponse().status)
      """
    let answer = try Spawn.run(["python3", "-c", script], limit: .minutes(1))
    #expect(answer.output == "200\n", "\(answer.output)")
  }
}
