internal import CanaryAdapters
internal import CanaryHost

/// `canary __hook BASE`: the process that runs one hook.
enum HookCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "__hook", service: .none, summary: "run one hook", rest: "BASE", isHidden: true)
  ) { call throws(Failure) in
    HookRunner.live(call.arguments.rest.first ?? "")
    return .done
  }
}
