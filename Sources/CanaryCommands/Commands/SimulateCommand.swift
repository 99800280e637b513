internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary simulate`: what a plan would do, without Nginx.
enum SimulateCommand {
  private static let ways = Defect.allCases.map(\.rawValue).joined(separator: ", ")

  static let command = Command(
    spec: CommandSpec(
      name: "simulate", service: .optional,
      summary: "try a plan against invented traffic, or against a recorded access log",
      details: """
        With --rps, --stable and --canary: many whole rollouts by the real policy, side by side with other tools' rules.
        With --log: a log in canary's own format is read once more, and each of its stages judged by the plan.
        Stages that changed without a reload are told apart by their times in the history.
        Without SERVICE and --plan: the default plan.
        """,
      options: [
        Option("--rps", "N", "requests a second, of both pools together"),
        Option("--stable", "SHARE", "how many requests fail on stable, such as 0.2%"),
        Option("--canary", "SHARE", "how many fail on the canary; else as on stable"),
        Option("--slower", "FACTOR", "how many times as long the canary takes; else 1"),
        Option("--bad", "WAY", "what the canary does beside: \(ways)"),
        Option("--onset", "DURATION", "how long the canary is as good as stable before; else 0s"),
        Option(
          "--traffic", "KIND",
          "what the traffic is like: \(TrafficKind.allCases.map(\.rawValue).joined(separator: ", ")); \"all\": a good canary under each; else steady"
        ),
        Option("--runs", "N", "how many rollouts; else 200"),
        Option("--seed", "N", "another hand of chance; else 1"),
        Option(
          "--plan", "NAME",
          "another plan than the service's own: one of the config, `standard` or `try`"),
        Option("--log", "FILE", "replay this log of SERVICE"),
        Option("--to", "POOL", "which pool is the canary in the log; else what the log says"),
        .json,
      ])
  ) { call throws(Failure) in
    if let path = call["--log"] { return try await replay(path, call) }
    var scenario = try scenario(call)
    let plan = try plan(call)
    let runs = try call.number("--runs", 1...100_000) ?? 200
    let seed = try call.number("--seed", 0...1_000_000_000) ?? 1
    if call["--traffic"] == "all" {
      let table = await TrafficTable.run(scenario, plan: plan, runs: runs, seed: seed)
      call.output.out(call.has("--json") ? table.json.pretty : table.text)
      return .done
    }
    if let text = call["--traffic"] {
      guard let kind = TrafficKind(rawValue: text) else {
        let kinds = TrafficKind.allCases.map(\.rawValue).joined(separator: ", ")
        throw Failure(
          .wrong, "--traffic must be all or one of \(kinds) (found '\(Text.sanitized(text))')")
      }
      scenario = scenario.with(kind)
    }
    if call.output.outIsTerminal {
      call.output.err("\(runs) rollouts, and as many of a good canary …")
    }
    let simulation = await Simulation.run(scenario, plan: plan, runs: runs, seed: seed)
    call.output.out(call.has("--json") ? simulation.json.pretty : simulation.text)
    return .done
  }

  private static func scenario(_ call: Invocation) throws(Failure) -> Scenario {
    guard let text = call["--rps"], let rate = Double(text), rate > 0, rate <= 100_000 else {
      throw Failure(
        .wrong,
        "--rps must be a number of requests a second up to 100000\(call["--rps"].map { " (found '\(Text.sanitized($0))')" } ?? ""), as in: canary simulate --rps 80 --stable 0.2% --canary 3%"
      )
    }
    let stable = try share(call, "--stable") ?? 0.001
    var scenario = Scenario(
      rate: rate, stableErrors: stable, canaryErrors: try share(call, "--canary") ?? stable)
    if let text = call["--slower"] {
      guard let factor = Double(text), factor > 0, factor <= 1000 else {
        throw Failure(
          .wrong, "--slower must be a number such as 3 (found '\(Text.sanitized(text))')")
      }
      scenario.slowdown = factor
    }
    if let text = call["--bad"] {
      guard let defect = Defect(rawValue: text) else {
        throw Failure(
          .wrong, "--bad must be one of \(ways) (found '\(Text.sanitized(text))')")
      }
      scenario.defect = defect
    }
    if let text = call["--onset"] {
      guard let span = Span(parsing: text) else {
        throw Failure(
          .wrong, "--onset must be a duration such as 75m (found '\(Text.sanitized(text))')")
      }
      scenario.onset = span
    }
    return scenario
  }

  private static func share(_ call: Invocation, _ option: String) throws(Failure) -> Double? {
    guard let text = call[option] else { return nil }
    let node = Double(text).map(Node.number) ?? .text(text)
    guard let share = CheckReader.share(node) else {
      throw Failure(
        .wrong, "\(option) must be a share such as 3% or 0.03 (found '\(Text.sanitized(text))')")
    }
    return share
  }

  /// The plan to try, without stages of weight 0, which no request reaches by chance.
  static func plan(_ call: Invocation) throws(Failure) -> Plan {
    var plan = try named(call)
    let count = plan.stages.count
    plan.stages.removeAll { $0.weight == .none }
    if plan.stages.count < count {
      call.output.err(
        "canary: stages without a weight are left out: they draw nobody to be compared")
    }
    return plan
  }

  /// The named plan, otherwise the service's, otherwise the default, which needs no config.
  private static func named(_ call: Invocation) throws(Failure) -> Plan {
    if call.arguments.service == nil, call["--plan"] == nil, call["--config"] == nil {
      return PlanReader.standard
    }
    let world = try call.world(.looking)
    if let name = call["--plan"] {
      if let plan = world.config.plan(named: name, for: nil) { return plan }
      let known = world.config.planNames.joined(separator: ", ")
      throw Failure(.wrong, "there is no plan '\(Text.sanitized(name))' (plans: \(known))")
    }
    return call.arguments.service == nil ? PlanReader.standard : try call.service(world).plan
  }
}
