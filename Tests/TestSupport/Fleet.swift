internal import CanaryCore
internal import Glibc
internal import Synchronization

/// What an app of a fleet does with its requests.
package struct Manner: Sendable {
  /// The share that is answered with 500.
  package var failing: Double
  /// How long an answer takes at the median, in milliseconds; the slowest tenth takes three times as long.
  package var latency: Double
  /// The share that takes 800 ms longer than that.
  package var tail: Double

  package init(failing: Double = 0, latency: Double = 0, tail: Double = 0) {
    self.failing = failing
    self.latency = latency
    self.tail = tail
  }
}

/// Many small HTTP apps, each on a port of its own, and open-loop load on other ports: one thread for each of the two.
package final class Fleet: Sendable {
  private struct Shared {
    var manners: [Int: Manner] = [:]
    var failed: [Int: Int] = [:]
    var served: [Int: Int] = [:]
    var statuses: [Int: [Int: Int]] = [:]
    var targets: [Int: Double] = [:]
  }
  private let shared = Mutex(Shared())
  private let isRunning = Mutex(true)
  private let ended = Mutex(0)

  /// Listens on the ports at once; nobody is loaded yet.
  package init(_ apps: [Int: Manner]) {
    signal(SIGPIPE, SIG_IGN)
    shared.withLock { $0.manners = apps }
    let listeners = apps.keys.map { (port: $0, file: Sockets.listen($0)) }
    Self.thread { self.serve(listeners) }
    Self.thread { self.load() }
  }

  package func set(_ port: Int, _ manner: Manner) { shared.withLock { $0.manners[port] = manner } }
  /// Answers with 500 that an app has sent.
  package func failed(_ port: Int) -> Int { shared.withLock { $0.failed[port] ?? 0 } }
  package func served(_ port: Int) -> Int { shared.withLock { $0.served[port] ?? 0 } }
  /// What clients of a port saw, by status.
  package func statuses(_ port: Int) -> [Int: Int] { shared.withLock { $0.statuses[port] ?? [:] } }
  /// Sends so many requests a second to a port, whether they are answered or not.
  package func load(_ port: Int, rate: Double) { shared.withLock { $0.targets[port] = rate } }

  package func close() {
    isRunning.withLock { $0 = false }
    while ended.withLock({ $0 }) < 2 { usleep(1000) }
  }

  private static func thread(_ work: @escaping @Sendable () -> Void) {
    final class Box {
      let work: @Sendable () -> Void
      init(_ work: @escaping @Sendable () -> Void) { self.work = work }
    }
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(work)).toOpaque()
    pthread_create(
      &thread, nil,
      { box in
        guard let box else { return nil }
        Unmanaged<Box>.fromOpaque(box).takeRetainedValue().work()
        return nil
      }, box)
    pthread_detach(thread)
  }

  // MARK: the apps

  private func serve(_ listeners: [(port: Int, file: CInt)]) {
    var files = listeners.map { pollfd(fd: $0.file, events: Int16(POLLIN), revents: 0) }
    var ports = listeners.map(\.port)
    var owed: [(at: Int64, file: CInt, failed: Bool)] = []
    var dice = Dice(seed: 7)
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while isRunning.withLock({ $0 }) {
      let wait = owed.map(\.at).min().map { max(0, min(20, $0 - Self.now())) } ?? 20
      _ = poll(&files, UInt(files.count), Int32(wait))
      let now = Self.now()
      owed.removeAll { one in
        guard one.at <= now else { return false }
        Self.answer(one.file, one.failed)
        return true
      }
      var gone: Set<CInt> = []
      for index in files.indices where files[index].revents != 0 {
        if index < listeners.count {
          let new = accept(files[index].fd, nil, nil)
          guard new >= 0 else { continue }
          var one: CInt = 1
          setsockopt(new, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<CInt>.size))
          files.append(pollfd(fd: new, events: Int16(POLLIN), revents: 0))
          ports.append(ports[index])
          continue
        }
        guard read(files[index].fd, &chunk, chunk.count) > 0 else {
          gone.insert(files[index].fd)
          continue
        }
        let (failed, delay) = take(ports[index], &dice)
        if delay == 0 {
          Self.answer(files[index].fd, failed)
        } else {
          owed.append((now + delay, files[index].fd, failed))
        }
      }
      if !gone.isEmpty {
        owed.removeAll { gone.contains($0.file) }
        for index in files.indices.reversed() where gone.contains(files[index].fd) {
          Glibc.close(files[index].fd)
          files.remove(at: index)
          ports.remove(at: index)
        }
      }
    }
    for file in files { Glibc.close(file.fd) }
    ended.withLock { $0 += 1 }
  }

  private func take(_ port: Int, _ dice: inout Dice) -> (failed: Bool, delay: Int64) {
    let chance = dice.share()
    let slow = dice.share()
    let late = dice.share()
    return shared.withLock { shared in
      let manner = shared.manners[port] ?? Manner()
      shared.served[port, default: 0] += 1
      let failed = chance < manner.failing
      if failed { shared.failed[port, default: 0] += 1 }
      // From half the median to one and a half, and a tenth of them three times as long.
      let factor = slow < 0.1 ? 3 : 0.5 + (slow - 0.1) / 0.9
      let extra: Int64 = late < manner.tail ? 800 : 0
      return (failed, Int64((manner.latency * factor).rounded()) + extra)
    }
  }

  private static func answer(_ file: CInt, _ failed: Bool) {
    let text =
      failed
      ? "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 6\r\n\r\nsorry\n"
      : "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
    let bytes = Array(text.utf8)
    _ = write(file, bytes, bytes.count)
  }

  // MARK: the load

  /// How many requests of a port may wait for an answer: on a machine that is too slow for the load, it would grow
  /// until no test can open a file any more.
  private static let most = 200

  private func load() {
    var idle: [Int: [CInt]] = [:]
    var busy: [CInt: Int] = [:]
    var inFlight: [Int: Int] = [:]
    var due: [Int: Double] = [:]
    var chunk = [UInt8](repeating: 0, count: 16_384)
    let request = Array("GET / HTTP/1.1\r\nHost: test\r\n\r\n".utf8)
    while isRunning.withLock({ $0 }) {
      let now = Double(Self.now())
      for (port, rate) in shared.withLock({ $0.targets }) {
        // What a starved machine could not send in time is lost: sent at once, it is a fault too.
        var next = max(due[port] ?? now, now - 100)
        while next <= now {
          next += 1000 / rate
          if inFlight[port, default: 0] >= Self.most { continue }
          guard let file = idle[port]?.popLast() ?? Sockets.connect(port: port) else { continue }
          if write(file, request, request.count) == request.count {
            busy[file] = port
            inFlight[port, default: 0] += 1
          } else {
            Glibc.close(file)
          }
        }
        due[port] = next
      }
      var files = busy.keys.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      _ = poll(&files, UInt(files.count), 2)
      for one in files where one.revents != 0 {
        guard let port = busy.removeValue(forKey: one.fd) else { continue }
        inFlight[port, default: 0] -= 1
        let count = read(one.fd, &chunk, chunk.count)
        guard count > 12 else {
          // A kept connection that was closed at a reload: sent again, as clients do.
          Glibc.close(one.fd)
          if let file = Sockets.connect(port: port), write(file, request, request.count) > 0 {
            busy[file] = port
            inFlight[port, default: 0] += 1
          }
          continue
        }
        let head = Array(chunk[..<count])
        let status = Head.status(head)
        shared.withLock { $0.statuses[port, default: [:]][status, default: 0] += 1 }
        let isClosing = Head.value("connection", in: head) == "close"
        if isClosing { Glibc.close(one.fd) } else { idle[port, default: []].append(one.fd) }
      }
    }
    for file in idle.values.joined() { Glibc.close(file) }
    for file in busy.keys { Glibc.close(file) }
    ended.withLock { $0 += 1 }
  }

  private static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
