import CanaryAdapters
import CanaryCore
import Dispatch
import Glibc
import Synchronization
import TestSupport
import Testing

/// What lasts longer than a stage: streams of events, WebSockets, uploads.
@Suite(.blocking) struct StreamTests {
  private static let plan = """
    stages: [{ weight: 50, soak: "1s" }, { weight: 80, soak: "1s" }, { weight: 100, soak: "10m" }],
    checks: []
    """

  /// How long workers of a former configuration may serve their last clients.
  private static let grace = 9

  @discardableResult
  private func start(_ sandbox: Sandbox, plan: String = Self.plan) throws -> (
    blue: StandIn, green: StandIn
  ) {
    let apps = sandbox.startStandIns()
    try sandbox.startNginx(main: "worker_shutdown_timeout \(Self.grace)s;")
    try sandbox.writeConfig(plan: plan)
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 0, "\(applied.text)")
    return apps
  }

  /// What one client saw of a stream: when each message came.
  private final class Watch: Sendable {
    let times = Mutex<[Instant]>([])
    let group = DispatchGroup()

    /// Notes the time of each message until there is none any more.
    func follow(_ next: @escaping @Sendable () -> Bool) {
      Thread.start(in: group) {
        while next() { self.times.withLock { $0.append(SystemClock.now) } }
      }
    }

    var last: Instant { times.withLock { $0.last } ?? Instant(milliseconds: 0) }
    var longestGap: Span {
      times.withLock { times in zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? .hours(1) }
    }
  }

  @Test func `streams and sockets live through a rollout and a revert`() throws {
    try Campaign.current.rounds(1) { try expectStreamsLive($0) }
  }

  private func expectStreamsLive(_ round: Campaign.Round) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try start(sandbox)
    nonisolated(unsafe) let events = try #require(Wire(port: sandbox.port))
    #expect(events.send("GET /events?every=1000 HTTP/1.1\r\nHost: test\r\n\r\n"))
    _ = try #require(events.read(until: "\r\n\r\n"))
    let stream = Watch()
    // Nothing is held back: an event a second comes as an event a second.
    stream.follow {
      events.read(until: "\n\n", within: .seconds(5))?.contains("data: blue ") == true
    }
    nonisolated(unsafe) let socket = try #require(Wire(port: sandbox.port))
    #expect(
      socket.send(
        "GET /ws HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"))
    #expect(try #require(socket.read(until: "\r\n\r\n")).contains("101 Switching"))
    let echo = Watch()
    echo.follow {
      usleep(300_000)
      return socket.send("ping\n") && socket.read(until: "ping\n", within: .seconds(5)) == ""
    }
    usleep(UInt32(500_000 + round.place * 1_500_000))
    let reloaded = SystemClock.now
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.wait("the last stage") { try sandbox.field("weight") == "100" }
    #expect(try sandbox.canary("revert", "chat").code == 0)
    let whole = SystemClock.now - reloaded
    #expect(whole < .seconds(Double(Self.grace)), "too slow to say anything: \(whole)")
    stream.group.wait()
    echo.group.wait()
    for (what, watch) in [("stream", stream), ("socket", echo)] {
      let lived = watch.last - reloaded
      #expect(
        lived > .seconds(Double(Self.grace) - 2), "the \(what) was cut after \(lived), \(round)")
      #expect(
        watch.longestGap < .seconds(2.5),
        "the \(what) stood still for \(watch.longestGap), \(round)")
    }
    #expect(stream.times.withLock { $0.count } >= Self.grace - 2)
    // Those that come now begin anew, on stable.
    let next = try #require(Wire(port: sandbox.port))
    #expect(next.send("GET /events?every=100 HTTP/1.1\r\nHost: test\r\n\r\n"))
    _ = next.read(until: "\r\n\r\n")
    #expect(next.read(until: "\n\n", within: .seconds(2))?.contains("data: blue 0") == true)
  }

  @Test func `an upload of a gibibyte goes through a stage change`() throws {
    try Campaign.current.rounds(1) { try expectUploadLives($0) }
  }

  private func expectUploadLives(_ round: Campaign.Round) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    // A stage ends when it is told to: however long the first part takes, the second one is another stage's.
    try start(sandbox, plan: Self.plan.replacing("\"1s\"", with: "\"10m\""))
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.wait("the first stage") { try sandbox.field("weight") == "50" }
    let wire = try #require(Wire(port: sandbox.port))
    let whole = 1 << 30
    let first = Int(Double(whole) * (0.1 + 0.8 * round.place))
    #expect(wire.send("POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: \(whole)\r\n\r\n"))
    #expect(wire.send(zeros: first), "the first part, \(round)")
    let before = try sandbox.field("generation")
    #expect(try sandbox.canary("advance", "chat").code == 0)
    try sandbox.wait("another stage") { try sandbox.field("weight") == "80" }
    #expect(try sandbox.field("generation") != before, "\(round)")
    #expect(wire.send(zeros: whole - first), "the second part, \(round)")
    let head = try #require(wire.read(until: "\r\n\r\n", within: .minutes(1)))
    #expect(head.contains(" 200 "), "\(round): \(head)")
    #expect(wire.read(until: "\n") == "\(whole)", "\(round)")
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }
}
