/// Threads for calls that block (files, locks, processes), which would starve Swift's own pool.
package enum Blocking {
  private static let own = BlockingThreads(most: 256)
  /// Apart from the others: programs of one service that hang must not delay a revert of another.
  private static let programs = BlockingThreads(most: 256)

  /// The result of the work, run on another thread; suspends the caller without blocking its
  /// thread.
  package static func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
      own.submit { continuation.resume(returning: work()) }
    }
  }

  /// As `run`, for work that waits for a program of yours.
  package static func runProgram<Value: Sendable>(
    _ work: @escaping @Sendable () -> Value
  ) async -> Value {
    await withCheckedContinuation { continuation in
      programs.submit { continuation.resume(returning: work()) }
    }
  }
}
