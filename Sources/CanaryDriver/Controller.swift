package import CanaryCore

/// One service being driven: what does it, and how it is asked to leave off.
package struct Drive: Sendable {
  package var run: @Sendable () async -> Void
  /// Lets what is under way come to its end, and then leaves the rollout where it is.
  package var drain: @Sendable () -> Void

  package init(run: @escaping @Sendable () async -> Void, drain: @escaping @Sendable () -> Void) {
    self.run = run
    self.drain = drain
  }
}

/// What wakes drivers: asks who is owed something and has no driver, and drives each in a task of its own.
package actor Controller {
  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    Driver.executor.asUnownedSerialExecutor()
  }

  private let clock: any WallClock
  private let owed: @Sendable () async -> [Name]
  private let begin: @Sendable (Name) async -> Drive?
  private let tell: @Sendable (_ driven: [Name], _ isDraining: Bool) -> Void
  private var drives: [Name: Drive] = [:]
  private var tasks: [Name: Task<Void, Never>] = [:]
  private var isDraining = false

  /// `owed` says who may be owed something, `begin` makes a drive of who is and has no driver, and `tell` hears, at every
  /// look, who is driven.
  package init(
    clock: any WallClock, owed: @escaping @Sendable () async -> [Name],
    begin: @escaping @Sendable (Name) async -> Drive?,
    tell: @escaping @Sendable (_ driven: [Name], _ isDraining: Bool) -> Void = { _, _ in }
  ) {
    self.clock = clock
    self.owed = owed
    self.begin = begin
    self.tell = tell
  }

  /// How often it asks: a dead driver is followed within two seconds.
  package static let interval = Span.seconds(1)

  /// Looks and drives until the task is cancelled, or `drain` was called and every drive has ended.
  package func run() async {
    while !Task.isCancelled, !isDraining || !tasks.isEmpty {
      if !isDraining { await look() }
      tell(tasks.keys.sorted(), isDraining)
      await clock.sleep(until: clock.now() + Self.interval)
    }
    for task in tasks.values { task.cancel() }
  }

  /// Begins nothing new; rollouts stay where they are once what is under way has come to its end.
  package func drain() {
    isDraining = true
    for drive in drives.values { drive.drain() }
  }

  private func look() async {
    for name in await owed() where tasks[name] == nil {
      guard let drive = await begin(name), !isDraining, tasks[name] == nil else { continue }
      drives[name] = drive
      tasks[name] = Task(executorPreference: Driver.executor) { [self] in
        await drive.run()
        await ended(name)
      }
    }
  }

  private func ended(_ name: Name) {
    drives[name] = nil
    tasks[name] = nil
  }
}
