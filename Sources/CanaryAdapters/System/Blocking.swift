internal import Dispatch

/// Threads for calls that block (files, locks, processes), which would starve Swift's own pool.
package enum Blocking {
  private static let queue = DispatchQueue(label: "canary.blocking", attributes: .concurrent)

  /// The result of the work, run on another thread; suspends the caller without blocking its
  /// thread.
  package static func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: work()) }
    }
  }
}
