internal import CanaryCore

/// What becomes of a canary that is as good as stable, under each kind of traffic.
struct TrafficTable {
  private struct Row {
    var kind: TrafficKind
    var ends: [SimulatedRollout.Outcome]

    /// Reverted because a check failed.
    var alarms: Int { ends.count { $0.reason?.hasPrefix("check ") == true } }
    var promoted: Int { ends.count { $0.end == .promoted } }
    var held: Int { ends.count - alarms - promoted }
    /// The check that failed most often.
    var worst: String? {
      let names = ends.compactMap(\.reason).filter { $0.hasPrefix("check ") }
        .map { String($0.dropFirst(6).prefix { $0 != " " }) }
      return Dictionary(grouping: names) { $0 }.max { $0.value.count < $1.value.count }?.key
    }
  }

  private let scenario: Scenario
  private let plan: Plan
  private let runs: Int
  private let seed: Int
  private var rows: [Row] = []

  static func run(_ scenario: Scenario, plan: Plan, runs: Int, seed: Int) async -> TrafficTable {
    var same = scenario
    same.canaryErrors = scenario.stableErrors
    same.slowdown = 1
    same.onset = .zero
    var table = TrafficTable(scenario: same, plan: plan, runs: runs, seed: seed)
    for kind in TrafficKind.allCases {
      let one = same.with(kind)
      let ends = await Simulation.onAllCores(runs) { run in
        var rollout = SimulatedRollout(
          one, plan: plan, seed: UInt64(seed) &* 1_000_003 &+ UInt64(run))
        return rollout.run()
      }
      table.rows.append(Row(kind: kind, ends: ends))
    }
    return table
  }

  private init(scenario: Scenario, plan: Plan, runs: Int, seed: Int) {
    self.scenario = scenario
    self.plan = plan
    self.runs = runs
    self.seed = seed
  }

  /// The most that alpha allows by chance in so many runs: three standard errors above it.
  private var allowed: Double {
    let alpha = plan.alpha ?? Plan.usualAlpha
    return alpha + 3 * (alpha * (1 - alpha) / Double(max(1, runs))).squareRoot()
  }

  var text: String {
    let percent = { (share: Double) in ValueFormat.decimal(share * 100, places: 2) + " %" }
    var lines = [
      "plan '\(plan.name)', a canary as good as stable, \(ValueFormat.decimal(scenario.rate, places: 1)) requests/s, \(percent(scenario.stableErrors)) fail: \(runs) rollouts each, seed \(seed)",
      "",
      Self.columns("traffic", "false reverts", "held past a deadline", "promoted"),
    ]
    for row in rows {
      let worst = row.worst.map { " (\($0))" } ?? ""
      lines.append(
        Self.columns(
          row.kind.title, percent(Double(row.alarms) / Double(runs)) + worst,
          percent(Double(row.held) / Double(runs)), percent(Double(row.promoted) / Double(runs))))
    }
    lines += ["", "by chance at most \(percent(allowed)): alpha and three standard errors"]
    return lines.joined(separator: "\n")
  }

  private static func columns(_ a: String, _ b: String, _ c: String, _ d: String) -> String {
    "  " + a.padded(to: 40) + b.padded(to: 28) + c.padded(to: 22) + d
  }

  var json: JSON {
    .table([
      ("plan", .text(plan.name)), ("rps", .number(scenario.rate)),
      ("stable", .number(scenario.stableErrors)), ("runs", .int(runs)), ("seed", .int(seed)),
      ("allowed", .number(allowed)),
      (
        "traffic",
        .list(
          rows.map { row in
            .table([
              ("kind", .text(row.kind.rawValue)), ("title", .text(row.kind.title)),
              ("reverted", .int(row.alarms)), ("held", .int(row.held)),
              ("promoted", .int(row.promoted)), ("check", JSON(row.worst)),
            ])
          })
      ),
    ])
  }
}
