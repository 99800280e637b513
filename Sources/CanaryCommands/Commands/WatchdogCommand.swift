internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost
internal import Glibc

/// `canary watchdog`: a second guard, for a unit of its own.
enum WatchdogCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "watchdog", service: .none,
      summary: "put the brake on where a rollout lost its driver and its guard",
      details: """
        Each driver has a guard beside it. What kills both at once (a container, a cgroup) leaves a canary that nobody
        watches, until the next canary command notices. This one looks every second; run it in a unit of its own.
        --once looks once, for cron.
        """,
      options: [Option("--once", nil, "look once, and end")])
  ) { call throws(Failure) in
    let world = try call.world(.looking)
    if call.has("--once") {
      for line in await OrphanWatch.look(world) { call.output.out(line) }
      return .done
    }
    let signals = await Signals.stream([SIGTERM, SIGINT])
    call.output.err(
      "canary watchdog: watching \(Text.count(world.config.services.count, "service"))")
    ServiceManager.tell("READY=1")
    let watching = Task { await OrphanWatch.watch(world) }
    for await _ in signals { break }
    watching.cancel()
    return .done
  }
}
