internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

// What several commands share: reading texts and times, and taking one event.
extension Invocation {
  /// Throws unless each text fits on one line of the history.
  func checkTexts() throws(Failure) {
    if arguments["--release"]?.spaceless == "" {
      throw Failure(
        .wrong, "--release is empty, as when a variable of a script is not set",
        hint: "Give it a version, or leave it out")
    }
    for option in ["--release", "--reason"] {
      if let text = arguments[option],
        text.utf8.count > 500 || text.unicodeScalars.contains(where: { $0.value < 32 })
      {
        throw Failure(.wrong, "\(option) must be one line of at most 500 bytes")
      }
    }
  }

  /// The option as a time in the service's zone; nil when it is not given.
  func time(_ option: String, _ service: Service, _ world: World) throws(Failure) -> Instant? {
    guard let text = self[option] else { return nil }
    do throws(Violation) {
      return try TimeText.parse(text, zone: service.zone, now: world.clock.now())
    } catch {
      throw Failure(.wrong, "\(option) \(error) (found '\(Text.sanitized(text))')")
    }
  }

  /// The option as a whole number in the range; nil when it is not given.
  func number(_ option: String, _ range: ClosedRange<Int>) throws(Failure) -> Int? {
    guard let text = self[option] else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw Failure(
        .wrong,
        "\(option) must be a whole number from \(range.lowerBound) to \(range.upperBound) (found '\(Text.sanitized(text))')"
      )
    }
    return number
  }

  /// Runs `approve` or `reject`: takes an event with a reason.
  func decide(
    _ event: (Actor, String?) -> Event
  ) async throws(Failure) -> ExitCode {
    let world = try world()
    let service = try service(world)
    try checkTexts()
    let decision = try await world.take(event(world.actor, self["--reason"]), service)
    let sentence = Wording.sentence(decision.state)
    let told = decision.entries.first { $0.event == .approved }?.detail
    output.out("\(service.name): \(told.map { "approved, \($0) · " } ?? "")\(sentence)")
    return .done
  }

  /// Runs `pause`, `resume` or `advance`; retries for 5 s while the rollout is busy, such as with a
  /// reload.
  func hold(_ event: (Actor) -> Event, done: String) async throws(Failure) -> ExitCode {
    let world = try world()
    let service = try service(world)
    let decision = try await world.take(event(world.actor), service, patience: .seconds(5))
    if case .nothing(let why)? = decision.refusal {
      output.out(why)
    } else {
      output.out("\(done): \(Wording.sentence(decision.state))")
    }
    return .done
  }
}
