internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary report`: one rollout, for a post-mortem.
enum ReportCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "report", service: .required,
      summary: "one rollout for a post-mortem: outcome, harm, checks, charts, who did what",
      options: [
        Option("--html", "FILE", "write one file that needs nothing else, with charts"),
        Option("--markdown", nil, "print Markdown, for a ticket"),
      ], second: "ROLLOUT")
  ) { call throws(Failure) in
    let world = try call.world(.looking)
    let service = try call.service(world)
    let record = try await world.record(service, call.arguments.second)
    let report = try await RolloutReport(world, service, record)
    if let path = call["--html"] {
      do throws(FileError) {
        try Files.replace(path, with: ReportPage(report).html)
      } catch {
        throw Failure(.outside, "\(error)")
      }
      call.output.out("\(path): \(Text.sanitized(report.headline, limit: 600))")
    } else {
      let text = ReportText(report)
      call.output.out(call.has("--markdown") ? text.markdown : text.plain)
    }
    return .done
  }
}
