internal import CanaryCore
internal import CanaryHost

/// `canary __services`: prints the services' names, for completions; silent if the config cannot be
/// used.
enum ServicesCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "__services", service: .none, summary: "print the names of the services",
      isHidden: true)
  ) { call throws(Failure) in
    guard let world = try? call.world() else { return .wrong }
    call.output.out(world.config.services.map(\.name.text).joined(separator: " "))
    return .done
  }
}
