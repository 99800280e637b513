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
    let report = try await read(world, service, arguments.second)
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

  private static func read(
    _ world: World, _ service: Service, _ number: String?
  ) async throws(Failure) -> RolloutReport {
    let record = try await world.record(service, number)
    do throws(StoreError) {
      let slices = try await world.store.slices(service.name, since: record.rollout.started.second)
      return RolloutReport(
        service: service.name, record: record,
        checks: try await world.store.measurements(service.name, rollout: record.rollout.number),
        slices: slices.slices.map {
          RolloutReport.Slice(second: $0.second, pool: $0.pool, counts: $0.counts)
        }, isShielded: service.proxying.shield, now: world.clock.now())
    } catch {
      throw world.failure(error)
    }
  }
}
