internal import CanaryCore

/// A plan as a Canary of Flagger (flagger.app/v1beta1), behind ingress-nginx.
enum FlaggerManifest {
  static func make(_ service: Service, port: Int) -> Manifest {
    var manifest = Manifest()
    let name = Manifest.name(service)
    let plan = service.plan
    var weights: [JSON] = []
    for stage in plan.stages where stage.weight > .none && stage.weight < .all {
      weights.append(.int(manifest.percent(stage.weight)))
    }
    let soaks = plan.stages.map(\.soak)
    let interval = soaks.min() ?? .minutes(1)
    if Set(soaks).count > 1 {
      manifest.note("every stage lasts \(interval): Flagger has one interval for all")
    }
    manifest.note(
      "Flagger looks once in an interval of \(interval), so a bad canary may stay for that long")
    let metrics = metrics(of: plan, name, &manifest)
    let hooks: [JSON] =
      plan.stages.contains { $0.approval != nil }
      ? [
        .table([
          ("name", .text("approval")), ("type", .text("confirm-traffic-increase")),
          ("url", .text("http://flagger-loadtester/gate/check")),
        ])
      ] : []
    manifest.add(
      "Canary", "flagger.app/v1beta1", name,
      [
        ("provider", .text("nginx")),
        (
          "targetRef",
          .table([
            ("apiVersion", .text("apps/v1")), ("kind", .text("Deployment")), ("name", .text(name)),
          ])
        ),
        (
          "ingressRef",
          .table([
            ("apiVersion", .text("networking.k8s.io/v1")), ("kind", .text("Ingress")),
            ("name", .text(name)),
          ])
        ),
        (
          "progressDeadlineSeconds",
          .int(Int((plan.stages.map(\.deadline).max() ?? .minutes(10)).milliseconds / 1000))
        ),
        ("service", .table([("port", .int(port))])),
        (
          "analysis",
          .table(
            [
              ("interval", .text(Manifest.seconds(interval))), ("threshold", .int(1)),
              ("stepWeights", .list(weights)), ("metrics", .list(metrics)),
            ] + (hooks.isEmpty ? [] : [("webhooks", .list(hooks))]))
        ),
      ])
    return manifest
  }

  private static func metrics(
    of plan: Plan, _ name: String, _ manifest: inout Manifest
  ) -> [JSON] {
    var metrics: [JSON] = []
    for gate in ExportedGate.all(of: plan, name, &manifest) {
      guard let max = gate.check.condition.max else {
        manifest.note(
          "not carried over: check \(gate.check.name): a lower bound needs a MetricTemplate")
        continue
      }
      switch gate.check.source {
      case .metric(.errorRate):
        metrics.append(
          metric("request-success-rate", [("min", .number((1 - max) * 100))], gate.check))
      case .metric(let metric) where metric.quantile == 0.99:
        metrics.append(Self.metric("request-duration", [("max", .number(max * 1000))], gate.check))
      default:
        manifest.note(
          "not carried over: check \(gate.check.name): it needs a MetricTemplate with: \(gate.query)"
        )
      }
    }
    return metrics
  }

  private static func metric(_ name: String, _ range: [(String, JSON)], _ check: Check) -> JSON {
    .table([
      ("name", .text(name)), ("thresholdRange", .table(range)),
      ("interval", .text(Manifest.seconds(check.window))),
    ])
  }
}
