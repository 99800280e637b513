import CanaryAdapters
import CanaryCore
import Dispatch
import Glibc
import Synchronization
import TestSupport
import Testing

/// What a client can stretch, as by sending or reading slowly, is no evidence against a release.
@Suite(.blocking) struct ClientPaceTests {
  private static let plan = """
    stages: [{ weight: 50, soak: "5s" }, { weight: 100, soak: "1s" }],
    checks: [{ name: "latency", metric: "latency_p99", max: "700ms", window: "10s", every: "200ms" }]
    """

  /// Sends and reads in pieces with pauses, over and over, until it is told to stop.
  private static func dawdle(
    _ port: Int, _ isOver: @escaping @Sendable () -> Bool, _ group: DispatchGroup
  ) {
    for pieces in [
      ["POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234", "56789"],
      ["PUT /up HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", "0123456789"],
      ["GET /big HTTP/1.1\r\nHost: x\r\n\r\n", ""],
    ] {
      Thread.start(in: group) {
        while !isOver() {
          guard let wire = Wire(port: port) else { continue }
          _ = wire.send(pieces[0])
          usleep(1_500_000)
          _ = wire.send(pieces[1])
          _ = wire.read(until: "end of it", within: .seconds(5))
        }
      }
    }
  }

  private func start(_ sandbox: Sandbox) throws -> (
    blue: StandIn, green: StandIn
  ) {
    let servers = sandbox.startStandIns()
    let big = String(repeating: "0123456789abcdef", count: 1 << 19) + "end of it"
    for server in [servers.blue, servers.green] {
      server.set { head, _ in
        let body = head.hasPrefix("GET /big") ? big : "end of it"
        return "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
      }
    }
    try sandbox.startNginx()
    try sandbox.writeConfig(plan: Self.plan)
    let applied = try sandbox.canary("apply")
    try #require(applied.code == 0, "\(applied.text)")
    try sandbox.wait("service") { sandbox.answers(sandbox.port) }
    return servers
  }

  @Test func `slow uploads and slow readers revert nothing`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    _ = try start(sandbox)
    let group = DispatchGroup()
    final class Flag: Sendable { let isUp = Mutex(false) }
    let flag = Flag()
    for _ in 0..<4 { Self.dawdle(sandbox.port, { flag.isUp.withLock { $0 } }, group) }
    let load = Load(port: sandbox.port, clients: 2, pause: Span(milliseconds: 20), method: "POST")
    usleep(2_000_000)
    let promote = try sandbox.canary("promote", "chat")
    #expect(promote.code == 0, "\(promote.text)")
    flag.isUp.withLock { $0 = true }
    group.wait()
    _ = load.stop()
    let log = try #require(try Files.read("\(sandbox.folder)/logs/canary-chat.log"))
    let lines = log.split(separator: "\n").map { $0.split(separator: "\t") }
    let slow = lines.filter { $0[0] == "canary6" && $0.count == 17 && $0[11] != $0[12] }
    #expect(slow.count > 5, "\(log.suffix(2000))")
  }

  /// Sends HTTP/2 requests with bodies that take over a second, over and over, until it is ended.
  private static let dawdler = """
    import socket, struct, sys, time
    def frame(kind, flags, stream, data): return struct.pack(">I", len(data))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + data
    def field(name, value): return b"\\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
    while True:
      try:
        one = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
        one.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + frame(4, 0, 0, b""))
        for stream in range(1, 40, 2):
          head = field(b":method", [b"POST", b"GET"][stream % 4 // 2]) + field(b":scheme", b"http") + field(b":path", b"/up") + field(b":authority", b"x")
          one.sendall(frame(1, 4, stream, head) + frame(0, 0, stream, b"01234"))
          time.sleep(1.5)
          one.sendall(frame(0, 1, stream, b"56789"))
      except OSError: time.sleep(0.05)
    """

  @Test func `slow uploads by HTTP 2 of your own server revert nothing`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let port = Sockets.freePort()
    _ = sandbox.startStandIns()
    try sandbox.writeConfig(service: "buffering: false,", plan: Self.plan)
    let path = "\(sandbox.folder)/canary.json5"
    let config = try #require(Files.contents(path))
    try Files.replace(
      path, with: config.replacing("listen: [\"127.0.0.1:\(sandbox.port)\"],", with: ""))
    try sandbox.startNginx()
    #expect(try sandbox.canary("apply").code == 0)
    try sandbox.writeNginxConf(
      extra: """
        server {
          listen 127.0.0.1:\(port) http2; listen 127.0.0.1:\(sandbox.port);
          location / { include \(sandbox.folder)/canary/chat.location; proxy_http_version 1.1; }
        }
        """)
    #expect(try sandbox.canary("apply").code == 0)
    _ = try Spawn.run(
      ["nginx", "-s", "reload", "-c", sandbox.nginxConf], limit: .seconds(10))
    try sandbox.wait("service") { sandbox.answers(sandbox.port) }
    let slow = try (0..<4).map { _ in try Child(["python3", "-c", Self.dawdler, "\(port)"]) }
    defer { for one in slow { one.stop() } }
    let load = Load(port: sandbox.port, clients: 2, pause: Span(milliseconds: 20), method: "POST")
    usleep(2_000_000)
    let promote = try sandbox.canary("promote", "chat")
    #expect(promote.code == 0, "\(promote.text)")
    _ = load.stop()
  }

  @Test func `a server that is slow itself is reverted, whatever its requests carry`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let servers = try start(sandbox)
    servers.green.set { _, _ in
      usleep(1_000_000)
      return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    }
    let load = Load(port: sandbox.port, clients: 8, pause: Span(milliseconds: 5), method: "POST")
    defer { _ = load.stop() }
    let promote = try sandbox.canary("promote", "chat")
    #expect(promote.code == 3 && promote.text.contains("FAILED     latency: "), "\(promote.text)")
  }
}
