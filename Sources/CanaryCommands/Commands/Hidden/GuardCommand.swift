internal import CanaryAdapters
internal import CanaryCore
internal import CanaryHost

/// `canary __guard WORDS`: the dead man's switch of a driver, which starts it.
enum GuardCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "__guard", service: .none, summary: "brake when a driver dies", rest: "WORDS",
      isHidden: true)
  ) { call throws(Failure) in
    guard let post = DeadMansSwitch.Post(call.arguments.rest) else { return .wrong }
    guard let alarm = DeadMansWatch(post).run() else { return .done }
    ThisProcess.journal("\(post.service): the brake is on: \(alarm.reason)")
    try Background.announce(
      post.service, rollout: alarm.rollout, alarm.reason, config: post.config)
    return .done
  }
}
