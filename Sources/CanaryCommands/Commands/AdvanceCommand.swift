internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary advance`: cuts a soak short.
enum AdvanceCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "advance", service: .required,
      summary: "leave the stage now: its soak is cut short, checks still gate", isActing: true)
  ) { call throws(Failure) in
    try await call.hold(Event.advance, done: "advanced")
  }
}
