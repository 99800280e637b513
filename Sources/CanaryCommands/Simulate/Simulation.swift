internal import CanaryCore
internal import Glibc

/// Many seeded rollouts of one scenario, and as many with a canary that is no worse than stable.
struct Simulation {
  /// The results of one rule over all runs.
  struct Row {
    /// When and after how many hurt requests it reverted, for each run that it did.
    var title: String
    var reverted: [(after: Span, hurt: Int)] = []
    var runs = 0
    /// How many of those runs it reverted before the canary became worse.
    var wrongly = 0

    var share: Double { runs == 0 ? 0 : Double(reverted.count) / Double(runs) }
  }

  private let scenario: Scenario
  private let plan: Plan
  private let runs: Int
  private let seed: Int
  private var rows: [Row] = []
  /// The results with a canary that is as good as stable; empty if the scenario's is.
  private var good: [Row] = []
  private var ends: [SimulatedRollout.Outcome] = []
  private var goodEnds: [SimulatedRollout.Outcome] = []

  private typealias Run = (outcome: SimulatedRollout.Outcome, rules: SimulatedRules)

  static func run(_ scenario: Scenario, plan: Plan, runs: Int, seed: Int) async -> Simulation {
    var simulation = Simulation(scenario: scenario, plan: plan, runs: runs, seed: seed)
    let bad = await many(scenario, plan, runs, seed)
    simulation.ends = bad.map(\.outcome)
    simulation.rows = simulation.count(bad)
    if simulation.isWorse {
      var same = scenario
      same.canaryErrors = scenario.stableErrors
      same.slowdown = 1
      same.defect = nil
      same.onset = .zero
      let good = await many(same, plan, runs, seed + 1_000_000)
      simulation.goodEnds = good.map(\.outcome)
      simulation.good = simulation.count(good)
    }
    return simulation
  }

  private init(scenario: Scenario, plan: Plan, runs: Int, seed: Int) {
    self.scenario = scenario
    self.plan = plan
    self.runs = runs
    self.seed = seed
  }

  private var isWorse: Bool {
    scenario.canaryErrors != scenario.stableErrors || scenario.slowdown != 1
      || scenario.defect != nil
  }

  private static func many(_ scenario: Scenario, _ plan: Plan, _ runs: Int, _ seed: Int) async
    -> [Run]
  {
    await onAllCores(runs) { run in
      let hand = UInt64(seed) &* 1_000_003 &+ UInt64(run)
      var rollout = SimulatedRollout(scenario, plan: plan, seed: hand)
      return (rollout.run(), SimulatedRules(scenario, plan: plan, seed: hand))
    }
  }

  /// Does the same for each run on all cores; returns the results in the order of the runs.
  static func onAllCores<Result: Sendable>(
    _ runs: Int, _ work: @escaping @Sendable (Int) -> Result
  ) async -> [Result] {
    let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    return await withTaskGroup(of: [(Int, Result)].self) { group in
      for core in 0..<cores {
        group.addTask {
          stride(from: core, to: runs, by: cores).map { ($0, work($0)) }
        }
      }
      var found: [(Int, Result)] = []
      for await some in group { found += some }
      return found.sorted { $0.0 < $1.0 }.map(\.1)
    }
  }

  private func count(_ runs: [Run]) -> [Row] {
    var plan = Row(title: "this plan")
    var compared = Row(title: "its comparisons alone")
    var peers = PeerRule.allCases.map { Row(title: $0.title) }
    for run in runs {
      plan.runs += 1
      if run.outcome.end == .reverted {
        plan.reverted.append((run.outcome.noticed ?? run.outcome.took, run.outcome.hurt))
        if run.outcome.took < scenario.onset { plan.wrongly += 1 }
      }
      Self.add(run.rules.compared, to: &compared)
      for (index, rule) in PeerRule.allCases.enumerated() {
        Self.add(run.rules.peers[rule], to: &peers[index])
      }
    }
    return [plan] + (self.plan.comparisons.isEmpty ? [] : [compared]) + peers
  }

  private static func add(_ decision: SimulatedRules.Decision?, to row: inout Row) {
    row.runs += 1
    guard let decision else { return }
    row.reverted.append((decision.after, decision.hurt))
    if decision.isFalse { row.wrongly += 1 }
  }

  // MARK: for a person

  var text: String {
    var lines = [
      "plan '\(plan.name)', \(ValueFormat.decimal(scenario.rate, places: 1)) requests/s, stable fails \(percent(scenario.stableErrors)), canary \(percent(scenario.canaryErrors))"
        + (scenario.slowdown == 1
          ? "" : ", \(ValueFormat.decimal(scenario.slowdown, places: 2)) times as slow")
        + (scenario.defect.map { ", bad by: \($0.rawValue)" } ?? "")
        + (scenario.onset == .zero ? "" : " after \(scenario.onset)")
        + ": \(runs) rollouts, seed \(seed)", "",
    ]
    lines.append(Self.columns("", "goes back", "after (95 %)", "hurt requests (95 %)"))
    for row in rows { lines.append(line(row)) }
    if isWorse {
      let missed = ends.count { $0.end == .promoted }
      lines.append("a missed regression (promoted all the same): \(percent(missed, of: runs))")
      lines += ["", "a canary that is as good as stable (\(percent(scenario.stableErrors))):"]
      for row in good {
        lines.append(Self.columns(row.title, "\(percent(row.reverted.count, of: runs))", "", ""))
      }
      lines.append(Self.endings(goodEnds))
      lines += ["", "hurt requests until this plan went back:"]
      lines += histogram
    } else {
      lines.append(Self.endings(ends))
    }
    return lines.joined(separator: "\n")
  }

  private func line(_ row: Row) -> String {
    let after = Self.spread(row.reverted.map { $0.after.milliseconds })
    let hurt = Self.spread(row.reverted.map { Int64($0.hurt) })
    let late = row.wrongly > 0 ? ", \(row.wrongly) of them too early" : ""
    return Self.columns(
      row.title, percent(row.reverted.count, of: row.runs) + late,
      after.map { "\(Self.short($0.median)) (\(Self.short($0.most)))" } ?? "never",
      hurt.map {
        "\(ComparisonReport.grouped(Int($0.median))) (\(ComparisonReport.grouped(Int($0.most))))"
      } ?? "–")
  }

  /// The median, and the value that 95 % stay below; nil without values.
  private static func spread(_ values: [Int64]) -> (median: Int64, most: Int64)? {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    return (sorted[sorted.count / 2], sorted[min(sorted.count - 1, sorted.count * 95 / 100)])
  }

  private static func short(_ milliseconds: Int64) -> String {
    milliseconds < 10_000
      ? ValueFormat.decimal(Double(milliseconds) / 1000, places: 1) + "s"
      : Span(milliseconds: milliseconds / 1000 * 1000).description
  }

  private static func endings(_ ends: [SimulatedRollout.Outcome]) -> String {
    let promoted = ends.filter { $0.end == .promoted }
    let took = spread(promoted.map { $0.took.milliseconds })
    let time = took.map { ", after \(short($0.median)) (95 %: \(short($0.most)))" } ?? ""
    let reasons = Dictionary(grouping: ends.compactMap(\.reason)) {
      String($0.prefix { $0 != ":" })
    }
    let why = reasons.sorted { $0.value.count > $1.value.count }.prefix(3)
      .map { "\($0.value.count) × \($0.key)" }
    return "promoted by this plan: \(promoted.count) of \(ends.count)\(time)"
      + (why.isEmpty ? "" : "; else: \(why.joined(separator: ", "))")
  }

  private var histogram: [String] {
    let hurt = ends.filter { $0.end == .reverted }.map(\.hurt)
    guard let most = hurt.max() else { return ["  it never did"] }
    let width = max(1, (most + 10) / 10)
    let bins = (0...(most / width)).map { bin in hurt.count { $0 / width == bin } }
    let tallest = max(1, bins.max() ?? 1)
    return bins.enumerated().map { bin, count in
      let range = width == 1 ? "\(bin)" : "\(bin * width)–\(bin * width + width - 1)"
      let bar = String(repeating: "█", count: (count * 40 + tallest - 1) / tallest)
      return "  \(range.padded(to: 12))\(bar) \(count)"
    }
  }

  private static func columns(_ a: String, _ b: String, _ c: String, _ d: String) -> String {
    "  " + a.padded(to: 40) + b.padded(to: 13) + c.padded(to: 22) + d
  }

  private func percent(_ share: Double) -> String {
    ValueFormat.decimal(share * 100, places: 2) + " %"
  }
  private func percent(_ count: Int, of all: Int) -> String {
    ValueFormat.decimal(100 * Double(count) / Double(max(1, all)), places: 1) + " %"
  }

  // MARK: for a program

  var json: JSON {
    let table = { (rows: [Row]) in
      JSON.list(
        rows.map { row in
          let after = Self.spread(row.reverted.map { $0.after.milliseconds })
          let hurt = Self.spread(row.reverted.map { Int64($0.hurt) })
          return .table([
            ("rule", .text(row.title)), ("runs", .int(row.runs)),
            ("reverted", .int(row.reverted.count)), ("too_early", .int(row.wrongly)),
            ("seconds_median", after.map { .number(Double($0.median) / 1000) } ?? .null),
            ("seconds_p95", after.map { .number(Double($0.most) / 1000) } ?? .null),
            ("hurt_median", hurt.map { .int(Int($0.median)) } ?? .null),
            ("hurt_p95", hurt.map { .int(Int($0.most)) } ?? .null),
          ])
        })
    }
    return .table([
      ("plan", .text(plan.name)), ("rps", .number(scenario.rate)),
      ("stable", .number(scenario.stableErrors)), ("canary", .number(scenario.canaryErrors)),
      ("slower", .number(scenario.slowdown)),
      ("bad", scenario.defect.map { .text($0.rawValue) } ?? .null),
      ("onset_seconds", .number(scenario.onset.seconds)),
      ("runs", .int(runs)), ("seed", .int(seed)),
      ("promoted", .int(ends.count { $0.end == .promoted })), ("rules", table(rows)),
      ("as_good_as_stable", table(good)),
    ])
  }
}
