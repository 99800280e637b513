import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// The example of docs/examples for Dify, with stand-ins for its three kinds of servers.
@Suite(.blocking) struct DifyTests {
  private static let kinds = ["5001": "api", "3000": "web", "5002": "plugins"]

  @Test func `the layout of Dify is rolled out as the example says`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let root = Files.folder(of: Files.folder(of: Files.folder(of: #filePath)))
    var text = try #require(try Files.read("\(root)/docs/examples/dify.json5"))
    var apps: [StandIn] = []
    for (host, pool) in [("10.0.0.11", "blue"), ("10.0.0.12", "green")] {
      for (port, kind) in Self.kinds {
        let app = sandbox.standIn("\(pool)-\(kind)")
        apps.append(app)
        text = text.replacing("\(host):\(port) ", with: "127.0.0.1:\(app.port) ")
      }
    }
    text = text.replacing("0.0.0.0:80", with: "127.0.0.1:\(sandbox.port)").replacing(
      "{\n  services: {",
      with: """
        {
          nginx: { config: "nginx.conf", include: "canary", logs: "logs",
            test: ["nginx", "-t", "-q", "-c", "\(sandbox.nginxConf)"],
            reload: ["nginx", "-s", "reload", "-c", "\(sandbox.nginxConf)"] },
          state: "state", run: "run",
          services: {
        """)
    try Files.replace("\(sandbox.folder)/canary.json5", with: text)
    try sandbox.startNginx()
    let checked = try sandbox.canary("check")
    #expect(checked.text.contains("✓ nginx -t of what would be generated"), "\(checked.text)")
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 0, "\(applied.text)")

    var client = Client(port: sandbox.port)
    defer { client.close() }
    let routes = [
      ("/", "web"), ("/apps", "web"), ("/explore/x", "web"), ("/console/api/me", "api"),
      ("/api/chat", "api"), ("/v1/chat-messages", "api"), ("/files/1", "api"), ("/mcp", "api"),
      ("/triggers/x", "api"), ("/e/hook", "plugins"),
    ]
    for (path, kind) in routes {
      let answer = client.exchange(path: path)
      #expect(answer?.pool == "blue-\(kind)", "\(path): \(answer?.pool ?? "-")")
    }
    let hook = apps.first { $0.name == "blue-plugins" }?.seen.last ?? ""
    #expect(hook.contains("Dify-Hook-Url: http://test/e/hook"), "\(hook)")
    #expect(hook.contains("X-Forwarded-Port: \(sandbox.port)"), "\(hook)")

    // Answers are streams: each event comes when it is sent.
    let wire = try #require(Wire(port: sandbox.port))
    #expect(
      wire.send(
        "POST /v1/chat-messages?every=400 HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\nContent-Length: 2\r\n\r\n{}"
      ))
    _ = wire.read(until: "\r\n\r\n")
    let began = SystemClock.now
    for number in 0..<3 {
      #expect(wire.read(until: "\n\n")?.contains("data: blue-api \(number)") == true)
    }
    let spent = SystemClock.now - began
    #expect(spent > .seconds(0.5) && spent < .seconds(4), "\(spent)")

    // Uploads of 100 MB go through, larger ones are refused.
    for (size, status) in [(100 << 20, 200), ((100 << 20) + 1, 413)] {
      let upload = try #require(Wire(port: sandbox.port))
      #expect(
        upload.send("POST /files/upload HTTP/1.1\r\nHost: test\r\nContent-Length: \(size)\r\n\r\n"))
      if status == 200 { #expect(upload.send(zeros: size)) }
      let head = upload.read(until: "\r\n\r\n", within: .minutes(1)) ?? ""
      #expect(head.contains(" \(status) "), "\(size): \(head)")
    }

    // Testers first; and then a user has one version for pages and for answers.
    #expect(try sandbox.canary("promote", "dify", "--detach").code == 0)
    let secret = "X-Preview: change-me"
    try sandbox.wait("testers") { client.exchange(headers: [secret])?.pool == "green-web" }
    for (path, kind) in routes {
      let tester = client.exchange(path: path, headers: [secret])
      let user = client.exchange(path: path)
      #expect(tester?.pool == "green-\(kind)" && user?.pool == "blue-\(kind)", "\(path)")
    }
    #expect(try sandbox.canary("advance", "dify").code == 0)
    try sandbox.wait("the first share") {
      for _ in 0..<5 { _ = client.exchange(path: "/apps", headers: [secret]) }
      let status = try sandbox.canary("status", "dify", "--json").text
      return status.contains("\"blue\": 95")
    }
    var greens = 0
    for _ in 0..<200 {
      let first = client.exchange()
      guard let cookie = first?["set-cookie"]?.prefix(while: { $0 != ";" }) else {
        Issue.record("no cookie")
        break
      }
      let color = first?.pool.prefix { $0 != "-" } ?? "?"
      if color == "green" { greens += 1 }
      for (path, kind) in routes.prefix(8) where color == "green" || greens == 1 {
        let answer = client.exchange(path: path, headers: ["Cookie: \(cookie)"])
        #expect(answer?.pool == "\(color)-\(kind)", "\(path): \(answer?.pool ?? "-")")
      }
    }
    #expect((1...30).contains(greens), "\(greens)")
    let reverted = try sandbox.canary("revert", "dify")
    #expect(reverted.code == 0, "\(reverted.text)")
    #expect(client.exchange(headers: [secret])?.pool == "blue-web")
  }
}
