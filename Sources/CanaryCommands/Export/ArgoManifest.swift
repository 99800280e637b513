internal import CanaryCore

/// A plan as a Rollout and an AnalysisTemplate of Argo Rollouts (argoproj.io/v1alpha1).
enum ArgoManifest {
  static func make(_ service: Service, prometheus: String) -> Manifest {
    var manifest = Manifest()
    let name = Manifest.name(service)
    let plan = service.plan
    var steps: [JSON] = []
    for (index, stage) in plan.stages.enumerated() {
      if stage.approval != nil { steps.append(.table([("pause", .table([]))])) }
      guard stage.weight > .none else {
        manifest.note("not carried over: stage \(index + 1), which gives the canary no weight")
        continue
      }
      steps.append(.table([("setWeight", .int(manifest.percent(stage.weight)))]))
      steps.append(
        .table([("pause", .table([("duration", .text(Manifest.seconds(stage.soak)))]))]))
    }
    let gates = ExportedGate.all(of: plan, name, &manifest)
    if service.calendar.windows.isEmpty == false {
      manifest.note("not carried over: windows; a pause waits for a person instead")
    }
    var canary: [(String, JSON)] = [
      ("canaryService", .text("\(name)-canary")), ("stableService", .text(name)),
      (
        "trafficRouting",
        .table([("nginx", .table([("stableIngress", .text(name))]))])
      ),
    ]
    if !gates.isEmpty {
      canary.append(
        (
          "analysis",
          .table([
            ("templates", .list([.table([("templateName", .text("\(name)-gates"))])])),
            ("startingStep", .int(1)),
          ])
        ))
    }
    canary.append(("steps", .list(steps)))
    manifest.add(
      "Rollout", "argoproj.io/v1alpha1", name,
      [
        (
          "workloadRef",
          .table([
            ("apiVersion", .text("apps/v1")), ("kind", .text("Deployment")), ("name", .text(name)),
          ])
        ),
        ("strategy", .table([("canary", .table(canary))])),
      ])
    guard !gates.isEmpty else { return manifest }
    manifest.note("the queries are those of ingress-nginx: see that your Prometheus has them")
    manifest.add(
      "AnalysisTemplate", "argoproj.io/v1alpha1", "\(name)-gates",
      [("metrics", .list(gates.map { metric($0, prometheus) }))])
    return manifest
  }

  private static func metric(_ gate: ExportedGate, _ prometheus: String) -> JSON {
    let check = gate.check
    let interval = check.interval(soak: .minutes(30))
    // Argo counts all failures, not those in a row.
    let lasting = Int(check.lasting.milliseconds / max(1, interval.milliseconds))
    return .table([
      ("name", .text(check.name.text)),
      ("interval", .text(Manifest.seconds(interval))),
      ("failureLimit", .int(max(0, check.failures - 1, lasting))),
      // No data is never good: Argo tries again, and gives up after this many.
      ("consecutiveErrorLimit", .int(4)),
      ("successCondition", .text("len(result) > 0 && \(gate.condition)")),
      (
        "provider",
        .table([
          (
            "prometheus",
            .table([("address", .text(prometheus)), ("query", .text(gate.query))])
          )
        ])
      ),
    ])
  }
}
