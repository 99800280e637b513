internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary advance`: cuts a soak short.
enum AdvanceCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "advance", service: .required,
      summary: "leave the stage now: its soak is cut short, checks still gate",
      options: [
        Option("--to", "WEIGHT", "go on with the later stage of this share, as 30 for 30 %")
      ], isActing: true)
  ) { call throws(Failure) in
    let weight = try weight(call)
    return try await call.hold({ .advance($0, to: weight) }, done: "advanced")
  }

  private static func weight(_ call: Invocation) throws(Failure) -> Weight? {
    guard let text = call["--to"] else { return nil }
    let number = text.hasSuffix("%") ? String(text.dropLast()) : text
    guard let weight = Double(number).flatMap(Weight.init(percent:)) else {
      throw Failure(
        .wrong,
        "--to must be the share of a later stage, from 0 to 100 (found '\(Text.sanitized(text))')")
    }
    return weight
  }
}
