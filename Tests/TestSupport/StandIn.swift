internal import CanaryAdapters
package import CanaryCore
package import Dispatch
internal import Glibc
internal import Synchronization

/// A server of an app, as far as tests need one: answers, streams, echoes, takes uploads, and can be slow, failing or dead.
///
/// `/events` is a stream of one event a second (or each `?every=MS`); an upgrade is answered by an echo of all bytes.
package final class StandIn: Sendable {
  package let name: String
  package let port: Int
  private struct State {
    var listener: CInt = -1
    var delay = Span.zero
    var status = 200
    /// What it answers, when not its name.
    var body: String?
    var seen: [String] = []
    var posts: [(head: String, body: String)] = []
    var files: [CInt] = []
    var answer: (@Sendable (String, String) -> String)?
  }
  private let state = Mutex(State())

  package init(_ name: String, port: Int = Sockets.freePort()) {
    self.name = name
    self.port = port
    start()
  }

  deinit { stop() }

  /// The heads of the requests that came, each whole.
  package var seen: [String] { state.withLock { $0.seen } }

  /// The requests that came with a short body, each whole.
  package var posts: [(head: String, body: String)] { state.withLock { $0.posts } }

  package func set(delay: Span = .zero, status: Int = 200, body: String? = nil) {
    state.withLock {
      $0.body = body
      $0.delay = delay
      $0.status = status
    }
  }

  /// Answers each request by its head and its short body with a whole answer of the test's own;
  /// one that says `Connection: close` ends it, whatever it promised.
  package func set(answer: @escaping @Sendable (String, String) -> String) {
    state.withLock { $0.answer = answer }
  }

  package func start() {
    let listener = Sockets.listen(port)
    state.withLock { $0.listener = listener }
    Thread.start { [weak self] in
      while true {
        let file = accept(listener, nil, nil)
        guard file >= 0 else { return }
        guard let self else {
          close(file)
          return
        }
        self.state.withLock { $0.files.append(file) }
        Thread.start { [weak self] in self?.serve(file) }
      }
    }
  }

  /// Refuses connections from now on, and cuts those that are there.
  package func stop() {
    let (listener, files) = state.withLock { state in
      defer { (state.listener, state.files) = (-1, []) }
      return (state.listener, state.files)
    }
    if listener >= 0 {
      shutdown(listener, Int32(SHUT_RDWR))
      close(listener)
    }
    for file in files { shutdown(file, Int32(SHUT_RDWR)) }
  }

  private func serve(_ file: CInt) {
    defer {
      state.withLock { state in state.files.removeAll { $0 == file } }
      close(file)
    }
    var bytes: [UInt8] = []
    while let head = readHead(file, &bytes) {
      state.withLock { $0.seen.append(head) }
      let lines = head.split(separator: "\r\n")
      let first = lines.first?.split(separator: " ").map(String.init) ?? []
      guard first.count == 3 else { return }
      if value("upgrade", lines) != nil { return echo(file, bytes) }
      var length = value("content-length", lines).flatMap { Int($0) } ?? 0
      let whole = length
      var sent = ""
      if (1...(64 << 10)).contains(whole) {
        guard let body = readBody(file, &bytes, whole) else { return }
        state.withLock { $0.posts.append((head, body)) }
        sent = body
        length = 0
      }
      if let answer = state.withLock({ $0.answer }) {
        let text = answer(head, sent)
        guard Sockets.send(file, text), !text.contains("Connection: close\r\n") else { return }
        continue
      }
      length -= bytes.count
      if length > 0 { guard discard(file, length) else { return } }
      bytes = length < 0 ? Array(bytes.suffix(-length)) : []
      let wantsEvents = value("accept", lines) == "text/event-stream"
      if wantsEvents || first[1].hasPrefix("/events") { return stream(file, first[1]) }
      let (delay, status, own) = state.withLock { ($0.delay, $0.status, $0.body) }
      if delay > .zero { usleep(UInt32(delay.milliseconds * 1000)) }
      let body = own ?? (whole > 0 ? "\(whole)\n" : "\(name) \(first[1])\n")
      let text =
        "HTTP/1.1 \(status) x\r\nContent-Length: \(body.utf8.count)\r\nX-Pool: \(name)\r\nConnection: keep-alive\r\n\r\n"
        + (first[0] == "HEAD" ? "" : body)
      guard Sockets.send(file, text) else { return }
    }
  }

  private func stream(_ file: CInt, _ path: String) {
    let every = path.split(separator: "=").last.flatMap { UInt32($0) } ?? 1000
    guard
      Sockets.send(
        file,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Pool: \(name)\r\nConnection: close\r\n\r\n"
      )
    else { return }
    for number in 0..<100_000 {
      guard Sockets.send(file, "data: \(name) \(number)\n\n") else { return }
      usleep(every * 1000)
    }
  }

  private func echo(_ file: CInt, _ early: [UInt8]) {
    guard
      Sockets.send(
        file,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Pool: \(name)\r\n\r\n"
      )
    else { return }
    var next = early
    while true {
      guard write(file, next, next.count) == next.count else { return }
      var chunk = [UInt8](repeating: 0, count: 4096)
      let count = read(file, &chunk, chunk.count)
      guard count > 0 else { return }
      next = Array(chunk[..<count])
    }
  }

  private func readHead(_ file: CInt, _ bytes: inout [UInt8]) -> String? {
    while true {
      if let end = Head.end(bytes) {
        let head = String(decoding: bytes[..<end], as: UTF8.self)
        bytes.removeFirst(end + 4)
        return head
      }
      var chunk = [UInt8](repeating: 0, count: 16 << 10)
      let count = read(file, &chunk, chunk.count)
      guard count > 0 else { return nil }
      bytes += chunk[..<count]
    }
  }

  private func readBody(_ file: CInt, _ bytes: inout [UInt8], _ length: Int) -> String? {
    var chunk = [UInt8](repeating: 0, count: 16 << 10)
    while bytes.count < length {
      let count = read(file, &chunk, chunk.count)
      guard count > 0 else { return nil }
      bytes += chunk[..<count]
    }
    defer { bytes.removeFirst(length) }
    return String(decoding: bytes[..<length], as: UTF8.self)
  }

  private func discard(_ file: CInt, _ length: Int) -> Bool {
    var left = length
    var chunk = [UInt8](repeating: 0, count: 256 << 10)
    while left > 0 {
      let count = read(file, &chunk, min(left, chunk.count))
      guard count > 0 else { return false }
      left -= count
    }
    return true
  }

  private func value(_ name: String, _ lines: [Substring]) -> String? {
    lines.first { $0.lowercased().hasPrefix("\(name):") }.map {
      String($0.dropFirst(name.count + 1).drop { $0 == " " })
    }
  }
}

/// A thread of its own for what blocks for long.
///
/// A queue of Dispatch would do only while it has threads left: few more than there are cores, for all tests together.
package enum Thread {
  /// Like `start`, and the group waits for its end.
  package static func start(in group: DispatchGroup, _ work: @escaping @Sendable () -> Void) {
    group.enter()
    start {
      work()
      group.leave()
    }
  }

  package static func start(_ work: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
      let work: @Sendable () -> Void
      init(_ work: @escaping @Sendable () -> Void) { self.work = work }
    }
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(work))
    let code = pthread_create(
      &thread, nil,
      { raw in
        raw.map { Unmanaged<Box>.fromOpaque($0).takeRetainedValue().work() }
        return nil
      }, box.toOpaque())
    precondition(code == 0, "no thread")
    pthread_detach(thread)
  }
}
