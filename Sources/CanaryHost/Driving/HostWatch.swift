internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import Synchronization

/// Tells cheaply whether any process has saved a state or put a brake on; made to be asked several
/// times a second.
///
/// Reads the store and the folder of flags only when the times of their files have changed.
final class HostWatch: Sendable {
  /// The value last read, reused until its file changes.
  private final class Cached<Value: Sendable>: Sendable {
    private struct Seen: Sendable {
      let signature: Files.Signature?
      let value: Value
      let asked: Instant

      /// Whether the value still stands.
      ///
      /// Two writes within one tick of the file system's clock look like one in the file's times.
      /// So the file must have been 0.1 s old when it was read, and no value stands beyond 2 s.
      func holds(_ signature: Files.Signature?, at now: Instant) -> Bool {
        signature == self.signature && now >= asked && now - asked < .seconds(2)
          && signature.map { asked - $0.time > .seconds(0.1) } ?? true
      }
    }

    /// Nil: there is no file to watch, so the value is read each time.
    private let file: String?
    private let seen = Mutex<Seen?>(nil)

    init(of file: String?) { self.file = file }

    /// The cached value while it stands, otherwise what `read` returns now; nil when that is nil.
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

  /// A number that changes whenever another process has saved; nil while the store does not answer.
  func version() async -> Int? {
    await saved.value(at: clock.now()) { try? await changes.version() }
  }

  /// The services with pending work now, by the store; empty while it does not answer.
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
