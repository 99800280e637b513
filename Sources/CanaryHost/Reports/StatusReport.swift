internal import CanaryAdapters
package import CanaryCore
package import CanaryDriver

/// What is known of one service: `status`, the screen and the page show the same facts of it.
package struct StatusReport: Sendable {
  package let service: Service
  /// The saved state, with what its driver has measured since.
  package let state: ServiceState
  package let brake: BrakeNote?
  /// The process that drives now, or the dead one that did last; nil: none drives or needs to.
  package let driver: (pid: Int32, alive: Bool)?
  /// Values of the checks over the last minutes; empty unless a driver shares them, which it does
  /// only while watched.
  package let recent: [CheckName: [LiveSnapshot.Point]]
  /// Whether a controller runs on this host.
  package let hasController: Bool
  package let now: Instant
  /// What is unusual about workers, files and names.
  let nginx: [String]
  /// What a worker said at the time of the command, or why none could be asked; nil: not asked.
  let confirmed: Result<ConfirmedShares, Fault>?
  /// Why workers do not see a set that is there; nil: they do, or there is none.
  let unseen: Fault?
  /// What the built-in plan `try` leaves to do; nil: nothing.
  let nextOfTry: String?
  /// Log entries so far that could not be parsed or matched to a pool.
  let unreadable: Int

  /// The status of a state that is known already, without a look at anything.
  package init(
    _ service: Service, _ state: ServiceState, brake: BrakeNote? = nil,
    driver: (pid: Int32, alive: Bool)? = nil, recent: [CheckName: [LiveSnapshot.Point]] = [:],
    hasController: Bool = false, now: Instant
  ) {
    self.service = service
    self.state = state
    self.brake = brake
    self.driver = driver
    self.recent = recent
    self.hasController = hasController
    self.now = now
    nginx = []
    confirmed = nil
    unseen = nil
    nextOfTry = nil
    unreadable = 0
  }

  /// Reads the status.
  ///
  /// With `looksAtNginx` false, no worker is asked, and former workers and files changed by hand are
  /// left out: finding them means a look at every process of the host. A round has seen what is the
  /// same for many services; `known` is the state, where it need not be read.
  package init(
    _ world: World, _ service: Service, looksAtNginx: Bool = true, round: StatusRound? = nil,
    known: ServiceState? = nil
  ) async throws(Failure) {
    self.service = service
    now = world.clock.now()
    let saved: ServiceState
    if let known = known ?? round?.state(of: service.name) {
      saved = known
    } else {
      saved = try await world.load(service)
    }
    let snapshot =
      saved.running == nil ? nil : LiveSnapshotFile.read(service.name, in: world.config.run)
    var state = snapshot?.over(saved) ?? saved
    state.scheduled = state.scheduled?.by(service.calendar, at: now)
    self.state = state
    recent = state.running?.number == snapshot?.rollout ? snapshot?.recent ?? [:] : [:]
    brake = await world.router.brakeNote(service.name)
    hasController = world.leases.holder(.controller) != nil
    if let pid = world.leases.holder(.drive(service.name)) {
      driver = (pid, true)
    } else if state.running != nil, let pid = world.leases.lastHolder(.drive(service.name)) {
      driver = (pid, false)
    } else {
      driver = nil
    }
    unreadable = state.rollout == nil ? 0 : (try? await world.logs.unreadable(service.name)) ?? 0
    var nextOfTry = state.rollout.flatMap { TryPlan.farewell($0, service, world.config) }
    if nextOfTry == nil, looksAtNginx {
      nextOfTry = await TryPlan.waits(state.running, service, world.config)
    }
    self.nextOfTry = nextOfTry
    guard looksAtNginx else {
      nginx = []
      confirmed = nil
      unseen = nil
      return
    }
    let isOfRound = round != nil && service.proxying.scheme != .tcp
    var aspects: RouterAspects = [.header, .edits, .names]
    if !isOfRound { aspects.insert(.workers) }
    let resting = round?.resting[service.name]
    if resting == nil, round?.isSilent != true { aspects.insert(.shares) }
    let seen = await world.router.observe(service.name, aspects)
    let served = resting.map { .success($0) } ?? seen.shares ?? .failure(StatusRound.unasked)
    round?.note(served, took: world.clock.now() - now)
    confirmed = Result { [state] () throws(Fault) in
      try ConfirmedShares(try served.get(), state, seen.header)
    }
    if case .success(.seats(_, .some, let seats)) = served, seats.isEmpty, seen.meetsCanary {
      unseen = world.config.unseenSet(service.name)
    } else {
      unseen = nil
    }
    nginx =
      (isOfRound ? round?.nginx ?? [] : NginxReport.workers(world, seen.workers))
      + seen.edits.map { "\($0) was changed by hand" }
      + seen.names.map { "\($0); to let it read them again: canary apply \(service.name)" }
      + Self.lostStore(world, seen.header?.generation)
  }

  /// That the store is gone or elsewhere, where files of Nginx show that there was one.
  private static func lostStore(_ world: World, _ generation: Generation?) -> [String] {
    guard let generation, generation.number > 1, !world.history.exists else { return [] }
    return [
      "no state in \(world.config.state), though Nginx has generation \(generation): correct `state` in \(world.config.file), or put a backup there; canary apply begins anew"
    ]
  }

  /// The canary's share as it was last confirmed and saved; none while the brake is on, whatever the
  /// files say.
  package var lastWeight: Weight { brake != nil ? .none : state.serving?.routing.weight ?? .none }

  /// The canary's share that a worker confirms now; nil: none could be asked.
  ///
  /// Where no worker is asked, the share that was confirmed last.
  var weight: Weight? {
    guard let confirmed else { return lastWeight }
    return (try? confirmed.get()).map { shares in canary.map { shares[$0] } ?? .none }
  }

  /// Why no worker could be asked; nil: one was, or did not need to be.
  var weightFault: Fault? {
    if case .failure(let fault)? = confirmed { fault } else { nil }
  }
  var canary: PoolName? {
    if let rollout = state.rollout, case .promoted = rollout.phase { return nil }
    return state.rollout?.to
  }

  /// Whether soak time passes: a driver lives, Nginx has confirmed the stage, and nothing holds it.
  package var isTicking: Bool {
    guard case .soaking(let soak)? = state.running?.phase else { return false }
    return driver?.alive == true && soak.confirming == nil && state.running?.held == nil
  }

  /// How much of the soak has been served in the stage; zero outside of one.
  package var elapsed: Span {
    guard let rollout = state.rollout else { return .zero }
    switch rollout.phase {
    case .soaking(let soak):
      // A driver saves passed time only now and then. Time since its save counts, with a limit in
      // case it hangs.
      let since =
        isTicking ? max(.zero, min(now - soak.seen, state.progressInterval + .seconds(5))) : .zero
      return soak.served + since
    case .paused(let soak): return soak.served
    case .starting, .applying, .finishing, .reverting, .promoted, .reverted: return .zero
    }
  }

  /// What a person must know first.
  package var headline: Headline { Headline(self) }

  /// Where the brake leads.
  package var brakePool: PoolName { state.serving?.routing.brake ?? state.stable }

  /// When the canary is stable at the earliest; nil: no rollout is on its way there.
  package var done: Instant? {
    guard let rollout = state.running, rollout.doomed == nil, driver?.alive == true, brake == nil
    else { return nil }
    if case .reverting = rollout.phase { return nil }
    return Forecast.rest(of: rollout, calendar: service.calendar, now: now).promoted
  }

  /// How long a driver may not have looked at a stage; its looks are saved only now and then.
  var patience: Span { state.progressInterval + .seconds(20) }

  /// The pools with their roles and what they run.
  package var pools: [String] {
    service.pools.map { pool in
      let role =
        pool.name == state.stable ? "stable" : pool.name == state.running?.to ? "canary" : nil
      let words = [role, state.release(of: pool.name).map { Text.sanitized($0, limit: 40) }]
        .compactMap(\.self)
      return words.isEmpty ? pool.name.text : "\(pool.name) (\(words.joined(separator: ", ")))"
    }
  }

  /// Who drives, in words; nil: no process does or needs to.
  package var driverWords: String? {
    guard let driver, state.running != nil else { return nil }
    guard driver.alive else {
      return "its driver (pid \(driver.pid)) died"
    }
    return "driven by \(hasController ? "the controller, " : "")process \(driver.pid)"
  }
}
