package import CanaryCore

/// One service being driven: how to run the drive, and how to end it early.
package struct Drive: Sendable {
  package var run: @Sendable () async -> Void
  /// Ends the drive after the work under way; the rollout stays where it is.
  package var drain: @Sendable () -> Void

  package init(run: @escaping @Sendable () async -> Void, drain: @escaping @Sendable () -> Void) {
    self.run = run
    self.drain = drain
  }
}

/// Drives all services with pending work, each in a task of its own.
package actor Controller {
  private nonisolated let executor: ThreadExecutor
  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  private let clock: any WallClock
  private let pending: @Sendable () async -> [ServiceName]
  private let makeDrive: @Sendable (ServiceName) async -> Drive?
  private let report: @Sendable (_ driven: [ServiceName], _ isDraining: Bool) -> Void
  private var drives: [ServiceName: Drive] = [:]
  private var tasks: [ServiceName: Task<Void, Never>] = [:]
  private var isDraining = false

  /// `pending` lists the services that may need a driver; `report` is called at every look.
  ///
  /// `makeDrive` returns nil when the service needs no driver now, or another process drives it.
  package init(
    clock: any WallClock, executor: ThreadExecutor,
    pending: @escaping @Sendable () async -> [ServiceName],
    makeDrive: @escaping @Sendable (ServiceName) async -> Drive?,
    report: @escaping @Sendable (_ driven: [ServiceName], _ isDraining: Bool) -> Void = { _, _ in }
  ) {
    self.clock = clock
    self.executor = executor
    self.pending = pending
    self.makeDrive = makeDrive
    self.report = report
  }

  /// The pause between two looks; a driver that died is replaced within two seconds.
  package static let interval = Span.seconds(1)

  /// Drives until the task is cancelled, or `drain` was called and every drive has ended.
  package func run() async {
    while !Task.isCancelled, !isDraining || !tasks.isEmpty {
      if !isDraining { await look() }
      report(tasks.keys.sorted(), isDraining)
      await clock.sleep(until: clock.now() + Self.interval)
    }
    for task in tasks.values { task.cancel() }
  }

  /// Starts no more drives, and ends the running ones after the work under way; rollouts stay.
  package func drain() {
    isDraining = true
    for drive in drives.values { drive.drain() }
  }

  private func look() async {
    for name in await pending() where tasks[name] == nil {
      guard let drive = await makeDrive(name), !isDraining, tasks[name] == nil else { continue }
      drives[name] = drive
      tasks[name] = Task(executorPreference: executor) { [self] in
        await drive.run()
        await ended(name)
      }
    }
  }

  private func ended(_ name: ServiceName) {
    drives[name] = nil
    tasks[name] = nil
  }
}
