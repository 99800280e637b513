internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// Says before a rollout what its plan can show at the traffic of the last minutes.
struct OutlookText {
  /// What a rollout would meet, worst first; empty: every stage passes within its soak.
  let warnings: [String]
  /// The traffic in a few words; nil: no log says anything of it.
  let traffic: String?
  /// What each stage takes, by its index.
  let stages: [Int: String]

  static func read(_ config: Config, _ service: Service, _ plan: Plan) async -> OutlookText {
    let now = SystemClock.now
    let found = await Blocking.run { RecentTraffic.read(service, config, now: now) }
    let stretched = [
      Forecast.stretched(plan, by: service.calendar, zone: service.zone, from: now)
    ].compactMap(\.self)
    guard service.proxying.scheme != .tcp, plan.countsLog, let (recent, path) = found else {
      return OutlookText(warnings: stretched, traffic: nil, stages: [:])
    }
    return OutlookText(Outlook(plan, recent), plan, path, stretched)
  }

  private init(warnings: [String], traffic: String?, stages: [Int: String]) {
    self.warnings = warnings
    self.traffic = traffic
    self.stages = stages
  }

  private init(_ outlook: Outlook, _ plan: Plan, _ path: String, _ stretched: [String]) {
    let recent = outlook.recent
    let rate = ValueFormat.decimal(recent.rate, places: recent.rate < 10 ? 1 : 0)
    traffic =
      "\(rate) requests/s in the last \(recent.span), \(ValueFormat.decimal(recent.errorRate * 100, places: 2))% failed (\(path))"
    var stages: [Int: String] = [:]
    var warnings = outlook.broken + stretched
    for step in outlook.steps {
      let stage = plan.stages[step.stage]
      guard let cause = step.cause else { continue }
      if step.takes == nil {
        warnings.append(
          "stage \(step.stage + 1) (\(stage.weight)%) can't pass at this traffic: \(cause); at its deadline of \(stage.deadline) it would \(stage.onDeadline == .revert ? "be reverted" : "pause")"
        )
      } else {
        stages[step.stage] = "at this traffic \(cause), longer than its soak"
      }
    }
    if !outlook.canPass {
      warnings.append(Self.advice(outlook, plan))
    }
    self.warnings = warnings
    self.stages = stages
  }

  /// What would help where a stage can't pass.
  private static func advice(_ outlook: Outlook, _ plan: Plan) -> String {
    let least = Outlook.leastRate(plan)
    guard let first = plan.stages.first(where: { $0.weight > .none }), outlook.recent.rate > 0,
      least > outlook.recent.rate
    else {
      return
        "what helps: a longer deadline, a larger worse_by, or evidence: \"thresholds\" in the plan"
    }
    let weight = (first.weight.percent * least / outlook.recent.rate).rounded(.up)
    let larger =
      weight < 100
      ? "a first weight of \(Int(weight))%"
      : "windows as long as the traffic needs (window: \"10m\")"
    return
      "what helps: \(larger), a smaller min_requests, or a time with \(ValueFormat.decimal(least, places: 1)) requests/s (canary windows)"
  }
}
