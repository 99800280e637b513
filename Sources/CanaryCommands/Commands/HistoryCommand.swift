internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary history`: what happened to services, newest rollout first.
enum HistoryCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "history", service: .optional, summary: "who did what, when, why and what was measured",
      options: [
        .json, Option("--limit", "N", "how many rollouts of a service; else 20"),
        Option("--explain", "ROLLOUT", "why each verdict of this rollout was what it was"),
      ])
  ) { call throws(Failure) in
    let world = try call.world(.looking)
    if let text = call["--explain"] { return try await explain(text, world, call) }
    let services = try call.services(world)
    let limit = try call.number("--limit", 1...100_000) ?? 20
    var records: [(Service, RolloutRecord)] = []
    for service in services {
      do throws(StoreError) {
        for record in try await world.history.history(service.name, limit: limit) {
          records.append((service, record))
        }
      } catch {
        throw Failure(error)
      }
    }
    if services.count > 1 { records.sort { $0.1.rollout.started > $1.1.rollout.started } }
    if call.has("--json") {
      call.output.out(JSON.list(records.map { json($0, $1) }).pretty)
    } else if records.isEmpty {
      call.output.out("no rollout yet")
    } else {
      for (service, record) in records { call.output.out(text(service, record)) }
    }
    return .done
  }

  private static func explain(_ text: String, _ world: World, _ call: Invocation)
    async throws(Failure) -> ExitCode
  {
    guard call.arguments.service != nil else {
      throw Failure(.wrong, "which service? usage: canary history SERVICE --explain ROLLOUT")
    }
    let service = try call.service(world)
    let record = try await world.record(service, text)
    let measured: [CheckRecord]
    do throws(StoreError) {
      measured = try await world.history.measurements(service.name, rollout: record.rollout.number)
    } catch {
      throw Failure(error)
    }
    let explanation = Explanation(record.rollout, measured)
    world.output.out(
      call.has("--json")
        ? explanation.json.pretty : self.text(service, record) + "\n" + explanation.text)
    return .done
  }

  private static func json(_ service: Service, _ record: RolloutRecord) -> JSON {
    .table(
      [("service", .text(service.name.text))] + RolloutReport.fields(record.rollout) + [
        ("events", .list(record.entries.map(EntryReport.json)))
      ])
  }

  private static func text(_ service: Service, _ record: RolloutRecord) -> String {
    let rollout = record.rollout
    let release = rollout.release.map { " (\($0))" } ?? ""
    let head =
      "\(service.name) rollout \(rollout.number): \(rollout.from) → \(rollout.to)\(release), \(rollout.result.rawValue), by \(rollout.actor), \(rollout.started.iso8601)"
    let why = Wording.reason(rollout).map { "\n  why: \($0)" } ?? ""
    return head + why + "\n"
      + record.entries.map { "  " + EntryReport.line($0) }.joined(separator: "\n")
  }
}
