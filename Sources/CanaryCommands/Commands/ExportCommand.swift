internal import CanaryCore
internal import CanaryHost

/// `canary export`: prints a service's plan for those who also run Kubernetes; touches nothing.
enum ExportCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "export", service: .required,
      summary: "print the plan for Argo Rollouts, Flagger or Istio; touches nothing",
      details: """
        What the other tool cannot say (comparisons with stable, probes, windows) stands as a comment first: read it.
        """,
      options: [
        Option("--argo", nil, "a Rollout and an AnalysisTemplate"),
        Option("--flagger", nil, "a Canary"),
        Option("--istio", nil, "a VirtualService and a DestinationRule of one stage"),
        Option("--stage", "N", "of --istio; else 1"),
        Option("--port", "N", "of --flagger: the port of the Service; else 80"),
      ])
  ) { call throws(Failure) in
    let world = try call.world(.looking)
    let service = try call.service(world)
    let chosen = ["--argo", "--flagger", "--istio"].filter(call.has)
    guard chosen.count == 1 else {
      throw Failure(.wrong, "say one of --argo, --flagger and --istio")
    }
    guard service.proxying.scheme != .tcp else {
      throw Failure(.wrong, "\(service.name) speaks tcp, which none of them has weights for")
    }
    let manifest: Manifest
    switch chosen[0] {
    case "--argo":
      manifest = ArgoManifest.make(
        service,
        prometheus: world.config.endpoint("prometheus")?.url ?? "http://prometheus:9090")
    case "--flagger":
      manifest = FlaggerManifest.make(service, port: try call.number("--port", 1...65_535) ?? 80)
    default:
      let count = service.plan.stages.count
      manifest = IstioManifest.make(
        service, stage: (try call.number("--stage", 1...count) ?? 1) - 1)
    }
    call.output.out(manifest.text)
    return .done
  }
}
