internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// Who writes the status page and the metrics: the controller while there is one, else whoever drives, and after a
/// command a process that stays behind for one look.
enum Publishing {
  private static func isWanted(_ config: Config) -> Bool {
    config.page != nil || config.metrics != nil
  }

  static func lock(_ config: Config) -> String { "\(config.run)/publish.lock" }

  /// Writes until the task is cancelled; one process of the host at a time.
  static func watch(_ world: World) async {
    while !Task.isCancelled {
      if isWanted(world.live.config), let lock = (try? FileLock.take(lock(world.config))) ?? nil {
        let publisher = Publisher(world, goesOn: true)
        while !Task.isCancelled {
          await publisher.look()
          // With a browser's own second, a change is on the page within two.
          await world.clock.sleep(until: world.clock.now() + .seconds(0.5))
        }
        withExtendedLifetime(lock) {}
        return
      }
      await world.clock.sleep(until: world.clock.now() + .seconds(2))
    }
  }

  /// Writes once, if nobody else does; false when somebody does.
  static func once(_ world: World) async -> Bool {
    try? Files.makeFolder(world.config.run)
    guard
      let lock = (try? FileLock.take(lock(world.config), patience: .seconds(2), marked: false))
        ?? nil
    else { return false }
    await Publisher(world, goesOn: false).finish(100)
    withExtendedLifetime(lock) {}
    return true
  }

  /// Leaves a process behind that writes once, unless somebody writes all the time.
  static func leave(_ arguments: Arguments, _ output: Output) {
    guard
      let config = try? ConfigFile.read(
        (try? ConfigFile.find(named: arguments["--config"], environment: Who.environment)) ?? ""),
      isWanted(config), FileLock.holder(lock(config)) == nil
    else { return }
    try? Background.publish(config: config.file)
  }

  /// `canary __publish`.
  static func flush(_ words: [String], output: Output) async -> Int32 {
    let spec = CommandSpec(name: "__publish", service: .none, summary: "")
    guard let arguments = try? Arguments(words, for: spec),
      let world = try? World(arguments, output: output), await once(world)
    else { return ExitCode.outside.rawValue }
    return ExitCode.done.rawValue
  }
}
