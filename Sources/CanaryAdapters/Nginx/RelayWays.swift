internal import CanaryCore
internal import Glibc
internal import Synchronization

/// The links by which Nginx reaches the pools of a TCP service: whoever takes one away keeps every
/// new connection from that pool.
///
/// A link is no socket, so a start of Nginx does not bring it back; and to take it away needs neither
/// an inode nor, by who has seen it before, a descriptor. Within `retain` of a promotion stable is
/// reached by its socket itself, which is renamed.
struct RelayWays {
  private let run: RunFolder
  private let service: ServiceName

  /// The pools that this process has seen, by the folder and the service.
  private static let remembered = Mutex<[String: Set<PoolName>]>([:])

  init(_ run: RunFolder, _ service: ServiceName) {
    self.run = run
    self.service = service
  }

  private var key: String { "\(run.path)/\(service)" }

  /// The pools that have a link or a socket, and those that this process knows.
  private var pools: Set<PoolName> {
    let seen = Files.names(in: run.path).compactMap { RunFolder.pool(ofWay: $0, service) }
    return Self.remembered.withLock { $0[key] ?? [] }.union(seen)
  }

  /// Whether Nginx finds the way to that pool.
  func isOpen(_ pool: PoolName) -> Bool { Files.isThere(run.way(service, pool)) }

  /// Whether Nginx finds the socket of that pool.
  func isConnected(_ pool: PoolName) -> Bool { Files.isThere(run.relay(service, pool)) }

  /// Makes the links that are missing, and gives sockets their names back, unless the brake is on.
  func open(_ pools: [PoolName]) throws(FileError) {
    Self.remembered.withLock { $0[key, default: []].formUnion(pools) }
    for pool in pools where !Brake.isOn(run, service) { reconnect(pool) }
    for pool in pools where !isOpen(pool) && !Brake.isOn(run, service) {
      let way = run.way(service, pool)
      guard symlink(Files.name(of: run.relay(service, pool)), way) == 0 || errno == EEXIST else {
        throw FileError("cannot make", way)
      }
      // A brake that came in between has found no link: it puts up its flag first.
      if Brake.isOn(run, service) { unlink(way) }
    }
  }

  private func reconnect(_ pool: PoolName) {
    let (relay, aside) = (run.relay(service, pool), run.relayAside(service, pool))
    guard Files.isThere(aside) else { return }
    if isConnected(pool) {
      // Nginx was started since, and has made a new one.
      unlink(aside)
    } else if rename(aside, relay) == 0 {
      // When Nginx no longer listens on it, it would keep the next Nginx from making its own.
      _ = UnixSocket.removeStale(relay)
      if Brake.isOn(run, service) { _ = rename(relay, aside) }
    }
  }

  /// Takes away every link and socket but those of that pool, which is where all connections go then;
  /// nil: each text leads to the pool that it has besides.
  func close(but kept: PoolName?) {
    for pool in pools where pool != kept {
      unlink(run.way(service, pool))
      _ = rename(run.relay(service, pool), run.relayAside(service, pool))
    }
  }
}
