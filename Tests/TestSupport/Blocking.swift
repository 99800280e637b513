internal import CanaryCore
internal import Dispatch
internal import Glibc
internal import Synchronization
package import Testing

/// Tests that block their thread: on processes, sockets and files.
///
/// Swift's pool has as many threads as there are cores, and a test that blocks one of them keeps it from
/// every test that awaits. So these run on threads of their own, some at a time: they mostly wait.
///
/// Each has ten minutes, counted from its turn: a time limit of the suite would count the waiting too,
/// and so fail what stands last in a long line on a slow machine.
package struct BlockingTrait: TestTrait, SuiteTrait, TestScoping {
  package let isRecursive = true
  private static let watches = DispatchQueue(label: "test.watches")

  package func provideScope(
    for test: Test, testCase: Test.Case?,
    performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    try await Turnstile.blocking.pass(test) {
      // A thread that is blocked cannot be cancelled: one that hangs ends the run, and says which it is.
      let watch = DispatchWorkItem {
        print("\(test.name) hangs: it has had its turn for ten minutes. The run ends here.")
        exit(1)
      }
      let patience = 600 + (Campaign.current.limit?.seconds ?? 0)
      Self.watches.asyncAfter(deadline: .now() + patience, execute: watch)
      defer { watch.cancel() }
      try await withTaskExecutorPreference(OwnThreads.shared) { try await function() }
    }
  }
}

extension Trait where Self == BlockingTrait {
  /// A few of these at a time.
  package static var blocking: Self { Self() }

  /// Sleeps and lets another test have the turn meanwhile; afterwards it is the next.
  ///
  /// For the few that wait for a time of day.
  package static func stepAside(_ seconds: Double) async throws {
    await Turnstile.blocking.leave()
    try? await Task.sleep(for: .seconds(seconds))
    await Turnstile.blocking.enter(Place(order: -1))
    try Task.checkCancellation()
  }
}

/// Tests that compute for long: they get what the others leave of the cores.
///
/// A test that awaits answers of servers would otherwise hear of them when everything has been computed,
/// long after its limits.
package struct BusyTrait: TestTrait, SuiteTrait, TestScoping {
  package let isRecursive = true

  package func provideScope(
    for test: Test, testCase: Test.Case?,
    performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    try await Turnstile.busy.pass(test) {
      try await withTaskExecutorPreference(Computers.shared) { try await function() }
    }
  }
}

extension Trait where Self == BusyTrait {
  /// As many of these at a time as there are cores.
  package static var busy: Self { Self() }
}

/// Runs every job on a thread of its own, which may block for as long as it likes.
private final class OwnThreads: TaskExecutor {
  static let shared = OwnThreads()

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    Thread.start { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

/// Runs jobs on threads that give way to all others, as many as there are cores.
private final class Computers: TaskExecutor {
  static let shared = Computers()
  private let jobs = Mutex<[UnownedJob]>([])
  private let owed = DispatchSemaphore(value: 0)

  private init() {
    for _ in 0..<Turnstile.cores {
      Thread.start {
        // On Linux it is the thread that gets nice, not the process.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 5)
        while true {
          self.owed.wait()
          let job = self.jobs.withLock { $0.removeFirst() }
          job.runSynchronously(on: self.asUnownedTaskExecutor())
        }
      }
    }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    jobs.withLock { $0.append(job) }
    owed.signal()
  }
}
