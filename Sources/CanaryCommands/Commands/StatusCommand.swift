internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary status`: where each service is.
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
  ) { call throws(Failure) in
    var options = World.Options.looking
    // The screen has keys that act.
    options.looksOnly = !call.has("--watch") || call.has("--json")
    options.only = call.arguments.service
    let world = try call.world(options)
    let services = try call.services(world)
    for line in await OrphanWatch.look(world, only: services.count == 1 ? services[0].name : nil) {
      call.output.err("canary: warning: \(line)")
    }
    let isWatching = call.has("--watch")
    if isWatching, !call.has("--json"), let terminal = Terminal() {
      return try await WatchSession(world: world, services: services, terminal: terminal).run()
    }
    var last = ""
    var faults: [Failure] = []
    repeat {
      if isWatching { Watchers.watch(in: world.config.run) }
      let reports: [StatusReport]
      if services.count > 1 {
        (reports, faults) = try await StatusRound.reports(world, services)
      } else {
        reports = [try await StatusReport(world, services[0])]
      }
      if reports.isEmpty, let first = faults.first { throw first }
      let text: String
      if call.has("--json") {
        let list = reports.map(\.json)
        text = call.arguments.service == nil ? JSON.list(list).pretty : list.first?.pretty ?? "[]"
      } else {
        text = reports.sorted { $0.headline.rank < $1.headline.rank }.map { StatusText($0).text }
          .joined(separator: "\n\n")
      }
      if text != last { call.output.out(text) }
      last = text
      if !isWatching { for fault in faults { call.output.err("canary status: \(fault.text)") } }
      if isWatching { await world.clock.sleep(until: world.clock.now() + .seconds(1)) }
    } while isWatching
    return faults.first?.code ?? .done
  }
}
