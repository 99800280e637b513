internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// `canary audit`: who, when, from where, what and why; and whether the history is still what was written.
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
  ) { arguments, output throws(Failure) in
    let world = try World(arguments, output: output)
    let service = arguments.service == nil ? nil : try world.service(arguments)
    let since = try since(arguments, service, world)
    guard let limit = Int(arguments["--limit"] ?? "1000"), (1...10_000_000).contains(limit) else {
      throw Failure(.wrong, "--limit must be a whole number from 1 to 10000000")
    }
    let links: [Chain.Link]
    let chain: Chain.Verification
    var holdsHead = true
    do throws(StoreError) {
      links = try await world.store.links(of: service?.name.text, since: since, limit: limit)
      chain = try await world.store.verify()
      if let head = arguments["--head"] { holdsHead = try await world.store.holds(head) }
    } catch {
      throw world.failure(error)
    }
    if arguments.has("--json") {
      output.out(json(links, chain).pretty)
    } else {
      for link in links { output.out(line(link)) }
      if chain.fault == nil { output.out(sentence(chain)) }
    }
    if let fault = chain.fault {
      throw Failure(
        .outside,
        "THE HISTORY IS NOT WHAT WAS WRITTEN: \(fault). Keep \(world.store.path) as it is, and compare it with a backup"
      )
    }
    guard holdsHead else {
      throw Failure(
        .outside,
        "THE HISTORY IS NOT WHAT IT WAS: no entry has the hash that --head names. Keep \(world.store.path) as it is, and compare it with a backup"
      )
    }
    return .done
  }

  private static func since(
    _ arguments: Arguments, _ service: Service?, _ world: World
  ) throws(Failure) -> Instant? {
    guard let text = arguments["--since"] else { return nil }
    if let span = Span(parsing: text) { return world.clock.now() - span }
    do throws(Rule) {
      let zone = service?.zone ?? world.config.services.first?.zone ?? .utc
      let found = try TimeText.parse(text, zone: zone, now: world.clock.now())
      // A day of the week is the last one, not the next.
      return found > world.clock.now() ? found - .hours(24 * 7) : found
    } catch {
      throw Failure(
        .wrong, "--since \(error), or a duration such as 7d (found '\(Text.shown(text))')")
    }
  }

  private static func sentence(_ chain: Chain.Verification) -> String {
    let old = chain.unchained > 0 ? " (the first \(chain.unchained) are from before it)" : ""
    return chain.count == 0
      ? "no entry yet"
      : "the chain of \(chain.count) entries is whole\(old); head \(chain.head ?? "none yet")"
  }

  private static func line(_ link: Chain.Link) -> String {
    let entry = link.entry
    let weight = entry.weight.map { " \($0)%" } ?? ""
    let number = entry.rollout > 0 ? " #\(entry.rollout)" : ""
    let origin = entry.actor.origin.map { " from \($0)" } ?? ""
    return
      "\(entry.time.iso8601)  \(link.service)\(number)  \(entry.event)\(weight)  by \(entry.actor)\(origin)"
      + (entry.detail.map { "  \(Text.shown($0, limit: 600))" } ?? "")
  }

  private static func json(_ links: [Chain.Link], _ chain: Chain.Verification) -> JSON {
    .table([
      (
        "chain",
        .table([
          ("whole", .bool(chain.fault == nil)), ("entries", .int(chain.count)),
          ("head", JSON(chain.head)), ("fault", JSON(chain.fault)),
        ])
      ),
      (
        "entries",
        .list(
          links.map { link in
            .table([
              ("id", .int(Int(link.id))), ("time", .text(link.entry.time.iso8601)),
              ("service", .text(link.service)),
              ("rollout", link.entry.rollout > 0 ? .int(link.entry.rollout) : .null),
              ("event", .text(link.entry.event)),
              ("weight", link.entry.weight.map { .number($0.percent) } ?? .null),
              ("actor", .text(link.entry.actor.description)),
              ("origin", JSON(link.entry.actor.origin)), ("detail", JSON(link.entry.detail)),
              ("hash", JSON(link.hash)),
            ])
          })
      ),
    ])
  }

  /// Notes a command that was refused, as far as there is a history to note it in.
  ///
  /// It never makes anybody wait: a store that is locked goes without.
  static func note(_ command: String, _ failure: Failure, _ arguments: Arguments, _ output: Output)
    async
  {
    let isRefusal =
      switch failure.code {
      case .wrong, .busy: true
      case .done, .outside, .gateFailed, .stopped, .timedOut: false
      }
    guard isRefusal,
      let world = try? World(arguments, output: output, storePatience: .seconds(1)),
      Files.exists(world.store.path)
    else { return }
    let service = arguments.service.flatMap(Name.init).flatMap {
      world.config.service($0)?.name.text
    }
    let entry = Entry(
      rollout: 0, time: world.clock.now(), event: "refused", actor: world.actor,
      detail:
        "\(command)\(arguments.service.map { " \(Text.shown($0, limit: 63))" } ?? ""): \(Text.shown(failure.text, limit: 500))"
    )
    _ = try? await world.store.append(entry, of: service ?? "-")
  }
}
