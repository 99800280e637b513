internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary resume`: ends a pause.
enum ResumeCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "resume", service: .required,
      summary: "go on after a pause", isActing: true)
  ) { call throws(Failure) in
    try await call.hold(Event.resume, done: "resumed")
  }
}
