import CanaryAdapters
import CanaryCore
import CanaryDriver
import Glibc
import TestSupport
import Testing

/// What lasts longer than a rollout, by the hundred: no stage and no revert makes an old worker.
@Suite(.blocking) struct ManyStreamsTests {
  private static let streams = 200
  private static let sockets = 50
  private static let weights = [5, 10, 30, 60, 100]

  @Test func `hundreds of streams and sockets live through every stage and a revert`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    _ = sandbox.startStandIns()
    try sandbox.startNginx(main: "worker_shutdown_timeout 10s;")
    let stages = Self.weights.map { "{ weight: \($0), soak: \"10m\" }" }.joined(separator: ", ")
    try sandbox.writeConfig(plan: "stages: [\(stages)], checks: []")
    #expect(try sandbox.canary("apply").code == 0)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    let events = try (0..<Self.streams).map { _ in try stream(sandbox.port) }
    let echoes = try (0..<Self.sockets).map { _ in try socket(sandbox.port) }
    let workers = sandbox.workers.filter { !$0.isShuttingDown }.map(\.pid).sorted()
    for index in 1..<Self.weights.count {
      #expect(try sandbox.canary("advance", "chat").code == 0)
      try sandbox.waitForStage(index)
      expectAlive(events, echoes, "in stage \(index + 1)")
      let now = sandbox.workers.filter { !$0.isShuttingDown }.map(\.pid).sorted()
      #expect(now == workers, "new workers in stage \(index + 1)")
    }
    #expect(try sandbox.canary("revert", "chat").code == 0)
    expectAlive(events, echoes, "after the revert")
    #expect(sandbox.workers.filter { !$0.isShuttingDown }.map(\.pid).sorted() == workers)
    let pools = Set(events.map(\.pool))
    #expect(pools == ["blue", "green"], "both pools have streams: \(pools)")
  }

  private func stream(_ port: Int) throws -> (wire: Wire, pool: String) {
    let wire = try #require(Wire(port: port))
    #expect(wire.send("GET /events?every=500 HTTP/1.1\r\nHost: test\r\n\r\n"))
    let head = try #require(wire.read(until: "\r\n\r\n"))
    return (wire, head.contains("X-Pool: green") ? "green" : "blue")
  }

  private func socket(_ port: Int) throws -> Wire {
    let wire = try #require(Wire(port: port))
    #expect(
      wire.send(
        "GET /ws HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"))
    #expect(try #require(wire.read(until: "\r\n\r\n")).contains("101 Switching"))
    return wire
  }

  /// Each stream has an event, and each socket an answer, on the connection that it began with.
  private func expectAlive(
    _ events: [(wire: Wire, pool: String)], _ echoes: [Wire], _ place: String
  ) {
    let cut = events.count { $0.wire.read(until: "\n\n")?.contains("data: \($0.pool) ") != true }
    #expect(cut == 0, "\(cut) streams were cut \(place)")
    let silent = echoes.count { !$0.send("ping\n") || $0.read(until: "ping\n") == nil }
    #expect(silent == 0, "\(silent) sockets were cut \(place)")
  }
}
