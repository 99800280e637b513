package import CanaryCore
internal import Dispatch
internal import Glibc
internal import Synchronization

/// What one client saw of one request.
package struct Seen: Sendable {
  package var began: Instant
  package var ended: Instant
  /// 0: no answer at all.
  package var status: Int
  /// The pool that answered, as the app says in its header.
  package var pool: String
}

/// Steady load of keepalive clients that behave as HTTP clients do: a kept connection that the server closed before
/// any byte of an answer is replaced, and a GET sent again once (RFC 9112, 9.3.1).
package final class Load: Sendable {
  private let seen = Mutex<[Seen]>([])
  private let running = Mutex(true)
  private let group = DispatchGroup()
  private let port: Int

  /// Starts the clients; each waits `pause` between its requests, so that a load takes no more of the cores than it has to.
  package init(port: Int, clients: Int, pause: Span = Span(milliseconds: 2), method: String = "GET")
  {
    self.port = port
    signal(SIGPIPE, SIG_IGN)
    for _ in 0..<clients {
      Thread.start(in: group) { self.work(pause: pause, method: method) }
    }
  }

  package var count: Int { seen.withLock { $0.count } }

  /// Ends the clients after their present request; everything that they saw, in the order of ending.
  package func stop() -> [Seen] {
    running.withLock { $0 = false }
    group.wait()
    return seen.withLock { $0 }
  }

  private func work(pause: Span, method: String) {
    var client = Client(port: port)
    while running.withLock({ $0 }) {
      let result = client.request(method: method)
      seen.withLock { $0.append(result) }
      if pause > .zero { usleep(UInt32(pause.milliseconds * 1000)) }
    }
    client.close()
  }
}

/// One keepalive connection.
package struct Client {
  private let port: Int
  private var file: CInt = -1

  package init(port: Int) { self.port = port }

  package mutating func close() {
    if file >= 0 { Glibc.close(file) }
    file = -1
  }

  package mutating func request(method: String = "GET", path: String = "/", body: String = "")
    -> Seen
  {
    let began = Self.now()
    let answer = exchange(method: method, path: path, body: body)
    return Seen(
      began: began, ended: Self.now(), status: answer?.status ?? 0, pool: answer?.pool ?? "")
  }

  /// One request with headers of its own, each as `Name: value`; nil when nothing answers.
  package mutating func exchange(
    method: String = "GET", path: String = "/", headers: [String] = [], body: String = ""
  ) -> Answer? {
    let length = body.isEmpty ? [] : ["Content-Length: \(body.utf8.count)"]
    let lines = ["\(method) \(path) HTTP/1.1", "Host: test"] + headers + length + ["", body]
    let text = lines.joined(separator: "\r\n")
    for attempt in 0..<2 {
      let isKept = file >= 0
      if !isKept, !connect() { return nil }
      if send(text), let answer = receive(noBody: method == "HEAD") {
        if answer["connection"] == "close" { close() }
        return answer
      }
      close()
      if !isKept || attempt > 0 { return nil }
    }
    return nil
  }

  /// What a client got.
  package struct Answer: Sendable {
    package var status: Int
    fileprivate var head: [UInt8]
    package var body: String

    /// A header by its name in small letters; the first of several.
    package subscript(_ name: String) -> String? { Head.value(name, in: head) }

    /// The pool that answered, as the app says.
    package var pool: String { self["x-pool"] ?? "" }
  }

  private static func now() -> Instant {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Instant(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }

  private mutating func connect() -> Bool {
    file = Sockets.connect(port: port) ?? -1
    return file >= 0
  }

  private func send(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    return write(file, bytes, bytes.count) == bytes.count
  }

  private func receive(noBody: Bool) -> Answer? {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      if let end = Head.end(bytes) {
        let head = Array(bytes[..<end])
        let length = noBody ? 0 : Head.value("content-length", in: head).flatMap { Int($0) } ?? 0
        if bytes.count >= end + 4 + length {
          let body = String(decoding: bytes[(end + 4)...], as: UTF8.self)
          return Answer(status: Head.status(head), head: head, body: body)
        }
      }
      let count = read(file, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return nil }
      bytes += chunk[..<count]
    }
  }
}

/// The head of a request or an answer, as bytes.
///
/// It is looked at by the C library: the tests are built for debugging, and send and answer by the million.
enum Head {
  /// Where the empty line begins that ends it.
  static func end(_ bytes: [UInt8]) -> Int? {
    bytes.withUnsafeBytes { raw in
      guard let base = raw.baseAddress else { return nil }
      var at = 0
      while let found = memchr(base + at, 13, raw.count - at) {
        at = base.distance(to: UnsafeRawPointer(found))
        guard at + 4 <= raw.count else { return nil }
        if memcmp(found, "\r\n\r\n", 4) == 0 { return at }
        at += 1
      }
      return nil
    }
  }

  static func status(_ head: [UInt8]) -> Int {
    guard head.count >= 12 else { return 0 }
    return head[9..<12].reduce(0) { $0 * 10 + Int($1 &- 48) }
  }

  /// The value of the first header of that name, in letters of any size.
  static func value(_ name: String, in head: [UInt8]) -> String? {
    let length = name.utf8.count
    return head.withUnsafeBytes { raw in
      guard let base = raw.baseAddress else { return nil }
      var at = 0
      while let found = memchr(base + at, 10, raw.count - at) {
        at = base.distance(to: UnsafeRawPointer(found)) + 1
        guard at + length < raw.count else { return nil }
        let line = (base + at).assumingMemoryBound(to: CChar.self)
        guard strncasecmp(line, name, length) == 0, raw[at + length] == 58 else { continue }
        var start = at + length + 1
        while start < raw.count, raw[start] == 32 { start += 1 }
        let end = memchr(base + start, 13, raw.count - start).map {
          base.distance(to: UnsafeRawPointer($0))
        }
        return String(decoding: raw[start..<(end ?? raw.count)], as: UTF8.self)
      }
      return nil
    }
  }
}

/// Sockets on loopback.
package enum Sockets {
  /// The port handed out last; each process begins at a place of its own.
  private static let last = Mutex(Int(getpid()) * 251 % (ports.count - 1))

  /// Below the range from which the kernel takes the near end of every outgoing connection
  /// (`net.ipv4.ip_local_port_range`, 32768 and up): under the load of the tests such a port is soon taken.
  private static let ports = 10_240..<32_768

  /// A port that nobody has now, and that no one else in this process is told.
  package static func freePort() -> Int {
    last.withLock { last in
      for _ in ports {
        last = (last + 1) % ports.count
        if let file = bound(ports.lowerBound + last) {
          close(file)
          return ports.lowerBound + last
        }
      }
      fatalError("no port between \(ports.lowerBound) and \(ports.upperBound) is free")
    }
  }

  private static func bound(_ port: Int) -> CInt? {
    let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = loopback(port: port)
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    if code == 0 { return file }
    close(file)
    return nil
  }

  /// Listens on a port, and takes up to 512 connections that nobody answers.
  static func listen(_ port: Int) -> CInt {
    let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var one: CInt = 1
    setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<CInt>.size))
    var address = loopback(port: port)
    _ = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    Glibc.listen(file, 512)
    return file
  }

  static func connect(port: Int) -> CInt? {
    let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var one: CInt = 1
    setsockopt(file, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<CInt>.size))
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = loopback(port: port)
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    if code == 0 { return file }
    close(file)
    return nil
  }

  /// Writes all of a text; false when the other side is gone.
  static func send(_ file: CInt, _ text: String) -> Bool {
    let bytes = Array(text.utf8)
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { raw in
        Glibc.send(
          file, raw.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  private static func loopback(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
  }
}
