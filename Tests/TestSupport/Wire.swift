internal import CanaryAdapters
package import CanaryCore
internal import Glibc

/// One connection, written and read as it comes.
package final class Wire {
  private let file: CInt
  private var bytes: [UInt8] = []

  /// Nil when nobody listens.
  package init?(port: Int) {
    signal(SIGPIPE, SIG_IGN)
    guard let file = Sockets.connect(port: port) else { return nil }
    self.file = file
  }

  deinit { close(file) }

  package func send(_ text: String) -> Bool { Sockets.send(file, text) }

  /// So many zeros; false when the other side is gone before that.
  package func send(zeros: Int) -> Bool {
    let chunk = [UInt8](repeating: 0, count: 256 << 10)
    var left = zeros
    while left > 0 {
      let count = Glibc.send(file, chunk, min(left, chunk.count), Int32(MSG_NOSIGNAL))
      guard count > 0 else { return false }
      left -= count
    }
    return true
  }

  /// All until the other side ends; nil when the time is over.
  package func readAll(within limit: Span = .seconds(20)) -> [UInt8]? {
    let end = SystemClock.now + limit
    while let hasMore = readChunk(until: end) {
      if !hasMore { return bytes }
    }
    return nil
  }

  /// Takes what comes next; false at the other side's end, nil when the time is over.
  private func readChunk(until end: Instant) -> Bool? {
    let left = end - SystemClock.now
    guard left > .zero else { return nil }
    var poller = pollfd(file)
    guard poll(&poller, 1, Int32(left.milliseconds)) > 0 else { return nil }
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    let count = Glibc.read(file, &chunk, chunk.count)
    guard count > 0 else { return false }
    bytes += chunk[..<count]
    return true
  }

  /// All up to a mark, which is taken too; nil when the other side ends or the time is over.
  package func read(until mark: String, within limit: Span = .seconds(20)) -> String? {
    let end = Array(mark.utf8)
    let last = SystemClock.now + limit
    while true {
      if bytes.count >= end.count,
        let at = (0...(bytes.count - end.count)).first(where: {
          bytes[$0] == end[0] && Array(bytes[$0..<($0 + end.count)]) == end
        })
      {
        let text = String(decoding: bytes[..<at], as: UTF8.self)
        bytes.removeFirst(at + end.count)
        return text
      }
      guard readChunk(until: last) == true else { return nil }
    }
  }

  private func pollfd(_ file: CInt) -> Glibc.pollfd {
    Glibc.pollfd(fd: file, events: Int16(POLLIN), revents: 0)
  }
}
