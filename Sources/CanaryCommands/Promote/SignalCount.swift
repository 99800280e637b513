internal import Synchronization

/// How many signals have come; counted from the task that listens and read from the one that works.
final class SignalCount: Sendable {
  private let count = Mutex(0)
  func add() -> Int {
    count.withLock {
      $0 += 1
      return $0
    }
  }
}
