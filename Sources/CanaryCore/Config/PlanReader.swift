/// Reads one plan of a config.
package struct PlanReader {
  private let table: TableReader
  private let name: String

  init(_ table: TableReader, name: String) {
    self.table = table
    self.name = name
  }

  /// The default plan: 5 → 10 → 30 → 60 → 100 %, half an hour each (ten minutes at 100 %).
  package static let standard: Plan = {
    let stages: [Node] = [(5.0, "30m"), (10, "30m"), (30, "30m"), (60, "30m"), (100, "10m")].map {
      .table(["weight": .number($0), "soak": .text($1)])
    }
    let table: Node = .table(["stages": .list(stages), "checks": .list(patientChecks)])
    let reader = PlanReader(TableReader(table, at: "", faults: FaultList()), name: "standard")
    return reader.read() ?? Plan(name: "standard", stages: [], checks: [])
  }()

  /// The default checks, which give latencies the time that caches take to fill: half an hour has it.
  private static let patientChecks: [Node] = standardChecks.map { check in
    guard case .table(var fields) = check, fields["versus"] != nil,
      case .text(let metric)? = fields["metric"], metric.hasPrefix("latency")
    else { return check }
    fields["warmup"] = .text("1m")
    return .table(fields)
  }

  /// The default checks of a plan: thresholds, health, and comparisons with stable.
  private static let standardChecks: [Node] = {
    let fixed: [[String: Node]] = [
      ["name": .text("errors"), "metric": .text("error_rate"), "max": .text("5%")],
      [
        "name": .text("latency"), "metric": .text("latency_p99"), "max": .text("1s"),
        "window": .text("30s"),
      ],
      [
        "name": .text(Plan.usualHealth.name.text), "probe": .text(Plan.usualHealth.path),
        "every": .text("5s"),
        "failures": .number(3),
      ],
    ]
    let compared = [
      ("errors_vs_stable", "error_rate"), ("p50_vs_stable", "latency_p50"),
      ("p95_vs_stable", "latency_p95"), ("p99_vs_stable", "latency_p99"),
      ("rejected_vs_stable", "rejected_rate"), ("redirects_vs_stable", "redirect_rate"),
      ("cut_off_vs_stable", "cut_off_rate"), ("tiny_vs_stable", "tiny_rate"),
    ].map { name, metric in
      ["name": Node.text(name), "metric": .text(metric), "versus": .text("stable")]
    }
    return (fixed + compared).map(Node.table)
  }()

  /// Reads the plan and reports every fault; nil when a fault leaves it without stages.
  func read() -> Plan? {
    table.refuseUnknown(.plan)
    let evidence = table.text("evidence", CheckReader.evidenceRule) {
      ["comparison", "thresholds"].contains($0)
    }
    // Stages of your own with default checks: comparisons may revert the rollout, but do not hold a
    // stage.
    let demands = evidence.map { $0 == "comparison" } ?? table.has("checks")
    let nodes = table.has("checks") ? table.list("checks") ?? [] : Self.standardChecks
    let readers =
      table.has("checks")
      ? table.tables("checks") : nodes.map { TableReader($0, at: "", faults: FaultList()) }
    var checks = readChecks(readers, demands)
    var stages = StageReader(table, nodes, checks: checks, demands: demands).read()
    let alpha = table.read("alpha", "must be a share such as \"1%\", above 0 and at most 20%") {
      CheckReader.share($0).flatMap { $0 > 0 && $0 <= 0.2 ? $0 : nil }
    }
    excuseSharedFaults(&checks)
    for index in stages.indices {
      if var own = stages[index].checks {
        excuseSharedFaults(&own)
        stages[index].checks = own
      }
    }
    let ready = readReady(checks)
    let before = readBefore()
    guard !stages.isEmpty else { return nil }
    var plan = Plan(name: name, stages: stages, checks: checks, ready: ready)
    plan.alpha = alpha
    plan.before = before
    return plan
  }

  /// Reads the checks that are measured once before the first stage.
  private func readBefore() -> [Check] {
    guard table.has("before") else { return [] }
    let readers = table.tables("before")
    return zip(readers, readChecksInOrder(readers)).compactMap { reader, check in
      guard let check else { return nil }
      if check.source.isFromLog {
        reader.fault("metric", "has no meaning before a rollout, which has no requests yet")
        return nil
      }
      for key in ["for", "failures", "warmup"] where reader.has(key) {
        reader.fault(key, "has no meaning before a rollout, which each check lets begin or not")
      }
      if reader.has("every"), !reader.has("within") {
        reader.fault("every", "has no meaning without `within`: the check is asked once")
      }
      var own = check
      own.within = reader.span("within", atLeast: .seconds(1)) ?? .zero
      return own
    }
  }

  private func readReady(_ checks: [Check]) -> Readiness {
    var ready = Plan.readiness(of: checks)
    let reader = table.table("ready")
    reader.refuseUnknown(.ready)
    ready.path =
      reader.text("path", SourceReader.pathRule, where: Address.isRequestPath) ?? ready.path
    ready.backend = reader.name("backend") ?? ready.backend
    ready.times = reader.int("times", in: 1...1000) ?? ready.times
    ready.within = reader.span("within", atLeast: .seconds(1)) ?? ready.within
    return ready
  }

  /// Sets `weighsStable` for every bound of a metric that can be compared, if a gating check
  /// compares with stable.
  ///
  /// In such a plan, a bound that stable violates too is a fault of both, not of the canary.
  private func excuseSharedFaults(_ checks: inout [Check]) {
    guard checks.contains(where: { $0.compared != nil && !$0.advisory }) else { return }
    for index in checks.indices {
      guard case .metric(let metric) = checks[index].source, ComparisonKind(metric) != nil,
        checks[index].condition.hasBound
      else { continue }
      checks[index].weighsStable = true
    }
  }

  private func readChecks(_ readers: [TableReader], _ demands: Bool) -> [Check] {
    readChecksInOrder(readers, demands).compactMap(\.self)
  }

  /// Returns one item for each reader; nil where a fault was reported.
  private func readChecksInOrder(_ readers: [TableReader], _ demands: Bool = true) -> [Check?] {
    var seen: Set<CheckName> = []
    return readers.map { reader in
      guard let check = CheckReader(reader, demandsEvidence: demands).read() else { return nil }
      if !seen.insert(check.name).inserted {
        reader.fault("name", "must be a name that no other check of the plan has")
        return nil
      }
      return check
    }
  }
}
