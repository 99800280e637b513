internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary reject`: refuses the next stage, and so reverts the rollout.
enum RejectCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "reject", service: .required,
      summary: "refuse a rollout that waits for an approval: all traffic goes back to stable",
      options: [.reason], isActing: true)
  ) { call throws(Failure) in
    try await call.decide { .reject($0, $1) }
  }
}
