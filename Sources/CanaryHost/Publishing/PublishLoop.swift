internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// Decides which process writes the status page and the metrics.
///
/// The controller while there is one, otherwise the process that drives; after a command, a
/// detached process writes them once.
package enum PublishLoop {
  private static func isWanted(_ config: Config) -> Bool {
    config.page != nil || config.metrics != nil
  }

  /// Writes until the task is cancelled; by a lease, one process of the host at a time.
  package static func watch(_ world: World) async {
    while !Task.isCancelled {
      if isWanted(world.live.config), let lease = (try? world.leases.acquire(.publishing)) ?? nil {
        let publisher = Publisher(world, isContinuous: true)
        while !Task.isCancelled {
          await publisher.look()
          // With the browser's own second, a change is on the page within two.
          await world.clock.sleep(until: world.clock.now() + .seconds(0.5))
        }
        withExtendedLifetime(lease) {}
        return
      }
      await world.clock.sleep(until: world.clock.now() + .seconds(2))
    }
  }

  /// Writes once; false when another process publishes, so that this one did not.
  package static func once(_ world: World) async -> Bool {
    guard
      let lease =
        (try? world.leases.acquire(.publishing, patience: .seconds(2), marked: false)) ?? nil
    else { return false }
    await Publisher(world, isContinuous: false).finish(100)
    withExtendedLifetime(lease) {}
    return true
  }

  /// Starts a process that writes once, unless one publishes already or neither page nor metrics
  /// are configured.
  package static func leave(_ world: World) {
    guard isWanted(world.config), world.leases.holder(.publishing) == nil else { return }
    try? Background.publish(config: world.config.file)
  }
}
