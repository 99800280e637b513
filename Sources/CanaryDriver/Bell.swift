package import CanaryCore
internal import Synchronization

/// Looks for all drivers of a process whether somebody has saved or put a brake on, and whether one of them is due, so
/// that each need not look itself.
///
/// Drivers that wake together, on the thread that rings for them, cost little more than one: most of what a timer costs
/// is waking a thread for it.
package actor Bell {
  private nonisolated let executor: ThreadExecutor
  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// What one driver hears.
  struct Listener: Sendable {
    /// Somebody has saved, or the brake is on.
    var knock: @Sendable () -> Void
    /// The instant that the driver named last has come.
    var alarm: @Sendable () -> Void
  }

  private struct Listening {
    var listeners: [ServiceName: Listener] = [:]
    var alarms: [ServiceName: Instant] = [:]
  }

  private let clock: any WallClock
  private let interval: Span
  private let look: @Sendable () async -> (version: Int?, braked: Set<ServiceName>)
  private nonisolated let listening = Mutex(Listening())

  /// `look` tells a number that changes whenever another process has saved, and which services have a brake on.
  package init(
    clock: any WallClock, executor: ThreadExecutor, interval: Span = Driver.doorbell,
    look: @escaping @Sendable () async -> (version: Int?, braked: Set<ServiceName>)
  ) {
    self.clock = clock
    self.executor = executor
    self.interval = interval
    self.look = look
  }

  nonisolated func listen(_ service: ServiceName, _ listener: Listener) {
    listening.withLock { $0.listeners[service] = listener }
  }

  /// Forgets a driver that has ended.
  nonisolated func leave(_ service: ServiceName) {
    listening.withLock {
      $0.listeners[service] = nil
      $0.alarms[service] = nil
    }
  }

  /// Names the instant of a driver's next alarm, in place of the one that it named before.
  nonisolated func wake(_ service: ServiceName, at instant: Instant) {
    listening.withLock { $0.alarms[service] = instant }
  }

  /// Rings until the task is cancelled.
  package func run() async {
    var last: Int?
    while !Task.isCancelled {
      let (version, braked) = await look()
      let now = clock.now()
      let (called, due) = listening.withLock { state in
        let called =
          version != last
          ? Array(state.listeners.values) : braked.compactMap { state.listeners[$0] }
        var due: [Listener] = []
        for (name, instant) in state.alarms where instant <= now {
          state.alarms[name] = nil
          if let listener = state.listeners[name] { due.append(listener) }
        }
        return (called, due)
      }
      for listener in called { listener.knock() }
      for listener in due { listener.alarm() }
      last = version
      await clock.sleep(until: now + interval)
    }
  }
}
