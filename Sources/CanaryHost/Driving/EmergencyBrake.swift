internal import CanaryAdapters
package import CanaryCore
internal import CanaryDriver

/// The first step of a revert.
///
/// Needs only the config, the `run` folder and a running Nginx: neither the store nor the
/// templates.
package struct EmergencyBrake {
  private let world: World
  private let service: ServiceName

  package init(_ world: World, _ service: ServiceName) {
    self.world = world
    self.service = service
  }

  /// The result of pulling the brake.
  package struct PullResult: Sendable {
    /// The flag file exists.
    package var isOn = false
    /// Running workers answered that they see the flag.
    package var isSeen = false
    /// Where the brake sends traffic, by the generated file; nil when that cannot be read.
    package var pool: PoolName?
    /// The generated file gives the canary a share, whatever the store says.
    package var filesSendToCanary = false
    package var warnings: [String] = []

    /// The result in one sentence; `stable` names the pool where the generated file is silent.
    package func sentence(stable: PoolName) -> String {
      isSeen
        ? "All new requests go to \(pool ?? stable) by the brake."
        : isOn
          ? "The brake is on, but no worker of Nginx confirms that it sees it."
          : "The brake could not be put on."
    }
  }

  /// Tries the brake while it is harmless: all traffic goes to the pool that it leads to anyway.
  ///
  /// Nil when running workers see it, or when it cannot be tried now; otherwise why it would not
  /// work.
  package func trial() async -> String? {
    // By seats each stage is proved before it is believed, and the brake is the set without seats.
    guard let header = await world.router.observe(service, .header).header, !header.hasSeats,
      let routing = header.routing, routing.brake == routing.stable, routing.isClean
    else { return nil }
    do throws(RouterError) {
      try await world.router.brake(
        service, to: routing.stable,
        BrakeNote(by: .driver, actor: "canary", reason: "trial", time: world.clock.now()))
    } catch {
      return error.text
    }
    let fault = await visibilityFault()
    try? await world.router.release(service)
    return fault
  }

  /// Why workers do not see the flag; nil when they do.
  ///
  /// Asks twice, because each answer comes from one worker; one that is late, as while workers are
  /// exchanged, is asked again.
  package func visibilityFault() async -> String? {
    var (seen, silent) = (0, 0)
    while seen < 2 {
      switch await world.router.observe(service, .answer).answer {
      case .failure(let fault):
        silent += 1
        if silent > 2 { return fault.description }
      case .success(let answer) where answer.braked: seen += 1
      case .success(let answer):
        if await isClean(answer) {
          seen += 1
          continue
        }
        fallthrough
      case nil:
        return
          "Nginx does not see the brake file \(world.config.run.brake(service)); is `run` the same folder for Nginx, and open to its workers?"
      }
    }
    return nil
  }

  /// Whether a driver has made the configuration clean meanwhile, and lifted the brake: this worker
  /// runs it, and no request meets a canary by it.
  private func isClean(_ answer: WorkerAnswer) async -> Bool {
    guard await world.router.brakeNote(service) == nil else { return false }
    let seen = await world.router.observe(service, .header)
    return !seen.meetsCanary && seen.header?.generation == answer.generation
  }

  /// Whether the brake leads where a revert would, when it leads to the pool before the last
  /// promotion.
  ///
  /// Not after that pool's `retain` is over, and not while a new rollout runs.
  private func leadsBack(_ routing: Routing) async -> Bool {
    if let until = routing.brakeUntil, world.clock.now() >= until { return false }
    // Without descriptors the store is not asked.
    let state =
      ThisProcess.shortage != nil
      ? nil : (try? await world.states.peek(service, patience: .seconds(0.3))) ?? nil
    if let rollout = state?.running, rollout.from == routing.stable { return false }
    return true
  }

  /// Puts the flag up, and asks running workers whether they see it.
  ///
  /// Leaves it down where it would not lead where a revert does.
  package func pull(reason: String?) async -> PullResult {
    var pulled = PullResult()
    let seen = await world.router.observe(service, .header)
    let header = seen.header
    pulled.pool = seen.brakePool
    pulled.filesSendToCanary = seen.meetsCanary
    if let header, let routing = header.routing, pulled.pool != routing.stable,
      await !leadsBack(routing)
    {
      if !header.hasSeats { return pulled }
      pulled.pool = routing.stable
    }
    let note = BrakeNote(
      by: .person, actor: world.actor.description, reason: reason, time: world.clock.now())
    do throws(RouterError) {
      try await world.router.brake(service, to: pulled.pool, note)
      pulled.isOn = true
    } catch {
      pulled.warnings.append(error.text)
      return pulled
    }
    if let fault = await visibilityFault() {
      pulled.warnings.append(fault)
    } else {
      pulled.isSeen = true
    }
    return pulled
  }
}
