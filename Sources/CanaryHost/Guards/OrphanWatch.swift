internal import CanaryAdapters
package import CanaryCore
internal import CanaryDriver

/// Finds rollouts that no process drives and no guard has braked, such as after both were killed with
/// their container; puts their brake on.
package enum OrphanWatch {
  /// Looks once; returns what there is to say, a line for each service.
  ///
  /// Every command does, so whatever starts next notices. One service alone with `only`.
  package static func look(_ world: World, only: ServiceName? = nil) async -> [String] {
    var orphans = await orphans(world, only)
    // Between two drivers nobody drives for a moment, as when a promotion is handed over.
    for _ in 0..<4 where !orphans.isEmpty {
      await world.clock.sleep(until: world.clock.now() + DeadMansWatch.grace / 3)
      let still = Set(await self.orphans(world, only).map(\.service))
      orphans = orphans.filter { still.contains($0.service) }
    }
    var lines = await removeSockets(world, only)
    for orphan in orphans { lines.append(await brake(orphan, world)) }
    return lines
  }

  /// Removes what a killed Nginx left behind: its next start would fail on it.
  private static func removeSockets(_ world: World, _ only: ServiceName?) async -> [String] {
    // All services but those for TCP share one socket.
    let tcp = world.config.services.filter { $0.proxying.scheme == .tcp }
    let all = Array(world.config.services.prefix(1)) + tcp
    let services = only.flatMap { world.config.service($0) }.map { [$0] } ?? all
    return await world.router.removeStaleSockets(services.map(\.name))
      .map { "removed \($0), which a killed Nginx left behind" }
  }

  /// Looks until the task is cancelled.
  package static func watch(_ world: World) async {
    var told: Set<String> = []
    while !Task.isCancelled {
      let lines = await look(world)
      for line in lines where told.insert(line).inserted { world.log("canary guard: \(line)") }
      await world.clock.sleep(until: world.clock.now() + .seconds(1))
    }
  }

  private struct Orphan {
    let service: ServiceName
    /// Nil: what is saved of it cannot be read.
    let rollout: Rollout?
  }

  private static func orphans(_ world: World, _ only: ServiceName?) async -> [Orphan] {
    guard world.history.exists, let pending = try? await world.changes.pending() else { return [] }
    let hasController = world.leases.holder(.controller) != nil
    var found: [Orphan] = []
    for (service, when) in pending
    where when == .now && only.map({ $0 == service }) ?? true && world.config.has(service)
      && world.leases.holder(.drive(service)) == nil
    {
      let state = await state(of: service, world)
      // A controller drives what it can read.
      if case .success(let state) = state, hasController || state?.running == nil { continue }
      guard await world.router.brakeNote(service) == nil,
        // Where nobody meets the canary, there is nothing to brake.
        await world.router.observe(service, .header).meetsCanary
      else { continue }
      found.append(Orphan(service: service, rollout: (try? state.get())?.running))
    }
    return found
  }

  private static func state(
    of service: ServiceName, _ world: World
  ) async -> Result<ServiceState?, StoreError> {
    do throws(StoreError) {
      return .success(try await world.states.peek(service))
    } catch {
      return .failure(error)
    }
  }

  private static func brake(_ orphan: Orphan, _ world: World) async -> String {
    let (service, rollout) = (orphan.service, orphan.rollout)
    let pid = world.leases.lastHolder(.drive(service)).map { " (pid \($0))" } ?? ""
    let reason =
      rollout.map {
        "nobody drives rollout \($0.number): its driver\(pid) and its guard are gone"
      } ?? "its state in the store cannot be read, so nobody can drive its rollout"
    let note = BrakeNote(by: .guard, actor: "guard", reason: reason, time: world.clock.now())
    do throws(RouterError) {
      try await world.router.brake(service, to: rollout?.from, note)
    } catch {
      return
        "\(service): \(reason), and THE BRAKE COULD NOT BE PUT ON: \(error.text). Run: canary revert \(service)"
    }
    ThisProcess.journal("\(service): the brake is on: \(reason)")
    try? Background.announce(
      service, rollout: rollout?.number, reason, config: world.config.file)
    return "\(service): \(reason). The brake is on now; go back with: canary revert \(service)"
  }
}
