internal import CSystem
package import CanaryCore
package import CanaryDriver
internal import Glibc

/// The host's wall clock.
package struct SystemClock: WallClock {
  /// Tasks on this executor sleep on its own thread.
  private let executor: ThreadExecutor

  package init(executor: ThreadExecutor) { self.executor = executor }

  package func now() -> Instant { Self.now }

  package static var now: Instant {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Instant(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }

  package func uptime() -> Span { Self.uptime }

  /// For how long something takes: the wall clock may be set meanwhile.
  package static var uptime: Span {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Span(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }

  /// Returns at the instant, or earlier: after a minute, or when the task is cancelled.
  package func sleep(until instant: Instant) async {
    let rest = instant - now()
    // At most a minute, because the wall clock may be set meanwhile; callers look at it again.
    let span = max(Span(milliseconds: 1), min(rest, .minutes(1)))
    let drivers = executor.asUnownedTaskExecutor()
    if withUnsafeCurrentTask(body: { $0?.unownedTaskExecutor == drivers }) {
      await executor.sleep(for: span)
    } else {
      // Other tasks must not depend on the drivers' thread.
      try? await Task.sleep(for: .milliseconds(span.milliseconds))
    }
  }
}
