internal import Synchronization

/// Counts the signals that have arrived.
final class SignalCount: Sendable {
  private let count = Mutex(0)
  func add() -> Int {
    count.withLock {
      $0 += 1
      return $0
    }
  }
}
