internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary revert --all`: every service whose rollout is not over.
enum RevertAll {
  /// All brakes first, and then one after the other what `revert` does; a service that cannot go
  /// back keeps none of the others.
  static func carryOut(_ call: Invocation) async throws(Failure) -> ExitCode {
    let world = try call.world(RevertCommand.options(call))
    let reason = call["--reason"].map { Text.sanitized($0, limit: 500) }
    let services = await unfinished(world)
    if services.isEmpty {
      world.output.out("nothing to revert: no service has a rollout that is not over")
      return .done
    }
    let began = world.clock.now()
    if world.control == nil {
      for service in services {
        _ = await EmergencyBrake(world, service.name).pull(reason: reason)
      }
    }
    var worst = ExitCode.done
    for service in services {
      world.output.out("\(service.name):")
      do throws(Failure) {
        let code = try await RevertCommand.carryOut(
          world, service, reason: reason, since: began)
        if code != .done { worst = code }
      } catch {
        world.output.err("canary revert: \(service.name): \(error.text)")
        worst = error.code
      }
    }
    return worst
  }

  /// Those with a rollout that is not over, or of which that is not known, or whose files send
  /// requests to a canary whatever the store says.
  private static func unfinished(_ world: World) async -> [Service] {
    var found: [Service] = []
    for service in world.config.services {
      let state: ServiceState?
      do throws(StoreError) {
        state = try await world.states.peek(service.name)
      } catch {
        found.append(service)
        continue
      }
      var isUnfinished = state?.running != nil
      if !isUnfinished {
        isUnfinished = await world.router.observe(service.name, [.header]).meetsCanary
      }
      if isUnfinished { found.append(service) }
    }
    return found
  }
}
