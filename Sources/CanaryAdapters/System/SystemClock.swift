internal import CSystem
package import CanaryCore
package import CanaryDriver
internal import Glibc

/// The clock on the wall.
package struct SystemClock: WallClock {
  /// Tasks that prefer it sleep on it.
  private let executor: ThreadExecutor

  package init(executor: ThreadExecutor) { self.executor = executor }

  package func now() -> Instant { Self.now }

  package static var now: Instant {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Instant(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }

  package func sleep(until instant: Instant) async {
    let rest = instant - now()
    // A step of the wall clock must not turn a short sleep into a long one.
    let span = max(Span(milliseconds: 1), min(rest, .minutes(1)))
    let drivers = executor.asUnownedTaskExecutor()
    if withUnsafeCurrentTask(body: { $0?.unownedTaskExecutor == drivers }) {
      await executor.sleep(for: span)
    } else {
      // Whoever waits beside the drivers must not depend on their thread.
      try? await Task.sleep(for: .milliseconds(span.milliseconds))
    }
  }
}
