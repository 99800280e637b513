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

/// Looks for all drivers of a process whether somebody has saved or put a brake on, so that each need not look itself.
package actor Bell {
  private let clock: any WallClock
  private let look: @Sendable () async -> (version: Int?, braked: Set<Name>)
  private var listeners: [Name: @Sendable () -> Void] = [:]

  /// `look` tells a number that changes whenever another process has saved, and which services have a brake on.
  package init(
    clock: any WallClock,
    look: @escaping @Sendable () async -> (version: Int?, braked: Set<Name>)
  ) {
    self.clock = clock
    self.look = look
  }

  func ring(for service: Name, _ knock: @escaping @Sendable () -> Void) {
    listeners[service] = knock
  }

  /// Rings until the task is cancelled.
  package func run() async {
    var last: Int?
    while !Task.isCancelled {
      let (version, braked) = await look()
      for (name, knock) in listeners where version != last || braked.contains(name) { knock() }
      last = version
      await clock.sleep(until: clock.now() + Driver.doorbell)
    }
  }
}

/// What wakes drivers: asks who is owed something and has no driver, and drives each in a task of its own.
package actor Controller {
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
  package static let interval = Span.seconds(0.5)

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
      tasks[name] = Task {
        await drive.run()
        ended(name)
      }
    }
  }

  private func ended(_ name: Name) {
    drives[name] = nil
    tasks[name] = nil
  }
}
