internal import CanaryHost

/// `canary __notify`: tells receivers what is left, for two minutes at most.
enum NotifyCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "__notify", service: .none, summary: "tell receivers what is left", isHidden: true)
  ) { call throws(Failure) in
    await NoticeLoop.flush(try call.world())
    return .done
  }
}
