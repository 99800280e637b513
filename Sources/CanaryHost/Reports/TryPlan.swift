internal import CanaryAdapters
package import CanaryCore

/// What a person is told about the built-in plan `try`, beside what every plan says.
package enum TryPlan {
  /// Whether the plan is the built-in one, and no plan of the config's own with its name.
  package static func isBuiltIn(_ plan: Plan, _ config: Config) -> Bool {
    plan.name == PlanReader.tryName && config.plans[plan.name] == nil
      && plan.stages == PlanReader.tryOut.stages
  }

  /// The next step after a rollout by the service's plan `try` is promoted; nil: none.
  package static func farewell(
    _ rollout: Rollout, _ service: Service, _ config: Config
  ) -> String? {
    guard case .promoted = rollout.phase, isBuiltIn(rollout.plan, config),
      isBuiltIn(service.plan, config)
    else { return nil }
    let next: String
    if let own = config.plans["standard"] {
      next =
        "your plan 'standard' has \(own.stages.count) \(own.stages.count == 1 ? "stage" : "stages")"
    } else {
      let stages = PlanReader.standard.stages
      next = "the default plan watches \(stages.count) stages of \(stages[0].soak.words)"
    }
    return "now remove `plan: \"try\"` from \(config.file): \(next)"
  }

  /// How to send requests, because the plan's first stages end with none; nil for another plan.
  package static func needsRequests(
    _ plan: Plan, _ service: Service, _ config: Config
  ) async -> String? {
    guard isBuiltIn(plan, config), plan.countsLog else { return nil }
    return "a stage without requests waits. \(await requests(service, config))"
  }

  /// The same while a stage waits for the first request of the canary; nil: it does not.
  package static func waits(
    _ rollout: Rollout?, _ service: Service, _ config: Config
  ) async -> String? {
    guard let rollout, isBuiltIn(rollout.plan, config), case .soaking = rollout.phase else {
      return nil
    }
    let logged = Set(rollout.plan.checks.filter(\.source.isFromLog).map(\.name))
    let waiting = rollout.checks.filter { logged.contains($0.name) && $0.verdict != .pass }
    guard !waiting.isEmpty, waiting.allSatisfy({ $0.value == nil }) else { return nil }
    return "no request has met \(rollout.to) in this stage yet. \(await requests(service, config))"
  }

  private static func requests(_ service: Service, _ config: Config) async -> String {
    guard let address = await Blocking.run({ ClientAddress.of(service, config) }) else {
      return "Send some to \(service.name) through Nginx"
    }
    return "To send some, in another terminal: while sleep 0.2; do \(address.curl); done"
  }
}
