internal import CanaryHost

/// `canary __completions bash|zsh|fish`: prints completions for a shell.
enum CompletionsCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "__completions", service: .none, summary: "print completions for a shell",
      rest: "SHELL", isHidden: true)
  ) { call throws(Failure) in
    guard let text = Completions.text(call.arguments.rest.first ?? "") else { return .wrong }
    call.output.out(text)
    return .done
  }
}
