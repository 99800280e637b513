internal import CanaryHost

/// `canary __publish`: writes the status page and the metrics once, unless another process does.
enum PublishCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "__publish", service: .none, summary: "write the page and the metrics once",
      isHidden: true)
  ) { call throws(Failure) in
    await PublishLoop.once(try call.world()) ? .done : .outside
  }
}
