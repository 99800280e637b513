internal import CanaryAdapters
package import CanaryCore
internal import CanaryDriver
internal import Glibc

/// What must hold on this host before a rollout begins, whoever asks for it.
package enum PromotionRule {
  /// Throws where a rollout by this plan must not begin: its failures would end where canary's log
  /// does not see them, Nginx refuses what is installed, or the brake would not work.
  ///
  /// Asks nothing of a service that is running or frozen: that is refused by the policy.
  package static func require(
    _ world: World, _ service: Service, _ plan: Plan
  ) async throws(Failure) {
    let state = try await world.load(service)
    guard state.running == nil, state.freeze(at: world.clock.now()) == nil else { return }
    try await requireEvidence(world, service, plan)
    try await requireSoundFiles(world)
    let config = world.config
    let down = await Blocking.run {
      guard NginxDryRun.runsHere(config) else { return Fault?.none }
      return RunningNginx(config, [service]).fault
        ?? RunningNginx.missingInclude(config, config.mainSuffix(of: service.name))
    }
    if let fault = down {
      let advice = fault.hint.map { "\($0). " } ?? ""
      throw Failure(
        .outside, fault.fact,
        hint: "\(advice)Nothing was begun. Then: canary promote \(service.name)")
    }
    if let fault = await EmergencyBrake(world, service.name).trial() {
      throw Failure(
        .outside, "the brake would not work: \(fault)",
        hint: "Nothing was begun. See: canary check \(service.name)")
    }
  }

  /// Throws where failures would end in places that canary's log does not see.
  package static func requireEvidence(
    _ world: World, _ service: Service, _ plan: Plan
  ) async throws(Failure) {
    guard let fault = await hiddenFailure(world, service, plan) else { return }
    throw Failure(
      .wrong, "the gates would not see every failure: \(fault)",
      hint: "Nothing was touched. Then reload Nginx, and see: canary check \(service.name)")
  }

  /// Why failures would end in such places; nil also when the tree cannot be read here.
  package static func hiddenFailure(_ world: World, _ service: Service, _ plan: Plan) async
    -> String?
  {
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

  /// Throws where Nginx refuses what is installed now; what it cannot open for this person alone,
  /// the controller can.
  package static func requireSoundFiles(_ world: World) async throws(Failure) {
    guard case .bad(let why) = await Blocking.run({ NginxDryRun.installed(world.config) }),
      getuid() == 0 || !why.contains("(13: Permission denied)")
    else { return }
    let advice = NginxAdvice.hint(why, world.config).map { "\($0). " } ?? ""
    throw Failure(
      .outside, "nginx refuses what is installed now: \(why)",
      hint: "\(advice)Nothing was begun. Once `nginx -t` passes, promote again")
  }
}
