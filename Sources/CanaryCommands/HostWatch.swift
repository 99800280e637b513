internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import Synchronization

/// Whether another process has saved anything or put a brake on, for somebody who asks several times a second.
///
/// The store and the folder are read when their times have changed, and now and then all the same: a second write within
/// the same tick of the file system's clock leaves no trace in the times of a file.
final class HostWatch: Sendable {
  private struct Seen<Value: Sendable>: Sendable {
    var signature: Files.Signature?
    var value: Value?
    var asked = Instant(milliseconds: 0)
  }

  private let store: SQLiteStore
  private let log: String
  private let run: String
  private let clock: any WallClock
  private let saved = Mutex(Seen<Int>())
  private let flags = Mutex(Seen<Set<Name>>())

  private static let patience = Span.seconds(2)
  /// Longer than a tick of any file system's clock.
  private static let tick = Span.seconds(0.1)

  init(_ world: World) {
    store = world.store
    log = world.store.path + "-wal"
    run = world.config.run
    clock = world.clock
  }

  /// A number that changes whenever another process has saved.
  func version() async -> Int? {
    let log = Files.signature(of: log)
    let now = clock.now()
    let last = saved.withLock { $0 }
    if let version = last.value, last.signature == log, now - last.asked < Self.patience {
      return version
    }
    let version = try? await store.dataVersion()
    saved.withLock { $0 = Seen(signature: log, value: version, asked: now) }
    return version
  }

  /// The services that have a brake on.
  func braked() -> Set<Name> {
    let folder = Files.signature(of: run)
    let now = clock.now()
    return flags.withLock { last in
      if let braked = last.value, let folder, last.signature == folder,
        last.asked - folder.time > Self.tick, now >= last.asked, now - last.asked < Self.patience
      {
        return braked
      }
      let braked = Set(Brake.services(in: run))
      last = Seen(signature: folder, value: braked, asked: now)
      return braked
    }
  }
}
