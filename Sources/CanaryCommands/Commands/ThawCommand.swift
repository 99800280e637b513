internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary thaw`: ends a freeze.
enum ThawCommand {
  static let command = Command(
    spec: CommandSpec(name: "thaw", service: .optional, summary: "end a freeze", isActing: true)
  ) { call throws(Failure) in
    let world = try call.world()
    for service in try call.services(world) {
      let refusal = try await world.take(.thaw(world.actor), service).refusal
      if case .nothing(let why)? = refusal {
        call.output.out(why)
      } else {
        call.output.out("\(service.name): thawed")
      }
    }
    if call.arguments.service == nil { try await world.freezeLater(nil) }
    return .done
  }
}
