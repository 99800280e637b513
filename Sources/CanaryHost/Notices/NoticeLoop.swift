internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// Decides which process sends notices.
///
/// The controller while there is one, otherwise the process that drives; a detached process sends
/// what is left when that one ends.
package enum NoticeLoop {
  /// Sends notices until the task is cancelled; by a lease, one process of the host at a time.
  ///
  /// With `once`, returns when every receiver has every notice.
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
      variables: { [live = world.live] in live.config.environment },
      facts: { await NoticeFacts.read(world, $0) },
      log: { [log = world.log] in log("canary: \($0)") })
  }

  /// Registers new receivers at the newest entry, so that they get notices from now on.
  package static func begin(_ world: World) async {
    if !world.config.receivers.isEmpty { await notifier(world).begin() }
  }

  /// Starts a process that sends the remaining notices, unless a controller runs or there is no
  /// receiver.
  package static func leave(_ world: World) {
    guard !world.config.receivers.isEmpty, world.leases.holder(.controller) == nil else { return }
    try? Background.notify(config: world.config.file)
  }

  /// `canary __notify`: sends the remaining notices, for two minutes at most.
  package static func flush(_ world: World) async {
    let sending = Task { await watch(world, once: true) }
    let limit = Task {
      let end = world.clock.uptime() + .minutes(2)
      // One sleep may end earlier.
      while !Task.isCancelled, world.clock.uptime() < end {
        await world.clock.sleep(until: world.clock.now() + (end - world.clock.uptime()))
      }
      sending.cancel()
    }
    await sending.value
    limit.cancel()
  }
}
