import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// Releases that answer, and are bad all the same: none of them passes the default checks.
@Suite(.blocking) struct BadReleaseTests {
  private static func whole(_ status: Int, _ body: String, _ headers: String = "") -> String {
    "HTTP/1.1 \(status) x\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
  }

  private static let page = String(repeating: "a page of some length\n", count: 40)

  /// What each bad canary answers; `chance` is from 0 to 1.
  private static let bad: [String: @Sendable (_ chance: Double) -> String] = [
    "missing": { _ in whole(404, page) }, "unauthorized": { _ in whole(401, page) },
    "forbidden": { _ in whole(403, page) }, "limited": { _ in whole(429, page) },
    "redirect": { _ in whole(302, "", "Location: /login\r\n") },
    "half": { $0 < 0.5 ? whole(404, page) : whole(200, page) }, "empty": { _ in whole(200, "") },
    "nothing": { _ in "HTTP/1.1 204 x\r\n\r\n" }, "tiny": { _ in whole(200, "x") },
    "short": {
      $0 < 0.4
        ? "HTTP/1.1 200 x\r\nContent-Length: 880\r\nConnection: close\r\n\r\na page"
        : whole(200, page)
    },
    "chunks": {
      $0 < 0.4
        ? "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\na pag\r\n"
        : "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n370\r\n\(page)\r\n0\r\n\r\n"
    },
    "hangs": { _ in
      usleep(5_000_000)
      return ""
    },
  ]

  /// Stable, and a good release: a few of its requests are rejected, led elsewhere, or end in nothing.
  private static func good(_ chance: Double) -> String {
    switch chance {
    case ..<0.05: whole(404, page)
    case ..<0.08: whole(302, "", "Location: /login\r\n")
    case ..<0.1: "HTTP/1.1 204 x\r\n\r\n"
    default: whole(200, page)
    }
  }

  private struct Member {
    let name: String
    let port = Sockets.freePort()
    let blue = Sockets.freePort()
    let green = Sockets.freePort()
  }

  private func config(_ members: [Member], _ folder: String) -> String {
    let services = members.map { one in
      """
      \(one.name): {
        listen: ["127.0.0.1:\(one.port)"], stable: "blue",
        plan: { stages: [{ weight: 30, soak: "12s" }, { weight: 100, soak: "1s" }] },
        pools: { blue: { servers: ["127.0.0.1:\(one.blue)"] }, green: { servers: ["127.0.0.1:\(one.green)"] } },
      },
      """
    }.joined(separator: "\n")
    return """
      {
        nginx: {
          config: "nginx.conf", include: "canary", logs: "logs",
          test: ["nginx", "-t", "-q", "-c", "\(folder)/nginx.conf"],
          reload: ["nginx", "-s", "reload", "-c", "\(folder)/nginx.conf"],
        },
        state: "state", run: "run", services: { \(services) },
      }

      """
  }

  private func phase(_ sandbox: Sandbox, _ one: Member) throws -> (phase: String, text: String) {
    let text = try sandbox.canary("status", one.name, "--json").text
    let phases = ["soaking", "reverted", "promoted"]
    return (phases.first { text.contains("\"phase\": \"\($0)\"") } ?? "", text)
  }

  @Test(.hungry) func `no bad release passes the default checks, and a good one does`() throws {
    let members = (Self.bad.keys.sorted() + ["good"]).map { Member(name: $0) }
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    for one in members {
      for (port, answer) in [(one.blue, Self.good), (one.green, Self.bad[one.name] ?? Self.good)] {
        let chunks = one.name == "chunks" ? Self.bad["chunks"] : nil
        sandbox.standIn(one.name, port: port).set { head, _ in
          if head.hasPrefix("GET /health ") { return Self.whole(200, "ok") }
          let chance = Double.random(in: 0..<1)
          // This one's stable answers in chunks as well, and whole.
          return port == one.blue ? chunks?(1) ?? answer(chance) : answer(chance)
        }
      }
    }
    try sandbox.startNginx()
    try Files.replace("\(sandbox.folder)/canary.json5", with: config(members, sandbox.folder))
    let applied = try sandbox.canary("apply")
    try #require(applied.code == 0, "\(applied.text)")
    let controller = try sandbox.launch("controller")
    let loads = members.map {
      HastyLoad(port: $0.port, clients: 4, pause: Span(milliseconds: 60), patience: .seconds(2))
    }
    for one in members {
      let promoted = try sandbox.canary("promote", one.name, "--detach")
      #expect(promoted.code == 0, "\(promoted.text)")
    }
    try sandbox.wait("all are over", 120) {
      try members.allSatisfy { ["reverted", "promoted"].contains(try phase(sandbox, $0).phase) }
    }
    for load in loads { #expect(load.stop().count > 50) }
    for one in members {
      let end = try phase(sandbox, one)
      let reason = end.text.split(separator: "\n").first { $0.contains("\"reason\"") } ?? ""
      print("\(one.name): \(end.phase) \(reason)")
      #expect(
        end.phase == (one.name == "good" ? "promoted" : "reverted"), "\(one.name): \(end.text)")
    }
    controller.stop()
  }
}
