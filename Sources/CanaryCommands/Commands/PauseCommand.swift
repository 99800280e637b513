internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary pause`: holds the stage.
enum PauseCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "pause", service: .required,
      summary: "hold the stage: weight does not grow, checks go on", isActing: true)
  ) { call throws(Failure) in
    try await call.hold(Event.pause, done: "paused")
  }
}
