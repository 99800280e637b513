internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

// How a promote ends: what it verifies, what it says last, and its exit status.
extension PromoteSession {
  /// Prints the last two lines; returns the exit status.
  func finish(_ end: End, _ follower: inout Follower) async -> ExitCode {
    let now = world.clock.now()
    switch end {
    case .over(let record):
      let code = record.rollout.revertReason?.exitCode ?? .done
      let counted = await counted(record)
      var outcome = PipelineLog.Outcome(
        record.rollout, share: await share(record.rollout), exit: code.rawValue)
      outcome.harm = counted?.harm
      outcome.decided = record.entries.last { $0.event == .reverting }?.time
      outcome.stableRelease = await release(of: record.rollout.from)
      outcome.servers = service.pool(record.rollout.to)?.servers.map(\.address) ?? []
      if let words = TryPlan.farewell(record.rollout, service, world.config) {
        follower.say([PipelineLog.fitted(words)])
      }
      follower.say(follower.log.outcome(outcome, at: now))
      if manner != .json, let counted { JobSummary.add(ReportText(counted).markdown) }
      return code
    case .left(let why):
      let state = try? await world.load(service)
      tell(
        follower.log.left(state, why: why, exit: ExitCode.timedOut.rawValue, at: now), &follower)
      return .timedOut
    case .revertRefused(let reason, let fault, let stable):
      // Only a worker knows where requests go.
      let unseen = await EmergencyBrake(world, service.name).visibilityFault()
      let code = unseen == nil ? reason.exitCode : .outside
      tell(
        follower.log.braked(
          stable: stable, unseen: unseen, fault: fault, exit: code.rawValue, at: now), &follower)
      return code
    }
  }

  /// Prints lines that no entry of the history tells, also beside JSON.
  private func tell(_ items: [PipelineLog.Item], _ follower: inout Follower) {
    guard manner == .json else { return follower.say(items) }
    for item in items { world.output.err(item.text) }
  }

  /// The canary's share as a worker confirms it; asked again for a moment, as while workers are
  /// exchanged.
  private func share(_ rollout: Rollout) async -> Result<Weight, Fault> {
    let start = world.clock.uptime()
    while true {
      guard let state = try? await world.load(service) else {
        return .failure(Fault("the store cannot be read"))
      }
      let share = await world.confirmedShare(of: rollout.to, state)
      if case .success = share { return share }
      if world.clock.uptime() - start >= .seconds(2) { return share }
      await world.clock.sleep(until: world.clock.now() + .seconds(0.1))
    }
  }

  /// The rollout with its requests, once its driver has counted the last of them.
  private func counted(_ record: RolloutRecord) async -> RolloutReport? {
    let start = world.clock.uptime()
    while world.leases.holder(.drive(service.name)) != nil,
      world.clock.uptime() - start < .seconds(2)
    {
      await world.clock.sleep(until: world.clock.now() + .seconds(0.1))
    }
    return try? await RolloutReport(world, service, record)
  }

  /// What was promoted last to the pool; nil: nothing, or without a name.
  private func release(of pool: PoolName) async -> String? {
    let rollouts = (try? await world.history.rollouts(service.name, limit: 50)) ?? []
    return rollouts.first {
      guard case .promoted = $0.phase else { return false }
      return $0.to == pool && $0.number < number
    }?.release
  }
}
