internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// Who writes the status page and the metrics: the controller while there is one, else whoever drives, and after a
/// command a process that stays behind for one look.
package enum PublishLoop {
  private static func isWanted(_ config: Config) -> Bool {
    config.page != nil || config.metrics != nil
  }

  /// Writes until the task is cancelled; one process of the host at a time.
  package static func watch(_ world: World) async {
    while !Task.isCancelled {
      if isWanted(world.live.config), let lease = (try? world.leases.acquire(.publishing)) ?? nil {
        let publisher = Publisher(world, goesOn: true)
        while !Task.isCancelled {
          await publisher.look()
          // With a browser's own second, a change is on the page within two.
          await world.clock.sleep(until: world.clock.now() + .seconds(0.5))
        }
        withExtendedLifetime(lease) {}
        return
      }
      await world.clock.sleep(until: world.clock.now() + .seconds(2))
    }
  }

  /// Writes once, if nobody else does; false when somebody does.
  package static func once(_ world: World) async -> Bool {
    guard
      let lease =
        (try? world.leases.acquire(.publishing, patience: .seconds(2), marked: false)) ?? nil
    else { return false }
    await Publisher(world, goesOn: false).finish(100)
    withExtendedLifetime(lease) {}
    return true
  }

  /// Leaves a process behind that writes once, unless somebody writes all the time.
  package static func leave(_ world: World) {
    guard isWanted(world.config), world.leases.holder(.publishing) == nil else { return }
    try? Background.publish(config: world.config.file)
  }
}
