internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// `canary status`: where every service is.
enum StatusCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "status", service: .optional,
      summary: "where a service is: stage, weight, checks, driver",
      details: """
        With --watch a terminal shows one screen that is kept up to date, with keys to pause, resume, advance and revert;
        without a terminal, the status is printed again whenever it changes. NO_COLOR is respected.
        """,
      options: [
        .json, Option("--watch", nil, "keep showing it, until q or Ctrl-C"),
      ])
  ) { arguments, output throws(Failure) in
    let world = try World(arguments, output: output)
    let services = arguments.service == nil ? world.config.services : [try world.service(arguments)]
    let isWatching = arguments.has("--watch")
    if isWatching, !arguments.has("--json"), let terminal = Terminal() {
      return try await WatchSession(world: world, services: services, terminal: terminal).run()
    }
    var last = ""
    repeat {
      if isWatching { Watchers.watch(in: world.config.run) }
      var reports: [StatusReport] = []
      for service in services { reports.append(try await StatusReport(world, service)) }
      let text: String
      if arguments.has("--json") {
        let list = reports.map(\.json)
        text = arguments.service == nil ? JSON.list(list).pretty : list.first?.pretty ?? "[]"
      } else {
        text = reports.map(\.text).joined(separator: "\n\n")
      }
      if text != last { output.out(text) }
      last = text
      if isWatching { await world.clock.sleep(until: world.clock.now() + .seconds(1)) }
    } while isWatching
    return .done
  }
}
