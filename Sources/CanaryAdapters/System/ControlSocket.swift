internal import CSystem
package import CanaryCore
internal import Glibc

/// The Unix socket on which people of this host ask the controller.
///
/// The kernel says who asks: the peer of a connection is a fact, whatever it sends. One line in, one
/// answer out. Connections are read side by side, so that one which says nothing holds nobody up.
package final class ControlSocket: Sendable {
  /// Who asks, by the kernel.
  package struct Peer: Sendable {
    package let pid: Int32
    let user: uid_t
    let group: gid_t
  }

  private let listener: CInt
  private let path: String
  /// The group whose people may ask, besides root and this process's own user.
  private let group: gid_t
  private let waiting = ControlWaiting()

  private init(listener: CInt, path: String, group: gid_t) {
    self.listener = listener
    self.path = path
    self.group = group
  }

  deinit {
    close(listener)
    unlink(path)
    waiting.end()
  }

  /// Listens on the path; whoever does so holds the controller's lease, so what stands there is of
  /// one that died.
  ///
  /// `group` names those who may ask; nil: this process's own group.
  package static func listen(_ path: String, group name: String?) throws(FileError)
    -> ControlSocket
  {
    var group = getegid()
    if let name {
      guard let entry = getgrnam(name) else {
        throw FileError(
          "cannot listen on", path,
          saying: "there is no group '\(name)' (`operators` in the config)",
          code: ENOENT)
      }
      group = entry.pointee.gr_gid
    }
    Files.clearWay(path)
    guard let (found, length) = UnixSocket.address(path) else {
      throw FileError("cannot listen on", path, code: ENAMETOOLONG)
    }
    var address = found
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let file = socket(AF_UNIX, kind | Int32(SOCK_NONBLOCK.rawValue), 0)
    guard file >= 0 else { throw FileError("cannot listen on", path) }
    let isBound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(file, $0, length) == 0 }
    }
    // Nobody can connect before it listens, and it has its mode by then.
    guard isBound, chmod(path, 0o600) == 0, chown(path, uid_t.max, group) == 0,
      chmod(path, 0o660) == 0, Glibc.listen(file, 128) == 0
    else {
      let error = FileError("cannot listen on", path)
      close(file)
      if isBound { unlink(path) }
      throw error
    }
    return ControlSocket(listener: file, path: path, group: group)
  }

  /// One connection: what was asked, by whom, and the way back.
  package final class Question: Sendable {
    package let peer: Peer
    package let line: String
    private let file: CInt
    private let waiting: ControlWaiting

    fileprivate init(peer: Peer, line: String, file: CInt, _ waiting: ControlWaiting) {
      self.peer = peer
      self.line = line
      self.file = file
      self.waiting = waiting
    }

    deinit {
      close(file)
      waiting.ended(peer.user)
    }

    /// Sends the answer; blocks for two seconds at most.
    package func answer(_ text: String) { ControlSocket.send(text, file, limit: .seconds(2)) }
  }

  /// The next question of somebody who may ask, within the limit; nil: there was none.
  ///
  /// Blocks; one call at a time. A peer that sends no line within a second is left.
  package func next(within limit: Span) -> Question? {
    let end = ContinuousClock.now + .milliseconds(limit.milliseconds)
    while true {
      if let (peer, line, file) = waiting.read() {
        return Question(peer: peer, line: line, file: file, waiting)
      }
      let left = Span(end - ContinuousClock.now)
      guard left > .zero, waiting.wait(listener, min(left, .seconds(0.1))) else {
        if left > .zero { continue }
        return nil
      }
      accept()
    }
  }

  /// Takes up the connections that wait, as far as they are of people who may ask.
  private func accept() {
    let kind = Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    for _ in 0..<32 {
      let file = canary_accept(listener, kind)
      guard file >= 0 else {
        // Without a descriptor for it, the connection stays where it is.
        if errno != EAGAIN { usleep(50_000) }
        return
      }
      var (pid, user, own) = (CInt(0), uid_t.max, gid_t.max)
      guard canary_peer(file, &pid, &user, &own) == 0,
        mayAsk(Peer(pid: pid, user: user, group: own))
      else {
        close(file)
        continue
      }
      waiting.add(Peer(pid: pid, user: user, group: own), file)
    }
  }

  /// The mode of the socket says the same; this holds where its folder was changed by hand, too.
  private func mayAsk(_ peer: Peer) -> Bool {
    peer.user == 0 || peer.user == geteuid() || peer.group == group
      || ThisProcess.groups(of: peer.user).contains(group)
  }

  /// The person behind a peer, as the kernel knows it.
  ///
  /// `claim` is what it says of itself, which can only take rights away.
  package static func actor(_ peer: Peer, sudo: UInt32?, claim: String?) -> Actor {
    let login = Files.contents("/proc/\(peer.pid)/loginuid", limit: 64)
    let name = Files.contents("/proc/\(peer.pid)/comm", limit: 64)?.firstLine ?? "a program"
    let said = claim.map { ", which says: \($0)" } ?? ""
    return ThisProcess.actor(
      uid: peer.user, login: login, sudo: sudo,
      origin: "asked the controller by \(name) (pid \(peer.pid))\(said)")
  }

  /// Asks whoever listens there, and returns the answer; blocks until then, for `limit` at most.
  package static func ask(_ path: String, _ line: String, limit: Span) throws(FileError) -> String {
    switch reach(path) {
    case .refused: throw FileError("cannot ask the controller on", path, code: ECONNREFUSED)
    case .failed(let code): throw FileError("cannot ask the controller on", path, code: code)
    case .connected(let file):
      defer { close(file) }
      guard send(line + "\n", file, limit: .seconds(2)),
        let answer = receive(file, limit: limit, most: 16 << 20), !answer.isEmpty
      else { throw FileError("no answer of the controller on", path, code: ETIMEDOUT) }
      return answer
    }
  }

  /// Connects; where many wait before this one, again for a few seconds.
  private static func reach(_ path: String) -> UnixSocket.Outcome {
    let end = ContinuousClock.now + .seconds(5)
    while true {
      let outcome = UnixSocket.connect(path)
      guard case .failed(EAGAIN) = outcome, ContinuousClock.now < end else { return outcome }
      usleep(20_000)
    }
  }

  // MARK: bytes

  private static func isReady(_ file: CInt, _ events: Int32, _ limit: Span) -> Bool {
    var poller = pollfd(fd: file, events: Int16(events), revents: 0)
    return poll(&poller, 1, CInt(clamping: limit.milliseconds)) > 0
  }

  @discardableResult
  private static func send(_ text: String, _ file: CInt, limit: Span) -> Bool {
    let bytes = Array(text.utf8)
    let end = ContinuousClock.now + .milliseconds(limit.milliseconds)
    var done = 0
    while done < bytes.count {
      let left = Span(end - ContinuousClock.now)
      guard left > .zero, isReady(file, POLLOUT, left) else { return false }
      let count = bytes.withUnsafeBytes {
        Glibc.send(file, $0.baseAddress.map { $0 + done }, bytes.count - done, Int32(MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR || errno == EAGAIN { continue }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }

  /// All bytes to the end of the connection; nil when they do not come in time or are more than
  /// `most`.
  private static func receive(_ file: CInt, limit: Span, most: Int) -> String? {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16 << 10)
    let end = ContinuousClock.now + .milliseconds(limit.milliseconds)
    while bytes.count <= most {
      let left = Span(end - ContinuousClock.now)
      guard left > .zero, isReady(file, POLLIN, left) else { return nil }
      let count = read(file, &chunk, chunk.count)
      if count < 0, errno == EINTR || errno == EAGAIN { continue }
      guard count >= 0 else { return nil }
      if count == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes += chunk[..<count]
    }
    return nil
  }
}
