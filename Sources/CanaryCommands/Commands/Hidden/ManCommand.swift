internal import CanaryHost

/// `canary __man`: the manual page.
enum ManCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "__man", service: .none, summary: "print the manual page", isHidden: true)
  ) { call throws(Failure) in
    call.output.out(ManPage.text)
    return .done
  }
}
