internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import Synchronization

/// Whether another process has saved anything or put a brake on, for somebody who asks several times a second.
///
/// The store and the folder of the flags are read when the times of their files have changed.
final class HostWatch: Sendable {
  /// An answer, and the state of the file when it was given.
  private struct Seen<Value: Sendable>: Sendable {
    let signature: Files.Signature?
    let value: Value
    let asked: Instant

    /// A second write within the same tick of the file system's clock leaves no trace in the times of a file: an answer
    /// holds once the file is older than that, and not for long all the same.
    func holds(_ signature: Files.Signature?, at now: Instant) -> Bool {
      signature == self.signature && now >= asked && now - asked < .seconds(2)
        && signature.map { asked - $0.time > .seconds(0.1) } ?? true
    }
  }

  private let store: SQLiteStore
  private let log: String
  private let run: String
  private let clock: any WallClock
  private let saved = Mutex<Seen<Int>?>(nil)
  private let flags = Mutex<Seen<Set<Name>>?>(nil)

  init(_ world: World) {
    store = world.store
    log = world.store.path + "-wal"
    run = world.config.run
    clock = world.clock
  }

  /// A number that changes whenever another process has saved; nil while the store cannot be asked.
  func version() async -> Int? {
    let signature = Files.signature(of: log)
    let now = clock.now()
    if let last = saved.withLock({ $0 }), last.holds(signature, at: now) { return last.value }
    let version = try? await store.dataVersion()
    saved.withLock { $0 = version.map { Seen(signature: signature, value: $0, asked: now) } }
    return version
  }

  /// The services that have a brake on.
  func braked() -> Set<Name> {
    let signature = Files.signature(of: run)
    let now = clock.now()
    return flags.withLock { last in
      if let last, last.holds(signature, at: now) { return last.value }
      let braked = Set(Brake.services(in: run))
      last = Seen(signature: signature, value: braked, asked: now)
      return braked
    }
  }
}
