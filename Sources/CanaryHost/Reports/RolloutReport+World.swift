package import CanaryCore
package import CanaryDriver

extension RolloutReport {
  /// The report of a rollout, with its measurements and requests read from the store.
  package init(_ world: World, _ service: Service, _ record: RolloutRecord) async throws(Failure) {
    let rollout = record.rollout
    do throws(StoreError) {
      let slices = try await world.logs.slices(
        service.name, since: rollout.started.second, through: rollout.ended?.second ?? .max
      ).slices
      self.init(
        service: service.name, record: record,
        checks: try await world.history.measurements(service.name, rollout: rollout.number),
        slices: slices,
        isShielded: service.proxying.shield, now: world.clock.now())
    } catch {
      throw Failure(error)
    }
  }

  /// A rollout's fields for programs, the same in every command.
  package static func fields(_ rollout: Rollout) -> [(String, JSON)] {
    [
      ("rollout", .int(rollout.number)), ("from", .text(rollout.from.text)),
      ("to", .text(rollout.to.text)), ("release", JSON(rollout.release)),
      ("result", .text(rollout.result.rawValue)),
      ("reason", JSON(Wording.reason(rollout) ?? rollout.reason)),
      ("hint", JSON(Wording.hint(rollout))),
      ("actor", .text(rollout.actor.description)), ("started", .text(rollout.started.iso8601)),
      ("ended", JSON(rollout.ended?.iso8601)),
    ] + (rollout.meta == .empty ? [] : [("meta", rollout.meta.json)])
  }
}
