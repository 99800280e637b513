internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary __drive SERVICE`: drives one service until it has no pending work.
///
/// Started by a `promote` or a `revert` that ends before that.
enum DriveCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "__drive", service: .required, summary: "drive one service to its end", isHidden: true)
  ) { call throws(Failure) in
    let world = try call.world()
    let service = try call.service(world)
    let found = try await world.load(service)
    let isOver = found.running == nil && found.job(at: world.clock.now()) == nil
    if isOver {
      guard let due = DriveSession.tidyDue(found, world) else { return .outside }
      await world.clock.sleep(until: due)
      // Whoever began another rollout meanwhile drives it.
      guard try await world.load(service).tidyDue.map({ $0 <= world.clock.now() }) == true else {
        return .done
      }
    }
    guard let lease = try DriveSession.acquire(world, service, patience: .seconds(10)) else {
      return .outside
    }
    let state = try await world.load(service)
    let now = world.clock.now()
    guard
      isOver
        ? state.tidyDue.map({ $0 <= now }) == true
        : state.running != nil || state.job(at: now) != nil
    else { return .outside }
    let noticing = Task { await NoticeLoop.watch(world) }
    let publishing = Task { await PublishLoop.watch(world) }
    await DriverPool.drive(world.driver(service), world, service, state, lease)
    noticing.cancel()
    publishing.cancel()
    await publishing.value
    NoticeLoop.leave(world)
    PublishLoop.leave(world)
    if !isOver { await DriveSession.leave(service, of: world) }
    return .done
  }
}
