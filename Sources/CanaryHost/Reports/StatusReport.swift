internal import CanaryAdapters
package import CanaryCore
package import CanaryDriver

/// What `status` shows of one service; `text` and `json` print the same facts.
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
  package let now: Instant
  private let nginx: [String]
  /// What a worker said at the time of the command, or why none could be asked; nil: not asked.
  private let confirmed: Result<ConfirmedShares, Fault>?
  /// Why workers do not see a set that is there; nil: they do, or there is none.
  private let unseen: Fault?
  /// What the built-in plan `try` leaves to do; nil: nothing.
  private let nextOfTry: String?
  /// Log entries so far that could not be parsed or matched to a pool.
  private let unreadable: Int

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
    state = snapshot?.over(saved) ?? saved
    recent = state.running?.number == snapshot?.rollout ? snapshot?.recent ?? [:] : [:]
    brake = await world.router.brakeNote(service.name)
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
  private var weight: Weight? {
    guard let confirmed else { return lastWeight }
    return (try? confirmed.get()).map { shares in canary.map { shares[$0] } ?? .none }
  }

  /// Why no worker could be asked; nil: one was, or did not need to be.
  private var weightFault: Fault? {
    if case .failure(let fault)? = confirmed { fault } else { nil }
  }
  private var canary: PoolName? {
    if let rollout = state.rollout, case .promoted = rollout.phase { return nil }
    return state.rollout?.to
  }

  package var json: JSON {
    let rollout = state.rollout
    return .table([
      ("service", .text(service.name.text)), ("phase", .text(state.word.rawValue)),
      ("stable", .text(state.stable.text)), ("canary", JSON(canary?.text)),
      ("release", JSON(rollout?.release)), ("weight", weight.map { .number($0.percent) } ?? .null),
      ("weights", weights), ("weight_fault", JSON((weightFault ?? unseen)?.description)),
      ("generation", .int((state.serving?.generation ?? state.generation).number)),
      ("brake", .bool(brake != nil)),
      ("stage", stage), ("checks", .list((rollout?.checks ?? []).map(check))),
      ("unreadable_lines", .int(unreadable)), ("rollout", rollout.map { .int($0.number) } ?? .null),
      ("reason", JSON(rollout.flatMap { Wording.reason($0) ?? $0.reason })),
      ("hint", JSON(rollout.flatMap(Wording.hint) ?? nextOfTry)),
      ("freeze", freeze), ("scheduled", scheduled), ("approval", approval),
      (
        "driver",
        driver.map { .table([("pid", .int(Int($0.pid))), ("alive", .bool($0.alive))]) } ?? .null
      ),
    ])
  }

  private var freeze: JSON {
    guard let freeze = state.freeze(at: now) else { return .null }
    return .table([
      ("reason", .text(freeze.reason)), ("actor", .text(freeze.actor.description)),
      ("since", .text(freeze.since.iso8601)), ("until", JSON(freeze.until?.iso8601)),
    ])
  }

  private var scheduled: JSON {
    guard let scheduled = state.scheduled else { return .null }
    return .table([
      ("to", .text(scheduled.request.to.text)), ("release", JSON(scheduled.request.release)),
      ("at", .text(scheduled.at.iso8601)), ("in_window", .bool(scheduled.inWindow)),
      ("actor", .text(scheduled.request.actor.description)),
    ])
  }

  private var approval: JSON {
    guard let rollout = state.running, let rule = rollout.awaitedApproval,
      let approval = rollout.approval
    else { return .null }
    let fields: [(String, JSON)] = [
      ("stage", .int(approval.stage)), ("count", .int(rule.count)),
      ("given", .list(approval.given.map { .text($0.description) })),
      ("by", .list(rule.by.map { .text($0.description) })),
      ("until", .text((approval.since + rule.within).iso8601)),
    ]
    // Of a rule by count, the fields of before say all of it.
    guard !rule.each.isEmpty else { return .table(fields) }
    return .table(
      fields + [
        ("each", .list(rule.each.map { .text($0.description) })),
        ("missing", .text(rule.missingWords(approval.people))),
      ])
  }

  private var weights: JSON {
    if let confirmed {
      let shares = try? confirmed.get()
      return .table(
        service.pools.map { pool in
          (pool.name.text, shares.map { .number($0[pool.name].percent) } ?? .null)
        })
    }
    let serving = state.serving?.routing
    return .table(
      service.pools.map { pool in
        let share: Double
        if brake != nil {
          share = pool.name == serving?.brake ?? state.stable ? 100 : 0
        } else if let serving, pool.name == serving.canary {
          share = serving.weight.percent
        } else if pool.name == serving?.stable ?? state.stable {
          share = 100 - (serving?.weight.percent ?? 0)
        } else {
          share = 0
        }
        return (pool.name.text, .number(share))
      })
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

  private var stage: JSON {
    guard let rollout = state.rollout, let index = rollout.stage else { return .null }
    let stage = rollout.plan.stages[index]
    return .table([
      ("index", .int(index)), ("count", .int(rollout.plan.stages.count)),
      ("weight", .number(stage.weight.percent)), ("audience", JSON(stage.words)),
      ("soak_seconds", .number(stage.soak.seconds)), ("elapsed_seconds", .number(elapsed.seconds)),
    ])
  }

  private func check(_ check: CheckState) -> JSON {
    .table([
      ("name", .text(check.name.text)), ("verdict", .text(check.verdict.rawValue)),
      ("value", check.value.map(JSON.number) ?? .null), ("detail", .text(check.detail)),
      ("advisory", .bool(check.advisory)), ("measured", JSON(check.measuredAt?.iso8601)),
      ("measurements", .int(check.measurements)),
    ])
  }

  private var weightWords: String {
    if let weight { return "canary weight \(weight)%" }
    return
      "canary weight unknown, because Nginx cannot be asked (\(lastWeight)% when it last could)"
  }

  package var text: String {
    var lines = ["\(service.name): \(state.word.rawValue): \(Wording.sentence(state))"]
    let shares = service.pools.map { pool in
      "\(pool.name)\(pool.name == state.stable ? " (stable)" : "")"
    }
    lines.append(
      "  pools: \(shares.joined(separator: ", ")); \(weightWords), generation \(state.serving?.generation ?? state.generation)"
    )
    if let weightFault { lines.append("  \(weightFault)") }
    if let weight, weight < lastWeight, state.running?.phase.soak != nil {
      let why = unseen?.description ?? "its set of seats is gone, as after a reboot"
      lines.append("  the stage has \(lastWeight)%, but Nginx gives the canary \(weight)%: \(why)")
    }
    if let rollout = state.rollout {
      lines.append(
        "  rollout \(rollout.number): \(rollout.from) → \(rollout.to)\(rollout.release.map { " (\($0))" } ?? ""), by \(rollout.actor), \(rollout.started.iso8601)"
      )
      for check in rollout.checks where !rollout.phase.isOver {
        lines.append(
          "  \(Wording.mark(check.verdict)) \(check.name): \(check.verdict.rawValue): \(check.detail)\(check.advisory ? " (advisory)" : "")"
        )
      }
    }
    if let nextOfTry { lines.append("  \(nextOfTry)") }
    if let freeze = state.freeze(at: now) {
      lines.append("  ❄ \(freeze.words); canary thaw ends it")
    }
    if state.word == .awaitingApproval {
      lines.append(
        "  to let it go on: canary approve \(service.name) · to send it back: canary reject")
    }
    for one in state.running == nil ? state.guards : [] {
      lines.append(
        "  \(Wording.mark(one.verdict)) guard \(one.name): \(one.verdict.rawValue): \(one.detail)")
    }
    if let driver, state.running != nil {
      lines.append(
        driver.alive
          ? "  driven by process \(driver.pid)"
          : "  its driver (pid \(driver.pid)) died. Go on with: canary controller · go back with: canary revert \(service.name)"
      )
    }
    if let brake {
      lines.append(
        "  BRAKE is on since \(brake.time.iso8601) (\(brake.actor)): \(brake.reason ?? "no reason given"); every new request goes to \(state.serving?.routing.brake ?? state.stable)"
      )
    }
    lines += nginx.map { "  \($0)" }
    if unreadable > 0 {
      lines.append(
        "  \(unreadable) lines or tries of the access log could not be read or belong to no pool")
    }
    return lines.joined(separator: "\n")
  }
}
