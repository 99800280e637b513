extension PlanReader {
  /// The name of the plan for a first rollout.
  package static let tryName = "try"

  /// The built-in plan for a first rollout: 10 → 50 → 100 %, half a minute each.
  ///
  /// It has the bounds of the default plan and compares nothing with stable, because a comparison
  /// needs more requests than half a minute brings. One request is enough for a verdict, so that a
  /// person who reloads a page sees its end; none is not.
  package static let tryOut: Plan = {
    let stages: [Node] = [10.0, 50, 100].map {
      .table(["weight": .number($0), "soak": .text("30s")])
    }
    let checks: [[String: Node]] = [
      [
        "name": .text("errors"), "metric": .text("error_rate"), "max": .text("5%"),
        "every": .text("2s"), "min_requests": .number(1),
      ],
      [
        "name": .text("latency"), "metric": .text("latency_p99"), "max": .text("1s"),
        "every": .text("2s"), "min_requests": .number(1),
      ],
      [
        "name": .text(Plan.usualHealth.name.text), "probe": .text(Plan.usualHealth.path),
        "every": .text("2s"), "failures": .number(3),
      ],
    ]
    let table: Node = .table([
      "stages": .list(stages), "checks": .list(checks.map(Node.table)),
    ])
    let reader = PlanReader(TableReader(table, at: "", faults: FaultList()), name: tryName)
    return reader.read() ?? Plan(name: tryName, stages: [], checks: [])
  }()

  /// The built-in plans by name; a plan of the config with one of these names takes its place.
  package static let builtIn: [String: Plan] = ["standard": standard, tryName: tryOut]
}

extension Config {
  /// The plan of that name: the config's own, otherwise a built-in one; nil: there is none.
  ///
  /// It asks for the health that the service names, as the service's own plan does.
  package func plan(named name: String, for service: Service?) -> Plan? {
    guard let plan = plans[name] ?? PlanReader.builtIn[name] else { return nil }
    return service?.adapted(plan) ?? plan
  }

  /// The names that a service, or `--plan`, may give.
  package var planNames: [String] { Set(plans.keys).union(PlanReader.builtIn.keys).sorted() }
}
