internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// No rollout begins whose failures would end where canary's log does not see them.
enum EvidenceRule {
  /// Why a rollout by this plan must not begin; nil when its checks would see every failure, or
  /// when the tree cannot be read here.
  static func fault(_ world: World, _ service: Service, _ plan: Plan) async -> String? {
    guard service.isInYourLocation, plan.countsLog else { return nil }
    let state = await world.first(service)
    let stages = plan.stages.indices.map {
      Routing.stage($0, of: plan, stable: state.stable, canary: state.other, salt: "check")
    }
    let trial = NginxDryRun.Trial(
      service: service.name, resting: state.resting(at: world.clock.now()), stages: stages)
    return await Blocking.run {
      TreeAudit.hiddenFailure(world.config, world.renderer, trial)
    }
  }

  static func require(_ world: World, _ service: Service, _ plan: Plan) async throws(Failure) {
    guard let fault = await fault(world, service, plan) else { return }
    throw Failure(
      .wrong, "the gates would not see every failure: \(fault)",
      hint: "Nothing was touched. Then reload Nginx, and see: canary check \(service.name)")
  }
}
