/// `canary version`.
enum VersionCommand {
  package static let version = "0.1.0"

  static let command = Command(
    spec: CommandSpec(name: "version", service: .none, summary: "print the version")
  ) { _, output throws(Failure) in
    output.out("canary \(version)")
    return .done
  }
}
