internal import CanaryCore

/// A time in which nothing can be saved.
struct StoreOutage {
  /// By the time since the host's start.
  let since: Span
  let why: Fault
  /// When saving is tried again; until then all goes on in memory.
  var nextTry: Span
  /// The event that ends the rollout, once it is known; nothing else is decided on any more.
  var last: Event?

  /// How long a rollout goes on without being saved.
  static let longest = Span.seconds(10)
  static let pause = Span.seconds(1)

  var endSentence: String {
    "the state can be saved again"
      + (last == nil ? "" : "; what happened meanwhile is in the history")
  }
}

// What a driver does while the store is full, locked or broken: it measures, judges and brakes from
// memory, and lets nothing grow.
extension Driver {
  /// Notes that the event could not be saved, and goes on in memory.
  func cannotSave(_ event: Event, _ error: StoreError, at desk: Desk, asking: Bool) async {
    let why = if case .unavailable(let fault) = error { fault } else { Fault("\(error)") }
    let now = desk.clock.uptime()
    if outage == nil {
      log("the state cannot be saved: \(why); trying again")
      outage = StoreOutage(since: now, why: why, nextTry: now)
    }
    outage?.nextTry = now + StoreOutage.pause
    await goOn(event, at: desk, asking: asking)
  }

  /// Decides on the event in memory: measures what is due, and puts the brake on when it must be.
  ///
  /// With `asking`, the pool that a revert would lead to is asked first.
  func goOn(_ event: Event, at desk: Desk, asking: Bool) async {
    guard let outage else { return }
    wakeAt = min(wakeAt ?? .longest, desk.clock.uptime() + StoreOutage.pause)
    if let last = outage.last {
      if event == last {
        await brake(for: event)
        retry(event)
      }
      return
    }
    if let known = await known, let rollout = known.running {
      let decision = decide(known, event, at: desk.clock.now(), under: desk.rules(service))
      if asking, let pool = decision.goesBackByItself(from: known) {
        askStable(pool, before: event)
      } else if decision.refusal == nil, decision.state.isSameStage(as: known), progress != nil {
        progress?.state = decision.state
        progress?.entries += decision.entries
        progress?.kept.append(decision.kept)
        for effect in decision.effects {
          switch effect {
          case .measure, .wake: await perform(effect)
          case .brake, .release, .forgetFormer, .apply, .look, .preflight, .run, .end: break
          }
        }
      } else if decision.needsBrake {
        return await end(by: event)
      } else if event.isAskedAgain {
        // A later look decides on it: until then nothing grows.
      } else {
        retry(event)
      }
      if desk.clock.uptime() - outage.since >= StoreOutage.longest {
        let why = "nothing could be saved for \(StoreOutage.longest): \(outage.why.fact)"
        await end(
          by: .revertOnly(
            rollout: rollout.number, .canary, Reason(.outside, why, hint: outage.why.hint)))
      }
      return
    }
    if !event.isAskedAgain { retry(event) }
  }

  /// Ends the rollout by this event: brakes now, and decides on nothing else until it is saved.
  private func end(by event: Event) async {
    outage?.last = event
    await brake(for: event)
    retry(event)
    let why: String =
      if case .revertOnly(_, _, let reason) = event { reason.text } else {
        "nothing can be saved: \(outage?.why.fact ?? "the store does not answer")"
      }
    log("the brake is on: \(why)")
    tell?(await known?.running?.number, why)
  }

  /// The state as this driver knows it, else as it can be read.
  private var known: ServiceState? {
    get async {
      if let progress { return progress.state }
      return (try? await desk.store.load(service))?.value
    }
  }

  private func brake(for event: Event) async {
    guard let state = await known else { return }
    let decision = decide(state, event, at: desk.clock.now(), under: desk.rules(service))
    for effect in decision.effects {
      if case .brake = effect { await perform(effect) }
    }
  }
}

extension Decision {
  fileprivate var needsBrake: Bool {
    effects.contains { if case .brake = $0 { true } else { false } }
  }
}

extension Event {
  /// Whether a later look brings the event about again, if it is still wanted.
  fileprivate var isAskedAgain: Bool {
    switch self {
    case .woke, .looked, .measured, .preflighted: true
    case .tookOver, .applied, .applyFailed, .overtaken, .promote, .revert, .revertOnly, .pause,
      .resume, .advance, .apply, .schedule, .cancel, .freeze, .thaw, .approve, .reject, .ran,
      .guarded:
      false
    }
  }
}

extension ServiceState {
  /// Whether the rollout is in the same stage, and Nginx is asked for nothing new.
  fileprivate func isSameStage(as before: ServiceState) -> Bool {
    guard generation == before.generation else { return false }
    switch (before.running?.phase, running?.phase) {
    case (.soaking(let old)?, .soaking(let new)?), (.paused(let old)?, .paused(let new)?):
      return old.stage == new.stage && old.confirming == new.confirming
    default: return false
    }
  }
}
