package import CanaryCore
internal import Synchronization

/// Wakes a process's drivers when the store changes, while a brake is on, and when one is due.
///
/// One bell looks for all drivers. Drivers that wake together, on the thread that rings for them,
/// cost little more than one: most of what a timer costs is waking a thread for it.
package actor Bell {
  private nonisolated let executor: ThreadExecutor
  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// What the bell calls for one driver.
  struct Listener: Sendable {
    /// The store has changed, or a brake is on.
    var knock: @Sendable () -> Void
    /// The time that the driver named last has come.
    var alarm: @Sendable () -> Void
  }

  private struct Listening {
    var listeners: [ServiceName: Listener] = [:]
    /// By the time since the host started.
    var alarms: [ServiceName: Span] = [:]
  }

  private let clock: any WallClock
  private let interval: Span
  private let look: @Sendable () async -> (version: Int?, braked: Set<ServiceName>)
  private nonisolated let listening = Mutex(Listening())

  /// `look` returns a number that changes with each save elsewhere, and the services with a brake
  /// on.
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

  /// Sets the time since the host's start of a driver's next alarm, which replaces the one before.
  nonisolated func wake(_ service: ServiceName, at uptime: Span) {
    listening.withLock { $0.alarms[service] = uptime }
  }

  /// Rings until the task is cancelled.
  package func run() async {
    var last: Int?
    while !Task.isCancelled {
      let (version, braked) = await look()
      let now = clock.uptime()
      let (called, due) = listening.withLock { state in
        let called =
          version != last
          ? Array(state.listeners.values) : braked.compactMap { state.listeners[$0] }
        var due: [Listener] = []
        for (name, time) in state.alarms where time <= now {
          state.alarms[name] = nil
          if let listener = state.listeners[name] { due.append(listener) }
        }
        return (called, due)
      }
      for listener in called { listener.knock() }
      for listener in due { listener.alarm() }
      last = version
      await clock.sleep(until: clock.now() + interval)
    }
  }
}
