internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// Measures the standing guards of services at rest; during a rollout they are checks of its plan.
package enum StandingGuardLoop {
  /// Measures until the task is cancelled.
  package static func watch(_ world: World) async {
    let sources = world.sources
    await withTaskGroup(of: Void.self) { group in
      for service in world.config.services {
        for one in service.guards {
          group.addTask { await watch(one, service, world, sources) }
        }
      }
    }
  }

  private static func watch(
    _ one: StandingGuard, _ service: Service, _ world: World, _ sources: any MetricSource
  ) async {
    var state = CheckState(one.check)
    let interval = one.check.interval(soak: .minutes(30))
    while !Task.isCancelled {
      let next = world.clock.uptime() + interval
      if let known = try? await world.load(service), known.running == nil {
        let measurement = await sources.measureAlone(one.check, service.name, pool: known.stable)
        state = Judge.fold(state, one.check, measurement)
        await save(state, one, service, world)
      } else {
        state = CheckState(one.check)
      }
      while !Task.isCancelled, world.clock.uptime() < next {
        await world.clock.sleep(until: world.clock.now() + (next - world.clock.uptime()))
      }
    }
  }

  /// Saves the guard's state with what follows from a changed verdict, and logs the change.
  private static func save(
    _ state: CheckState, _ one: StandingGuard, _ service: Service, _ world: World
  ) async {
    guard let known = try? await world.load(service) else { return }
    // A promotion is not taken back into a pool that is dead.
    var fault: String?
    if one.then == .revert, state.verdict == .fail, case .promoted? = known.rollout?.phase,
      let former = known.rollout?.from
    {
      fault = await world.sources.silence(of: service.name, pool: former)
    }
    guard
      let decision = try? await world.desk.knowing(stableFault: fault)
        .submit(.guarded(state, one.then), for: service.name, first: { known }).decision,
      !decision.entries.isEmpty
    else { return }
    world.log(
      "canary controller: \(service.name): guard \(state.name): \(state.verdict.rawValue): \(state.detail)"
    )
  }
}
