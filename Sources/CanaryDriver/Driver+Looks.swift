internal import CanaryCore

// What a driver looks for: other processes, what is due, what was removed, and the clock.
extension Driver {
  /// Looks for a brake of a person, for saves of other processes, and for work that is due.
  func tick() async -> ServiceState? {
    if let note = await router.brakeNote(service), note.by == .person {
      if let rest = await handle(.revert(Actor(note.actor), note.reason), unlessReverting: true) {
        return rest
      }
    }
    if let revert = await lostStage(), let rest = await handle(revert) { return rest }
    let changed = await hasChanged()
    let due = wakeAt.map { $0 <= desk.clock.uptime() } ?? false
    guard changed || due else { return nil }
    wakeAt = nil
    return await handle(.woke)
  }

  /// Whether another process has saved: then unsaved progress is dropped, and its state is decided
  /// on.
  ///
  /// Where the store has lost the rollout, what this driver knows is all that is left of it.
  private func hasChanged() async -> Bool {
    do throws(StoreError) {
      let saved = try await desk.store.load(service)
      guard saved?.revision != revision else { return false }
      if progress?.isLost(from: saved?.value) == true {
        progress?.mustSave = true
      } else {
        progress = nil
      }
      return true
    } catch {
      // What cannot be read can hardly be saved: from now on the time without a save counts.
      progress?.mustSave = true
      return progress != nil
    }
  }

  /// The revert that is due when what a stage rests on was removed by hand; nil: it is in place.
  func lostStage() async -> Event? {
    guard let state = progress?.state, let rollout = state.running,
      let soak = rollout.phase.soak,
      soak.confirming == nil, applying == nil, let serving = state.serving,
      await !router.isInForce(service, serving.routing, serving.generation)
    else { return nil }
    // A brake removes the set first, and says who and why a moment later.
    await desk.clock.sleep(until: desk.clock.now() + .seconds(0.1))
    guard await router.brakeNote(service) == nil,
      await !router.isInForce(service, serving.routing, serving.generation)
    else { return nil }
    // Of this rollout alone: meanwhile somebody may have reverted it, and begun the next.
    return .revertOnly(
      rollout: rollout.number, Actor("unknown"),
      Reason(.person, "what leads to the canary was removed by hand"))
  }

  /// Reverts what this driver drives, because what it needs is gone.
  func lose(_ what: String) async -> ServiceState? {
    guard let rollout = progress?.state.running else { return nil }
    log(what)
    patience = min(patience ?? 2, 2)
    if case .reverting = rollout.phase { return nil }
    return await handle(
      .revertOnly(rollout: rollout.number, .canary, Reason(.outside, what)))
  }

  /// Asks another process to put the brake on, where this one can't.
  func askLastResort() { lastResort?() }

  // MARK: the clock

  /// A clock that is kept right by small steps is off by less between two looks.
  private static let smallStep = Span.seconds(0.5)

  func isStep(from offset: Span) -> Bool {
    let now = desk.clock.offset
    return now - offset > Self.smallStep || offset - now > Self.smallStep
  }

  /// Says that the wall clock was set; what waits is not held up by it.
  func noticeClock() {
    let offset = desk.clock.offset
    defer { clockOffset = offset }
    guard let before = clockOffset, isStep(from: before) else { return }
    log(
      offset < before
        ? "the clock was set back by \((before - offset).words): what was measured before counts no more"
        : "the clock was set forward by \((offset - before).words)")
    // What is waited for is decided on again by the new time.
    wakeAt = desk.clock.uptime()
  }
}
