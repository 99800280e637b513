internal import CanaryCore
internal import CanaryDriver
internal import Glibc

/// Asks one worker about many services, over as few connections as it allows.
///
/// A new connection for each of 10,000 services takes seconds. One that is kept is always the same
/// worker's, so this suits what every worker is known to have read, and never tells of all of them.
struct ProbeRound {
  private let socket: String
  private let limit: Span

  init(socket: String, limit: Span = .seconds(1)) {
    self.socket = socket
    self.limit = limit
  }

  /// The answers; who is missing was not answered for, and is to be asked by itself.
  func answers(_ services: [ServiceName]) -> [ServiceName: WorkerAnswer] {
    var answers: [ServiceName: WorkerAnswer] = [:]
    var left = services[...]
    // How many are asked before the first answer is read: they fit into the socket's buffers.
    var width = 64
    while !left.isEmpty {
      guard case .connected(let file) = UnixSocket.connect(socket) else { break }
      defer { close(file) }
      let before = left.count
      converse(file, &left, width) { answers[$0] = $1 }
      if left.count == before { break }
      // Nginx closes a connection after some answers; what was asked behind them is lost.
      width = min(width, before - left.count)
    }
    return answers
  }

  /// Takes from `left` whoever was answered for, until the connection ends.
  private func converse(
    _ file: CInt, _ left: inout ArraySlice<ServiceName>, _ width: Int,
    _ take: (ServiceName, WorkerAnswer) -> Void
  ) {
    var asked = 0
    var bytes: [UInt8] = []
    while !left.isEmpty {
      if asked == 0 {
        let now = left.prefix(width)
        let text = now.map { "GET / HTTP/1.1\r\nHost: \($0.probeHost).canary\r\n\r\n" }.joined()
        guard (try? Files.writeAll(file, Array(text.utf8), path: socket)) != nil else { return }
        asked = now.count
      }
      guard let answer = HTTPText(&bytes) else {
        guard read(file, into: &bytes) else { return }
        continue
      }
      let service = left.removeFirst()
      asked -= 1
      if answer.isGood,
        let parsed = WorkerAnswer(answer.body, type: answer.type, service: service)
      {
        take(service, parsed)
      }
    }
  }

  private func read(_ file: CInt, into bytes: inout [UInt8]) -> Bool {
    var poller = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
    guard bytes.count < 64 << 10, poll(&poller, 1, Int32(limit.milliseconds)) > 0 else {
      return false
    }
    var chunk = [UInt8](repeating: 0, count: 16 << 10)
    let count = Glibc.read(file, &chunk, chunk.count)
    guard count > 0 else { return false }
    bytes += chunk[..<count]
    return true
  }
}

/// One answer of Nginx at the head of what was read, with a length that it states.
private struct HTTPText {
  let isGood: Bool
  let type: String
  let body: String

  /// Takes the answer from the bytes; nil when it is not whole yet, or has no length.
  init?(_ bytes: inout [UInt8]) {
    let end = Array("\r\n\r\n".utf8)
    guard let start = bytes.indices.first(where: { bytes[$0...].starts(with: end) }) else {
      return nil
    }
    let head = String(decoding: bytes[..<start], as: UTF8.self)
    func header(_ name: String) -> Substring? {
      head.split(separator: "\r\n").lazy.compactMap { line -> Substring? in
        let parts = line.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == name else { return nil }
        return parts[1].drop { $0 == " " }
      }.first
    }
    let from = start + end.count
    guard let length = header("content-length").flatMap({ Int($0) }), (0...4096).contains(length),
      bytes.count >= from + length
    else { return nil }
    isGood = head.hasPrefix("HTTP/1.1 200 ")
    type = header("content-type").map(String.init) ?? ""
    body = String(decoding: bytes[from..<(from + length)], as: UTF8.self)
    bytes.removeFirst(from + length)
  }
}
