import CanaryCore
import CanaryDriver

/// What the tests of stores save.
enum Sample {
  static let check = Check(
    name: "errors", source: .metric(.errorRate), condition: Condition(max: 0.05))
  static let plan = Plan(
    name: "p", stages: [Stage(weight: .all, soak: .seconds(1))], checks: [check])

  static func time(_ second: Int64) -> Instant { Instant(milliseconds: second * 1000) }

  static func state(_ generation: Int) -> ServiceState {
    var state = ServiceState(service: "chat", stable: "blue", other: "green")
    state.generation = Generation(generation)
    return state
  }

  /// The service in a rollout with that number and phase.
  static func rollout(_ number: Int, _ phase: Phase, of service: ServiceName = "chat")
    -> ServiceState
  {
    let request = PromoteRequest(to: "green", plan: plan, retain: .hours(1), actor: Actor("li"))
    var state = decide(self.state(number), .promote(request), at: time(1)).state
    state.service = service
    state.rollout?.number = number
    state.rollout?.phase = phase
    return state
  }

  static func entry(
    _ text: String, _ event: HistoryEvent = .verdict, rollout: Int? = 1, at second: Int64 = 5,
    hint: String? = "what to do"
  ) -> Entry {
    Entry(
      rollout: rollout, time: time(second), event: event, weight: Weight(percent: 12.5),
      actor: Actor("li", origin: "pts/1 ssh 10.0.0.9"),
      detail: "\(text): a 'quoted' detail, ü", hint: hint)
  }

  /// A request of 40 ms in each of three seconds, all of green.
  static func tally(from second: Int64 = 10) -> LogTally {
    var tally = LogTally(pools: ["blue", "green"])
    for second in second..<(second + 3) {
      tally.add(second: second, pool: 1) { $0.count(failed: false, milliseconds: 40) }
    }
    return tally
  }

  /// What is kept of a check that did not answer so many times in a stage.
  static func end(_ name: CheckName, errors: Int, rollout: Int, stage: Int = 0) -> KeptMeasurement {
    var state = CheckState(Check(name: name, source: .command(["true"])))
    state.totals.error = errors
    return KeptMeasurement(rollout: rollout, stage: stage, .end(state))
  }

  /// One measurement of `errors`, with a value of its own.
  static func measured(
    _ number: Int, _ value: Double, rollout: Int = 1, stage: Int = 0, name: CheckName = "errors"
  ) -> KeptMeasurement {
    let measurement = Measurement(
      check: name, at: time(Int64(number)), reading: .value(value, requests: 100))
    let grounds = CheckState(Check(name: name, source: .metric(.errorRate))).grounds
    return KeptMeasurement(
      rollout: rollout, stage: stage,
      .measured(measurement, number: number, grounds: grounds, .pass))
  }
}
