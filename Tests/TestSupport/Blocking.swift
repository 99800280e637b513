internal import Dispatch
internal import Glibc
package import Testing

/// Tests that block their thread: on processes, sockets and files.
///
/// Swift's pool has as many threads as there are cores. Without a bound, such tests would take all of
/// them, and every test that awaits would stand still until its time limit.
///
/// Each has ten minutes, counted from its turn: a time limit of the suite would count the waiting too,
/// and so fail what stands last in a long line on a slow machine.
package struct BlockingTrait: TestTrait, SuiteTrait, TestScoping {
  package let isRecursive = true

  package func provideScope(
    for test: Test, testCase: Test.Case?,
    performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    try await Turnstile.blocking.pass {
      // A thread that is blocked cannot be cancelled: one that hangs ends the run, and says which it is.
      let watch = DispatchWorkItem {
        print("\(test.name) hangs: it has had its turn for ten minutes. The run ends here.")
        exit(1)
      }
      DispatchQueue.global().asyncAfter(deadline: .now() + 600, execute: watch)
      defer { watch.cancel() }
      try await function()
    }
  }
}

extension Trait where Self == BlockingTrait {
  /// At most one fewer of these at a time than there are cores.
  package static var blocking: Self { Self() }

  /// Sleeps and lets another test have the turn meanwhile; afterwards it is the next.
  ///
  /// For the few that wait for a time of day.
  package static func stepAside(_ seconds: Double) async throws {
    await Turnstile.blocking.leave()
    try? await Task.sleep(for: .seconds(seconds))
    await Turnstile.blocking.enter(isNext: true)
    try Task.checkCancellation()
  }
}

/// Tests that compute for long.
///
/// They leave one thread of Swift's pool to the others: a test that awaits answers of servers would
/// otherwise hear of them when everything has been computed, long after its limits.
package struct BusyTrait: TestTrait, SuiteTrait, TestScoping {
  package let isRecursive = true

  package func provideScope(
    for test: Test, testCase: Test.Case?,
    performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    try await Turnstile.busy.pass(function)
  }
}

extension Trait where Self == BusyTrait {
  /// At most one fewer of these at a time than there are cores.
  package static var busy: Self { Self() }
}

/// Lets so many through at once, in the order of their coming.
private actor Turnstile {
  static let blocking = Turnstile()
  static let busy = Turnstile()
  private var free = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)) - 1)
  private var waiting: [CheckedContinuation<Void, Never>] = []

  /// Does the work once it is its turn.
  nonisolated func pass(_ work: @concurrent @Sendable () async throws -> Void) async throws {
    await enter()
    do {
      try await work()
    } catch {
      await leave()
      throw error
    }
    await leave()
  }

  func enter(isNext: Bool = false) async {
    if free > 0 {
      free -= 1
    } else {
      await withCheckedContinuation { waiting.insert($0, at: isNext ? 0 : waiting.count) }
    }
  }

  func leave() {
    if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
  }
}
