internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary approve`: lets a rollout enter its next stage.
enum ApproveCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "approve", service: .required,
      summary: "let a rollout into the stage that waits for it",
      options: [.reason], isActing: true)
  ) { call throws(Failure) in
    try await call.decide { .approve($0, $1) }
  }
}
