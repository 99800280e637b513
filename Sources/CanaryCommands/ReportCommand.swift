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
    if let number, Int(number) == nil {
      throw Failure(.wrong, "a rollout has a number (found '\(Text.shown(number))')")
    }
    let wanted = number.flatMap(Int.init)
    let newest: String
    do throws(StoreError) {
      let all = try await world.store.history(service.name, limit: wanted == nil ? 1 : .max)
      let found = all.first { wanted == nil || $0.rollout.number == wanted }
      if let record = found {
        let slices = try await world.store.slices(
          service.name, since: record.rollout.started.second
        ).slices
        return RolloutReport(
          service: service.name, record: record,
          checks: try await world.store.measurements(service.name, rollout: record.rollout.number),
          slices: slices.map {
            RolloutReport.Slice(second: $0.second, pool: $0.pool, counts: $0.counts)
          }, isShielded: service.proxying.shield, now: world.clock.now())
      }
      newest = all.first.map { "; the newest is \($0.rollout.number)" } ?? " yet"
    } catch {
      throw world.failure(error)
    }
    throw Failure(
      .wrong, "\(service.name) has no rollout\(number.map { " \($0)" } ?? "")\(newest)")
  }
}
