package import CanaryCore

/// Drives the rollout of one service to its end: carries out each effect, and handles each answer
/// as the next event.
///
/// It holds no state of the rollout but unsaved progress. What other processes save (`pause`,
/// `revert`, another driver) is noticed within `doorbell`, and a late save or a late answer of this
/// driver is refused.
package actor Driver {
  /// The one thread for all drivers of a process, their tasks and what they read.
  ///
  /// A driver mostly waits, and waking a thread costs more than what it then does. What may take
  /// long (Nginx, servers, hooks) runs elsewhere. A task without a preferred executor is woken by
  /// way of the pool, which costs the waking of one more thread each time.
  nonisolated let executor: ThreadExecutor
  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// The pause between two looks at the store and the brake flag.
  package static let doorbell = Span.seconds(0.2)

  /// The pause between two looks of a driver that has a bell.
  private static let slowLook = Span.seconds(30)

  enum Signal: Sendable {
    case event(Event)
    /// An event that could not be saved before.
    case again(Event)
    /// `offset` is what the wall clock was ahead of the time since the start when it was begun.
    case measured([Measurement], rollout: Int, stage: Int, offset: Span)
    case looked(fault: Unready?, rollout: Int)
    /// Whether the pool that this event sends all traffic back to answers; nil: it does.
    case asked(Event, stableFault: String?)
    case preflighted([CheckState], rollout: Int)
    case ran(Int, JobEnd)
    /// A timer of this driver; only the newest number counts.
    case tick(Int)
    /// The bell's alarm, at the instant that the driver named.
    case alarm
    /// The store has changed, or a brake is on.
    case knock
    case drain
    /// What this driver needs is gone: the rollout is to be reverted.
    case lost(String)
  }

  let service: ServiceName
  private let first: @Sendable () async -> ServiceState
  let desk: Desk
  let router: any Router
  let source: any MetricSource
  /// Nil: this driver looks at the store and the brake flag by itself.
  private let bell: Bell?
  /// Nil: another process runs the hooks.
  let jobs: (any JobRunner)?
  let log: @Sendable (String) -> Void
  /// Called with every state that is decided, saved or not.
  private let saw: @Sendable (ServiceState) -> Void

  private let inbox: AsyncStream<Signal>
  let post: AsyncStream<Signal>.Continuation
  /// When this driver has work next, by the time since the host's start; nil: only after an answer,
  /// or a save of another process.
  var wakeAt: Span?
  private var timer: (number: Int, at: Span)?
  private var timers = 0
  var revision: Int?
  var progress: Progress?
  var inFlight: Set<CheckName> = []
  var looking = false
  var preflighting = false
  var running: Set<Int> = []
  var applying: (generation: Generation, task: Task<Void, Never>)?
  /// How many answers of Nginx wait in the inbox.
  var answersInInbox = 0
  private var isDraining = false
  var tasks: [Int: Task<Void, Never>] = [:]
  var taskCount = 0
  /// Since when nothing can be saved, and what is done about it; nil: the store works.
  var outage: StoreOutage?
  /// How many events wait until the store can be written again.
  var unsaved = 0
  /// By how much the wall clock was ahead of the time since the host's start.
  var clockOffset: Span?
  private var failedReverts = 0
  var patience: Int?
  /// Puts the brake on by another process, when this one can't.
  var lastResort: (@Sendable () -> Void)?
  /// Tells everybody of a brake that no saved entry tells of, and of its rollout.
  var tell: (@Sendable (_ rollout: Int?, _ why: String) -> Void)?
  /// Whether Nginx refused a revert `patience` times: it is unfinished, and the brake stays on.
  package private(set) var hasGivenUp = false
  /// Why Nginx refused the last configuration that it refused; nil: it refused none.
  package internal(set) var fault: Fault?

  package init(
    service: ServiceName, first: @escaping @Sendable () async -> ServiceState, desk: Desk,
    executor: ThreadExecutor, router: any Router,
    source: any MetricSource, jobs: (any JobRunner)? = nil, bell: Bell? = nil,
    log: @escaping @Sendable (String) -> Void,
    saw: @escaping @Sendable (ServiceState) -> Void = { _ in }
  ) {
    self.service = service
    self.first = first
    self.desk = desk
    self.executor = executor
    self.router = router
    self.source = source
    self.jobs = jobs
    self.bell = bell
    self.log = log
    self.saw = saw
    (inbox, post) = AsyncStream.makeStream(of: Signal.self)
  }

  /// Sends the driver an event from outside, such as a signal.
  package nonisolated func send(_ event: Event) { post.yield(.event(event)) }

  /// Ends the drive after the work under way; the rollout stays where it is.
  package nonisolated func drain() { post.yield(.drain) }

  /// Tells the driver that what it needs is gone, such as its lock: it reverts its rollout, and asks
  /// Nginx no more than twice.
  package nonisolated func lose(_ what: String) { post.yield(.lost(what)) }

  /// Drives until no work is left, beginning with the event; returns the state that the service
  /// then rests in.
  ///
  /// Nil: the task was cancelled or the driver drained before. A revert never gives up by itself;
  /// with `patience` this driver stops after that many refusals of Nginx (`hasGivenUp`), and the
  /// brake stays on for the next driver. `lastResort` has another process put the brake on, and
  /// `tell` has one tell of a brake that cannot be saved.
  package func run(
    _ event: Event, patience: Int? = nil, lastResort: (@Sendable () -> Void)? = nil,
    tell: (@Sendable (_ rollout: Int?, _ why: String) -> Void)? = nil
  ) async -> ServiceState? {
    self.lastResort = lastResort
    self.tell = tell
    let rest = await drive(event, patience: patience)
    // A report is read for the last requests that the canary served, so they are counted too.
    if rest != nil { await source.settle(service) }
    return rest
  }

  private func drive(_ event: Event, patience: Int?) async -> ServiceState? {
    self.patience = patience
    defer {
      applying?.task.cancel()
      for task in tasks.values { task.cancel() }
      bell?.leave(service)
    }
    post.yield(.event(event))
    bell?.listen(
      service,
      Bell.Listener(
        knock: { [post] in post.yield(.knock) }, alarm: { [post] in post.yield(.alarm) }))
    scheduleTick()
    for await signal in inbox {
      if Task.isCancelled { return nil }
      noticeClock()
      if let rest = await take(signal) { return rest }
      scheduleTick()
      if isDraining, applying == nil, answersInInbox == 0 { return nil }
    }
    return nil
  }

  /// Handles one signal; returns the state once no work is left.
  private func take(_ signal: Signal) async -> ServiceState? {
    switch signal {
    case .drain:
      isDraining = true
      return nil
    case .lost(let what): return await lose(what)
    case .event(let event):
      switch event {
      case .applied, .applyFailed, .overtaken: answersInInbox = max(0, answersInInbox - 1)
      default: break
      }
      return await handle(event)
    case .again(let event):
      unsaved -= 1
      // Once the rollout is to end, nothing else that waited may come before that.
      if let last = outage?.last, event != last { return nil }
      return await handle(event, isRetry: true)
    case .measured(let measurements, let rollout, let stage, let offset):
      for measurement in measurements { inFlight.remove(measurement.check) }
      // The clock was set while it was measured: its time means nothing.
      if isStep(from: offset) {
        wakeAt = desk.clock.uptime()
        return nil
      }
      return await handle(.measured(measurements, rollout: rollout, stage: stage))
    case .looked(let fault, let rollout):
      looking = false
      return await handle(.looked(fault: fault, rollout: rollout))
    case .asked(let event, let fault):
      return await handle(event, after: desk.knowing(stableFault: fault))
    case .preflighted(let states, let rollout):
      preflighting = false
      return await handle(.preflighted(states, rollout: rollout))
    case .ran(let number, let end):
      running.remove(number)
      return await handle(.ran(job: number, end))
    case .tick(let number):
      guard number == timer?.number else { return nil }
      timer = nil
      return await tick()
    case .alarm:
      timer = nil
      guard wakeAt.map({ $0 <= desk.clock.uptime() }) ?? false else { return await tick() }
      // The bell rings for other saves and for brakes: only this driver's own work is left.
      wakeAt = nil
      return await handle(await lostStage() ?? .woke)
    case .knock: return await tick()
    }
  }

  /// Sets a timer for the next look or for the next work, whichever comes first.
  ///
  /// There is at most one timer at a time; with a bell, looks are rare.
  private func scheduleTick() {
    let look = desk.clock.uptime() + (bell == nil ? Self.doorbell : Self.slowLook)
    let at = min(wakeAt ?? look, look)
    if let timer, timer.at <= at { return }
    timers += 1
    let number = timers
    timer = (number, at)
    if let bell { return bell.wake(service, at: at) }
    spawn { [desk, post] in
      await desk.clock.sleep(until: desk.clock.now() + (at - desk.clock.uptime()))
      post.yield(.tick(number))
    }
  }

  /// Saves the decision on the event and carries it out; returns the state once no work is left.
  func handle(
    _ event: Event, unlessReverting: Bool = false, isRetry: Bool = false, after asked: Desk? = nil
  ) async -> ServiceState? {
    if unlessReverting, let state = try? await desk.store.load(service)?.value,
      case .reverting? = state.running?.phase
    {
      return nil
    }
    let desk = asked ?? desk
    if let outage, !isRetry, desk.clock.uptime() < outage.nextTry {
      await goOn(event, at: desk, asking: asked == nil)
      return nil
    }
    do throws(StoreError) {
      // Who is told to go back, and has lost what it needs, cannot wait for an answer.
      let asking = if case .revertOnly = event { false } else { asked == nil && !isRetry }
      let taken = try await desk.submit(
        event, for: service, after: progress, asking: asking, first: first)
      progress = taken.progress
      if let pool = taken.asks {
        askStable(pool, before: event)
        return nil
      }
      // Another process has saved since the last look: its state may wait for effects of its own.
      if let revision, taken.found != revision { post.yield(.event(.woke)) }
      revision = taken.revision
      if let outage, taken.isSaved, taken.revision != taken.found || unsaved == 0 {
        log(outage.endSentence)
        self.outage = nil
      }
      for effect in taken.decision.effects { await perform(effect) }
      let state = taken.decision.state
      saw(state)
      if case .applyFailed = event, case .reverting? = state.running?.phase {
        failedReverts += 1
        if let patience, failedReverts >= patience {
          hasGivenUp = true
          return state
        }
      }
      // An event that waits for the store may be a revert: until it is saved, nothing is at rest.
      let isBusy = state.job(at: desk.clock.now()) != nil && jobs != nil
      return state.running != nil || state.asked != nil || unsaved > 0 || isBusy ? nil : state
    } catch {
      await cannotSave(event, error, at: desk, asking: asked == nil)
      return nil
    }
  }

  func retry(_ event: Event) {
    unsaved += 1
    let at = desk.clock.now() + .seconds(1)
    spawn { [desk, post] in
      await desk.clock.sleep(until: at)
      post.yield(.again(event))
    }
  }
}
