internal import CanaryHost

/// `canary version`.
enum VersionCommand {
  static let command = Command(
    spec: CommandSpec(name: "version", service: .none, summary: "print the version")
  ) { call throws(Failure) in
    call.output.out("canary \(Version.current)")
    return .done
  }
}
