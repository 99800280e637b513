internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary audit`: who did what, when, from where and why; and whether the history was changed
/// since.
enum AuditCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "audit", service: .optional,
      summary: "who did what, when, from where and why; verifies that nothing was changed since",
      details: """
        Every entry carries a hash over itself and the one before. Exit status 1 says that the chain is broken. The hash
        of the newest entry, kept elsewhere, also shows whether somebody wrote the whole history anew: --head HASH.
        """,
      options: [
        .json,
        Option(
          "--since", "TIME", "from then on: RFC 3339, \"mon 08:00\", or a duration such as 7d"),
        Option("--limit", "N", "the newest N entries; else 1000"),
        Option("--head", "HASH", "the chain must hold this hash"),
      ])
  ) { call throws(Failure) in
    let world = try call.world(.looking)
    let service = call.arguments.service == nil ? nil : try call.service(world)
    let since = try since(call, service, world)
    let limit = try call.number("--limit", 1...10_000_000) ?? 1000
    let links: [ChainLink]
    let chain: ChainReport
    var holdsHead = true
    do throws(StoreError) {
      links = try await world.history.links(of: service?.name, since: since, limit: limit)
      chain = try await world.history.verify()
      if let head = call["--head"] { holdsHead = try await world.history.holds(head) }
    } catch {
      throw Failure(error)
    }
    if call.has("--json") {
      call.output.out(json(links, chain).pretty)
    } else {
      for link in links { call.output.out(line(link)) }
      if chain.fault == nil { call.output.out(sentence(chain)) }
    }
    if let fault = chain.fault {
      throw Failure(
        .outside,
        "THE HISTORY IS NOT WHAT WAS WRITTEN: \(fault). Keep \(world.history.place) as it is, and compare it with a backup"
      )
    }
    guard holdsHead else {
      throw Failure(
        .outside,
        "THE HISTORY IS NOT WHAT IT WAS: no entry has the hash that --head names. Keep \(world.history.place) as it is, and compare it with a backup"
      )
    }
    return .done
  }

  private static func since(
    _ call: Invocation, _ service: Service?, _ world: World
  ) throws(Failure) -> Instant? {
    guard let text = call["--since"] else { return nil }
    if let span = Span(parsing: text) { return world.clock.now() - span }
    do throws(Violation) {
      let zone = service?.zone ?? world.config.services.first?.zone ?? .utc
      let found = try TimeText.parse(text, zone: zone, now: world.clock.now())
      // A day of the week means the last one, not the next.
      return found > world.clock.now() ? found - .hours(24 * 7) : found
    } catch {
      throw Failure(
        .wrong, "--since \(error), or a duration such as 7d (found '\(Text.sanitized(text))')")
    }
  }

  private static func sentence(_ chain: ChainReport) -> String {
    let old = chain.unchained > 0 ? " (the first \(chain.unchained) are from before it)" : ""
    return chain.count == 0
      ? "no entry yet"
      : "the chain of \(Text.count(chain.count, "entry", "entries")) is whole\(old); head \(chain.head ?? "none yet")"
  }

  private static func line(_ link: ChainLink) -> String {
    let entry = link.entry
    let weight = entry.weight.map { " \($0)%" } ?? ""
    let number = entry.rollout.map { " #\($0)" } ?? ""
    let told = EntryReport.told(entry)
    let origin = entry.actor.origin.map { " from \($0)" } ?? ""
    return
      "\(entry.time.iso8601)  \(link.service?.text ?? ChainLink.noService)\(number)  \(entry.event.rawValue)\(weight)  by \(entry.actor)\(origin)"
      + (told.isEmpty ? "" : "  \(Text.sanitized(told, limit: 600))")
  }

  private static func json(_ links: [ChainLink], _ chain: ChainReport) -> JSON {
    let whole: JSON = .table([
      ("whole", .bool(chain.fault == nil)), ("entries", .int(chain.count)),
      ("head", JSON(chain.head)), ("fault", JSON(chain.fault)),
    ])
    return .table([("chain", whole), ("entries", .list(links.map(json)))])
  }

  private static func json(_ link: ChainLink) -> JSON {
    let entry = link.entry
    return .table([
      ("id", .int(Int(link.id))), ("time", .text(entry.time.iso8601)),
      ("service", .text(link.service?.text ?? ChainLink.noService)),
      ("rollout", JSON(entry.rollout)), ("event", .text(entry.event.rawValue)),
      ("weight", entry.weight.map { .number($0.percent) } ?? .null),
      ("actor", .text(entry.actor.description)), ("origin", JSON(entry.actor.origin)),
      ("detail", JSON(entry.detail)), ("hint", JSON(entry.hint)), ("hash", JSON(link.hash)),
    ])
  }

  /// Records in the history that a command was refused, if there is a store.
  ///
  /// Waits at most a second for it; a locked store gets no entry.
  static func note(_ command: String, _ failure: Failure, _ call: Invocation) async {
    let isRefusal =
      switch failure.code {
      case .wrong, .busy: true
      case .done, .outside, .gateFailed, .stopped, .timedOut: false
      }
    guard isRefusal, let world = call.madeWorld, world.history.exists else { return }
    let service = call.arguments.service.flatMap(ServiceName.init).flatMap {
      world.config.service($0)?.name
    }
    let entry = Entry(
      rollout: nil, time: world.clock.now(), event: .refused, actor: world.actor,
      detail:
        "\(command)\(call.arguments.service.map { " \(Text.sanitized($0, limit: 63))" } ?? ""): \(Text.sanitized(failure.text, limit: 500))"
    )
    _ = try? await world.history.append(entry, of: service, patience: .seconds(1))
  }
}
