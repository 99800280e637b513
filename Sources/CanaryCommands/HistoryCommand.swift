internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// `canary history`: what happened to a service, newest rollout first.
enum HistoryCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "history", service: .optional, summary: "who did what, when, why and what was measured",
      options: [
        .json, Option("--limit", "N", "how many rollouts of a service; else 20"),
        Option("--explain", "ROLLOUT", "why each verdict of this rollout was what it was"),
      ])
  ) { arguments, output throws(Failure) in
    let world = try World(arguments, output: output)
    if let text = arguments["--explain"] { return try await explain(text, world, arguments) }
    let services = arguments.service == nil ? world.config.services : [try world.service(arguments)]
    var limit = 20
    if let text = arguments["--limit"] {
      guard let number = Int(text), (1...100_000).contains(number) else {
        throw Failure(
          .wrong, "--limit must be a whole number from 1 to 100000 (found '\(Text.shown(text))')")
      }
      limit = number
    }
    var records: [(Service, RolloutRecord)] = []
    for service in services {
      do throws(StoreError) {
        for record in try await world.store.history(service.name, limit: limit) {
          records.append((service, record))
        }
      } catch {
        throw world.failure(error)
      }
    }
    if services.count > 1 { records.sort { $0.1.rollout.started > $1.1.rollout.started } }
    if arguments.has("--json") {
      output.out(JSON.list(records.map { json($0, $1) }).pretty)
    } else if records.isEmpty {
      output.out("no rollout yet")
    } else {
      for (service, record) in records { output.out(text(service, record)) }
    }
    return .done
  }

  private static func explain(_ text: String, _ world: World, _ arguments: Arguments)
    async throws(Failure) -> ExitCode
  {
    guard arguments.service != nil else {
      throw Failure(.wrong, "which service? usage: canary history SERVICE --explain ROLLOUT")
    }
    let service = try world.service(arguments)
    let record = try await world.record(service, text)
    let measured: [CheckRecord]
    do throws(StoreError) {
      measured = try await world.store.measurements(service.name, rollout: record.rollout.number)
    } catch {
      throw world.failure(error)
    }
    let explanation = Explanation(record.rollout, measured)
    world.output.out(
      arguments.has("--json")
        ? explanation.json.pretty : self.text(service, record) + "\n" + explanation.text)
    return .done
  }

  private static func json(_ service: Service, _ record: RolloutRecord) -> JSON {
    .table(
      [("service", .text(service.name.text))] + fields(record.rollout) + [
        ("events", .list(record.entries.map(EntryReport.json)))
      ])
  }

  /// What programs are told of a rollout, wherever it stands.
  static func fields(_ rollout: Rollout) -> [(String, JSON)] {
    [
      ("rollout", .int(rollout.number)), ("from", .text(rollout.from.text)),
      ("to", .text(rollout.to.text)), ("release", JSON(rollout.release)),
      ("result", .text(Wording.result(rollout))),
      ("reason", JSON(Wording.reason(rollout) ?? rollout.reason)),
      ("actor", .text(rollout.actor.description)), ("started", .text(rollout.started.iso8601)),
      ("ended", JSON(rollout.ended?.iso8601)),
    ]
  }

  private static func text(_ service: Service, _ record: RolloutRecord) -> String {
    let rollout = record.rollout
    let release = rollout.release.map { " (\($0))" } ?? ""
    let head =
      "\(service.name) rollout \(rollout.number): \(rollout.from) → \(rollout.to)\(release), \(Wording.result(rollout)), by \(rollout.actor), \(rollout.started.iso8601)"
    let why = Wording.reason(rollout).map { "\n  why: \($0)" } ?? ""
    return head + why + "\n"
      + record.entries.map { "  " + EntryReport.line($0) }.joined(separator: "\n")
  }
}
