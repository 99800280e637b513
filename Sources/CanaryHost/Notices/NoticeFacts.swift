internal import CanaryCore
internal import CanaryDriver

/// What a receiver needs to know beside the entry: of which rollout it is, what users saw, what to do.
struct NoticeFacts: Hashable, Sendable {
  var release: String?
  var from: PoolName?
  var to: PoolName?
  /// Nil: the event ends nothing, or nothing counts the requests.
  var harm: Harm?
  var next: NextStep?
  /// The rollout with its spans; nil: it goes on, or there is none.
  var trace: String?

  /// Reads what the store has; what cannot be read is left out, and delays no notice.
  static func read(_ world: World, _ link: ChainLink) async -> NoticeFacts {
    let event = link.entry.event
    var facts = NoticeFacts()
    var rollout: Rollout?
    let service = link.service.flatMap { world.live.config.service($0) }
    if let name = link.service, let number = link.entry.rollout,
      let record = (try? await world.history.record(name, rollout: number)) ?? nil
    {
      rollout = record.rollout
      facts.release = record.rollout.release
      (facts.from, facts.to) = (record.rollout.from, record.rollout.to)
      if let service, [.reverting, .reverted, .promoted, .braked].contains(event),
        let report = try? await RolloutReport(world, service, record)
      {
        facts.harm = report.harm
      }
      if record.rollout.phase.isOver {
        facts.trace = RolloutTrace(service: name, record: record, harm: facts.harm).json
      }
    }
    facts.next = NextStep.after(
      event, of: link.service, rollout, zone: service?.zone ?? .utc, at: link.entry.time)
    return facts
  }
}
