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
    guard let lease = try DriveSession.acquire(world, service, patience: .seconds(10)) else {
      return .outside
    }
    let state = try await world.load(service)
    guard state.running != nil || state.job(at: world.clock.now()) != nil else { return .outside }
    let noticing = Task { await NoticeLoop.watch(world) }
    let publishing = Task { await PublishLoop.watch(world) }
    await DriverPool.drive(world.driver(service), world, service, state, lease)
    noticing.cancel()
    publishing.cancel()
    await publishing.value
    NoticeLoop.leave(world)
    PublishLoop.leave(world)
    return .done
  }
}
