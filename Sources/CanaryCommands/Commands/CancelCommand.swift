internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary cancel`: drops a scheduled rollout.
enum CancelCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "cancel", service: .required, summary: "drop what is scheduled", isActing: true)
  ) { call throws(Failure) in
    let world = try call.world()
    let service = try call.service(world)
    let decision = try await world.take(.cancel(world.actor), service)
    if case .nothing(let why)? = decision.refusal {
      call.output.out(why)
    } else {
      call.output.out("\(service.name): cancelled; all traffic stays on \(decision.state.stable)")
    }
    return .done
  }
}
