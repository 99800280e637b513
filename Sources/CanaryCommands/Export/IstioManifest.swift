internal import CanaryCore

/// One stage of a plan as a VirtualService and a DestinationRule of Istio
/// (networking.istio.io/v1beta1): who moves from stage to stage is yours.
enum IstioManifest {
  /// `stage` counts from 0.
  static func make(_ service: Service, stage: Int) -> Manifest {
    var manifest = Manifest()
    let name = Manifest.name(service)
    let stages = service.plan.stages
    let rows = stages.enumerated().map { "\($0 + 1): \($1.weight)% for \($1.soak)" }
    manifest.note("stage \(stage + 1) of \(stages.count) (\(rows.joined(separator: ", ")))")
    manifest.note(
      "Istio judges nothing: watch the stage, then: canary export … --stage \(min(stage + 2, stages.count))"
    )
    _ = ExportedGate.all(of: service.plan, name, &manifest)
    let weight = manifest.percent(stages[stage].weight)
    let canary = service.pools.first { $0.name != service.stable }?.name ?? service.stable
    let shares = [(service.stable, 100 - weight), (canary, weight)]
    manifest.add(
      "VirtualService", "networking.istio.io/v1beta1", name,
      [
        ("hosts", .list([.text(name)])),
        (
          "http",
          .list([
            .table([
              (
                "route",
                .list(
                  shares.map { pool, share in
                    .table([
                      (
                        "destination",
                        .table([("host", .text(name)), ("subset", .text(subset(pool)))])
                      ),
                      ("weight", .int(share)),
                    ])
                  })
              )
            ])
          ])
        ),
      ])
    manifest.add(
      "DestinationRule", "networking.istio.io/v1beta1", name,
      [
        ("host", .text(name)),
        (
          "subsets",
          .list(
            shares.map { pool, _ in
              .table([
                ("name", .text(subset(pool))),
                ("labels", .table([("version", .text(subset(pool)))])),
              ])
            })
        ),
      ])
    return manifest
  }

  private static func subset(_ pool: PoolName) -> String {
    pool.text.lowercased().replacing("_", with: "-")
  }
}
