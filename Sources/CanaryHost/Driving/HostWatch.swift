internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import Synchronization

/// Whether anybody has saved something or put a brake on, for somebody who asks several times a second.
///
/// The store and the folder of the flags are read when the times of their files have changed.
final class HostWatch: Sendable {
  /// What a file said when it was read last.
  private final class Cached<Value: Sendable>: Sendable {
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

    /// Nil: no file tells of changes, so every answer is read anew.
    private let file: String?
    private let seen = Mutex<Seen?>(nil)

    init(of file: String?) { self.file = file }

    /// The last answer while it holds, else what `read` says now; nil when it says nothing.
    func value(at now: Instant, else read: () async -> Value?) async -> Value? {
      guard let file else { return await read() }
      let signature = Files.signature(of: file)
      if let last = seen.withLock({ $0 }), last.holds(signature, at: now) { return last.value }
      let value = await read()
      seen.withLock { $0 = value.map { Seen(signature: signature, value: $0, asked: now) } }
      return value
    }
  }

  private let changes: any ChangeFeed
  private let router: any Router
  private let clock: any WallClock
  private let saved: Cached<Int>
  private let wakes: Cached<[(service: ServiceName, when: Pending)]>
  private let flags: Cached<Set<ServiceName>>

  init(_ world: World) {
    changes = world.changes
    router = world.router
    clock = world.clock
    let mark = world.changes.changeMark
    saved = Cached(of: mark)
    wakes = Cached(of: mark)
    flags = Cached(of: world.config.run.path)
  }

  /// A number that changes whenever another process has saved; nil while the store cannot be asked.
  func version() async -> Int? {
    await saved.value(at: clock.now()) { try? await changes.version() }
  }

  /// The services that are owed something now by the store; none while it cannot be asked.
  func due() async -> [ServiceName] {
    let now = clock.now()
    let all = await wakes.value(at: now) { try? await changes.pending() }
    return (all ?? []).filter { $0.when.isDue(at: now) }.map(\.service)
  }

  /// The services that have a brake on.
  func braked() async -> Set<ServiceName> {
    await flags.value(at: clock.now()) { await router.braked() } ?? []
  }
}
