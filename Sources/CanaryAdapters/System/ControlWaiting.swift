internal import CanaryCore
internal import Glibc
internal import Synchronization

/// The connections to the control socket whose line has not come yet, and how many of each user are
/// being answered.
///
/// Each user has places of its own: whoever fills them holds up itself alone.
final class ControlWaiting: Sendable {
  private struct Connection {
    let peer: ControlSocket.Peer
    let file: CInt
    let end: ContinuousClock.Instant
    var bytes: [UInt8] = []
  }

  private struct State {
    /// The oldest first.
    var connections: [Connection] = []
    var answering: [uid_t: Int] = [:]
  }

  /// So many connections of a user wait; one more takes the place of its oldest.
  private static let placesOfUser = 8
  /// So many questions of a user are answered at once; the next ones wait.
  private static let answersOfUser = 4
  /// So many connections of all users wait.
  private static let places = 128
  /// So long a connection may take for its line.
  private static let patience = Duration.seconds(1)
  private static let longestLine = 64 << 10

  private let state = Mutex(State())

  func add(_ peer: ControlSocket.Peer, _ file: CInt) {
    state.withLock { state in
      let own = state.connections.indices.filter { state.connections[$0].peer.user == peer.user }
      if own.count >= Self.placesOfUser, let oldest = own.first {
        close(state.connections.remove(at: oldest).file)
      } else if state.connections.count >= Self.places {
        close(state.connections.removeFirst().file)
      }
      let end = ContinuousClock.now + Self.patience
      state.connections.append(Connection(peer: peer, file: file, end: end))
    }
  }

  /// Waits until a connection has something to say, and returns whether a new one has come.
  func wait(_ listener: CInt, _ limit: Span) -> Bool {
    var polled = state.withLock { state in
      state.connections.filter { Self.hasRoom($0, state) }
        .map { pollfd(fd: $0.file, events: Int16(POLLIN), revents: 0) }
    }
    polled.append(pollfd(fd: listener, events: Int16(POLLIN), revents: 0))
    let count = poll(&polled, nfds_t(polled.count), CInt(clamping: limit.milliseconds))
    return count > 0 && polled[polled.count - 1].revents != 0
  }

  /// A line that has come, by whom, and its connection, which the caller closes; nil: none has.
  ///
  /// Connections that have ended, or have said too much or nothing for too long, are left.
  func read() -> (ControlSocket.Peer, String, CInt)? {
    state.withLock { state in
      let now = ContinuousClock.now
      var index = 0
      while index < state.connections.count {
        guard Self.hasRoom(state.connections[index], state) else {
          index += 1
          continue
        }
        let isOver = Self.fill(&state.connections[index])
        let connection = state.connections[index]
        if connection.bytes.last == 10 {
          state.connections.remove(at: index)
          state.answering[connection.peer.user, default: 0] += 1
          let line = String(decoding: connection.bytes.dropLast(), as: UTF8.self)
          return (connection.peer, line, connection.file)
        }
        if isOver || now >= connection.end || connection.bytes.count > Self.longestLine {
          close(connection.file)
          state.connections.remove(at: index)
        } else {
          index += 1
        }
      }
      return nil
    }
  }

  /// Notes that a question of this user has been answered.
  func ended(_ user: uid_t) {
    state.withLock { state in
      let left = (state.answering[user] ?? 1) - 1
      state.answering[user] = left > 0 ? left : nil
    }
  }

  /// Leaves everybody.
  func end() {
    state.withLock { state in
      for connection in state.connections { close(connection.file) }
      state.connections = []
    }
  }

  private static func hasRoom(_ connection: Connection, _ state: State) -> Bool {
    (state.answering[connection.peer.user] ?? 0) < answersOfUser
  }

  /// Reads what is there; true: no more will come.
  private static func fill(_ connection: inout Connection) -> Bool {
    var chunk = [UInt8](repeating: 0, count: 16 << 10)
    while connection.bytes.count <= longestLine, connection.bytes.last != 10 {
      let count = Glibc.read(connection.file, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      if count < 0 { return errno != EAGAIN }
      if count == 0 { return true }
      connection.bytes += chunk[..<count]
    }
    return false
  }
}
