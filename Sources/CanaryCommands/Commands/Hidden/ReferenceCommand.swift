internal import CanaryHost

/// `canary __reference config|schema|cli|json`: prints a part of the docs.
enum ReferenceCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "__reference", service: .none, summary: "print a part of the docs", rest: "PART",
      isHidden: true)
  ) { call throws(Failure) in
    guard let text = Reference.text(call.arguments.rest.first ?? "") else { return .wrong }
    call.output.out(text)
    return .done
  }
}
