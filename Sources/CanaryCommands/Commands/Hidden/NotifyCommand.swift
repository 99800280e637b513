internal import CanaryHost

/// `canary __notify`: sends receivers the remaining notices, see `NoticeLoop.flush`.
enum NotifyCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "__notify", service: .none, summary: "tell receivers what is left", isHidden: true)
  ) { call throws(Failure) in
    await NoticeLoop.flush(try call.world())
    return .done
  }
}
