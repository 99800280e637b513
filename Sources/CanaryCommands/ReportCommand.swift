internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// `canary report`: one rollout, fit for a post-mortem.
enum ReportCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "report", service: .required,
      summary: "one rollout for a post-mortem: outcome, harm, checks, charts, who did what",
      options: [
        Option("--html", "FILE", "write one file that needs nothing else, with charts"),
        Option("--markdown", nil, "print Markdown, for a ticket"),
      ], second: "ROLLOUT")
  ) { arguments, output throws(Failure) in
    let world = try World(arguments, output: output)
    let service = try world.service(arguments)
    let record = try await world.record(service, arguments.second)
    let report = try await RolloutReport(world, service, record)
    if let path = arguments["--html"] {
      do throws(FileError) {
        try Files.replace(path, with: ReportPage(report: report).html)
      } catch {
        throw Failure(.outside, "\(error)")
      }
      output.out("\(path): \(Text.shown(report.headline, limit: 600))")
    } else {
      let text = ReportText(report: report)
      output.out(arguments.has("--markdown") ? text.markdown : text.plain)
    }
    return .done
  }
}

extension RolloutReport {
  /// With what the store holds of the rollout.
  init(_ world: World, _ service: Service, _ record: RolloutRecord) async throws(Failure) {
    let rollout = record.rollout
    do throws(StoreError) {
      let slices = try await world.store.slices(
        service.name, since: rollout.started.second, through: rollout.ended?.second ?? .max
      ).slices
      self.init(
        service: service.name, record: record,
        checks: try await world.store.measurements(service.name, rollout: rollout.number),
        slices: slices.map { Slice(second: $0.second, pool: $0.pool, counts: $0.counts) },
        isShielded: service.proxying.shield, now: world.clock.now())
    } catch {
      throw world.failure(error)
    }
  }
}
