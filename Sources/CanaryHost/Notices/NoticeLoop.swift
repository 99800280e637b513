internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// Who tells receivers of notices: the controller while there is one, else whoever drives, and a process that stays
/// behind for what is left.
package enum NoticeLoop {
  /// Tells until the task is cancelled; one process of the host at a time.
  package static func watch(_ world: World, once: Bool = false) async {
    while !Task.isCancelled {
      if world.live.config.receivers.isEmpty {
        if once { return }
      } else if let lease = (try? world.leases.acquire(.notices)) ?? nil {
        await notifier(world).run(once: once)
        withExtendedLifetime(lease) {}
        return
      }
      await world.clock.sleep(until: world.clock.now() + .seconds(2))
    }
  }

  private static func notifier(_ world: World) -> Notifier {
    Notifier(
      store: world.history, clock: world.clock,
      receivers: { [live = world.live] in live.config.receivers },
      log: { [log = world.log] in log("canary: \($0)") })
  }

  /// Receivers that are new hear of what happens from now on.
  package static func begin(_ world: World) async {
    if !world.config.receivers.isEmpty { await notifier(world).begin() }
  }

  /// Leaves a process behind that tells what is left, unless a controller does.
  package static func leave(_ world: World) {
    guard !world.config.receivers.isEmpty, world.leases.holder(.controller) == nil else { return }
    try? Background.notify(config: world.config.file)
  }

  /// `canary __notify`: tells what is left, for two minutes at most.
  package static func flush(_ world: World) async {
    let telling = Task { await watch(world, once: true) }
    let limit = Task {
      await world.clock.sleep(until: world.clock.now() + .minutes(2))
      telling.cancel()
    }
    await telling.value
    limit.cancel()
  }
}
