package import CanaryCore
internal import Dispatch
internal import Glibc
internal import Synchronization

/// Clients that take a connection for each request, read to its end, and give up soon.
package final class HastyLoad: Sendable {
  private let isRunning = Mutex(true)
  private let group = DispatchGroup()
  /// What was read of each answer, whole; empty: nothing came in time.
  private let answers = Mutex<[String]>([])

  /// Each of the clients waits `pause` between its requests, and `patience` for an answer.
  package init(port: Int, clients: Int, pause: Span, patience: Span) {
    signal(SIGPIPE, SIG_IGN)
    for _ in 0..<clients {
      Thread.start(in: group) {
        while self.isRunning.withLock({ $0 }) {
          let answer = Self.ask(port, patience)
          self.answers.withLock { $0.append(answer) }
          usleep(UInt32(pause.milliseconds * 1000))
        }
      }
    }
  }

  /// Ends the clients; the answers that they got.
  package func stop() -> [String] {
    isRunning.withLock { $0 = false }
    group.wait()
    return answers.withLock { $0 }
  }

  private static func ask(_ port: Int, _ patience: Span) -> String {
    guard let file = Sockets.connect(port: port) else { return "" }
    defer { close(file) }
    var limit = timeval(
      tv_sec: Int(patience.milliseconds / 1000),
      tv_usec: Int(patience.milliseconds % 1000 * 1000))
    setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    guard Sockets.send(file, "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n") else {
      return ""
    }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(file, &chunk, chunk.count)
      guard count > 0 else { break }
      bytes += chunk[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
