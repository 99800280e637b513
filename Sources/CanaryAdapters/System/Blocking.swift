internal import Dispatch

/// Threads for calls that block (files, locks, processes, sockets), so that they never take one of the pool's.
package enum Blocking {
  private static let queue = DispatchQueue(label: "canary.blocking", attributes: .concurrent)

  /// Runs the work on a thread of its own and waits for it without blocking the caller's.
  package static func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: work()) }
    }
  }
}
