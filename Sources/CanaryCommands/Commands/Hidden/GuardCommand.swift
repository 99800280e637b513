internal import CanaryAdapters
internal import CanaryHost

/// `canary __guard LOCK BRAKE PID FILE GENERATION`: the dead man's switch of a driver, which starts
/// it.
enum GuardCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "__guard", service: .none, summary: "brake when a driver dies", rest: "WORDS",
      isHidden: true)
  ) { call throws(Failure) in
    let words = call.arguments.rest
    guard words.count == 5, let pid = Int32(words[2]), let generation = Int(words[4]) else {
      return .wrong
    }
    DeadMansSwitch.watch(
      lock: words[0], brake: words[1], driver: pid, file: words[3], generation: generation)
    return .done
  }
}
