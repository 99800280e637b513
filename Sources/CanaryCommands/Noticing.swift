internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// Who tells receivers of notices: the controller while there is one, else whoever drives, and a process that stays
/// behind for what is left.
enum Noticing {
  /// Tells until the task is cancelled; one process of the host at a time.
  static func watch(_ world: World, once: Bool = false) async {
    while !Task.isCancelled {
      if world.live.config.receivers.isEmpty {
        if once { return }
      } else if let lock = (try? FileLock.take(world.noticeLock)) ?? nil {
        await notifier(world).run(once: once)
        withExtendedLifetime(lock) {}
        return
      }
      await world.clock.sleep(until: world.clock.now() + .seconds(2))
    }
  }

  private static func notifier(_ world: World) -> Notifier {
    Notifier(
      store: world.store, clock: world.clock,
      receivers: { [live = world.live] in live.config.receivers },
      log: { [output = world.output] in output.err("canary: \($0)") })
  }

  /// Receivers that are new hear of what happens from now on.
  static func begin(_ world: World) async {
    if !world.config.receivers.isEmpty { await notifier(world).begin() }
  }

  /// Leaves a process behind that tells what is left, unless a controller does.
  static func leave(_ arguments: Arguments, _ output: Output) {
    guard
      let config = try? ConfigFile.read(
        (try? ConfigFile.find(named: arguments["--config"], environment: Who.environment)) ?? ""),
      !config.receivers.isEmpty, FileLock.holder("\(config.run)/controller.lock") == nil
    else { return }
    try? Background.notify(config: config.file)
  }

  /// `canary __notify`: tells what is left, for two minutes at most.
  static func flush(_ words: [String], output: Output) async -> Int32 {
    let spec = CommandSpec(name: "__notify", service: .none, summary: "")
    guard let arguments = try? Arguments(words, for: spec),
      let world = try? World(arguments, output: output)
    else { return ExitCode.outside.rawValue }
    let telling = Task { await watch(world, once: true) }
    let limit = Task {
      await world.clock.sleep(until: world.clock.now() + .minutes(2))
      telling.cancel()
    }
    await telling.value
    limit.cancel()
    return ExitCode.done.rawValue
  }
}
