internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import Synchronization

/// Whether anybody has saved something or put a brake on, for somebody who asks several times a second.
///
/// The store and the folder of the flags are read when the times of their files have changed.
final class HostWatch: Sendable {
  /// What a file said when it was read last.
  private final class Memory<Value: Sendable>: Sendable {
    private struct Seen: Sendable {
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

    private let file: String
    private let seen = Mutex<Seen?>(nil)

    init(of file: String) { self.file = file }

    /// The last answer while it holds, else what `read` says now; nil when it says nothing.
    func value(at now: Instant, else read: () async -> Value?) async -> Value? {
      let signature = Files.signature(of: file)
      if let last = seen.withLock({ $0 }), last.holds(signature, at: now) { return last.value }
      let value = await read()
      seen.withLock { $0 = value.map { Seen(signature: signature, value: $0, asked: now) } }
      return value
    }
  }

  private let store: SQLiteStore
  private let run: String
  private let clock: any WallClock
  private let saved: Memory<Int>
  private let wakes: Memory<[(name: Name, at: Instant)]>
  private let flags: Memory<Set<Name>>

  init(_ world: World) {
    store = world.store
    run = world.config.run
    clock = world.clock
    let log = world.store.path + "-wal"
    saved = Memory(of: log)
    wakes = Memory(of: log)
    flags = Memory(of: world.config.run)
  }

  /// A number that changes whenever another process has saved; nil while the store cannot be asked.
  func version() async -> Int? {
    await saved.value(at: clock.now()) { try? await store.dataVersion() }
  }

  /// The services that are owed something now by the store; none while it cannot be asked.
  func due() async -> [Name] {
    let now = clock.now()
    let all = await wakes.value(at: now) { try? await store.wakes() }
    return (all ?? []).filter { $0.at <= now }.map(\.name)
  }

  /// The services that have a brake on.
  func braked() async -> Set<Name> {
    await flags.value(at: clock.now()) { Set(Brake.services(in: run)) } ?? []
  }
}
