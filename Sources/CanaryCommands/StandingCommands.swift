internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// `canary freeze` and `canary thaw`: nothing may grow, for a reason that everybody reads.
enum StandingCommands {
  static let freeze = Command(
    spec: CommandSpec(
      name: "freeze", service: .optional,
      summary: "let nothing grow, in one service or all; reverts are never stopped",
      details: """
        No rollout begins and no stage follows another until `canary thaw`, or until --until. A running soak goes on, its
        checks go on, and a failed one still reverts. Without SERVICE it holds for those that the config gets later too.
        """,
      options: [
        Option("--reason", "TEXT", "why; whoever is refused reads it"),
        Option("--until", "TIME", "when it ends by itself: RFC 3339, or \"mon 08:00\""),
      ])
  ) { arguments, output throws(Failure) in
    let world = try World(arguments, output: output)
    let services = try services(arguments, world)
    guard let reason = arguments["--reason"], !reason.isEmpty else {
      throw Failure(.wrong, "say why, with --reason TEXT: whoever is refused by it reads it")
    }
    try CommandText.check(arguments)
    var freezes: [(service: Service, freeze: Freeze)] = []
    for service in services {
      let until = try CommandText.time(arguments, "--until", service, world)
      let freeze = Freeze(
        actor: world.actor, reason: reason, since: world.clock.now(), until: until)
      freezes.append((service, freeze))
    }
    for (service, freeze) in freezes {
      _ = try await CommandText.take(.freeze(freeze), world, service)
      output.out("\(service.name): \(freeze.words)")
    }
    // One that comes later has no zone to read a time by yet: it is frozen for as long as any.
    let longest = freezes.map(\.freeze).max {
      ($0.until?.milliseconds ?? .max) < ($1.until?.milliseconds ?? .max)
    }
    if arguments.service == nil { try await freezeLater(longest, world) }
    return .done
  }

  static let thaw = Command(
    spec: CommandSpec(name: "thaw", service: .optional, summary: "end a freeze")
  ) { arguments, output throws(Failure) in
    let world = try World(arguments, output: output)
    for service in try services(arguments, world) {
      let refusal = try await CommandText.take(.thaw(world.actor), world, service).refusal
      if case .nothing(let why)? = refusal {
        output.out(why)
      } else {
        output.out("\(service.name): thawed")
      }
    }
    if arguments.service == nil { try await freezeLater(nil, world) }
    return .done
  }

  /// Freezes, or thaws, services that the config does not have yet.
  private static func freezeLater(_ freeze: Freeze?, _ world: World) async throws(Failure) {
    do throws(StoreError) {
      try await world.store.freezeAll(freeze)
    } catch {
      throw Failure(
        .outside,
        "\(world.failure(error).text). It holds for the services of the config, but not for those that come later: try again"
      )
    }
  }

  private static func services(_ arguments: Arguments, _ world: World) throws(Failure) -> [Service]
  {
    arguments.service == nil ? world.config.services : [try world.service(arguments)]
  }
}

/// `canary approve` and `canary reject`.
enum ApprovalCommands {
  static let approve = command(
    "approve", "let a rollout into the stage that waits for it", { .approve($0, $1) })
  static let reject = command(
    "reject", "refuse a rollout that waits for an approval: all traffic goes back to stable",
    { .reject($0, $1) })

  private static func command(
    _ name: String, _ summary: String, _ event: @escaping @Sendable (Actor, String?) -> Event
  ) -> Command {
    Command(
      spec: CommandSpec(name: name, service: .required, summary: summary, options: [.reason])
    ) { arguments, output throws(Failure) in
      let world = try World(arguments, output: output)
      let service = try world.service(arguments)
      try CommandText.check(arguments)
      let decision = try await CommandText.take(
        event(world.actor, arguments["--reason"]), world, service)
      output.out("\(service.name): \(Wording.sentence(decision.state))")
      return .done
    }
  }
}

/// What commands share: texts of a person, times, and one event that is taken or refused.
enum CommandText {
  /// A text that goes into the history is one line.
  static func check(_ arguments: Arguments) throws(Failure) {
    for option in ["--release", "--reason"] {
      if let text = arguments[option],
        text.utf8.count > 500 || text.unicodeScalars.contains(where: { $0.value < 32 })
      {
        throw Failure(.wrong, "\(option) must be one line of at most 500 bytes")
      }
    }
  }

  /// A time by the clock of the service's zone; nil when the option is not given.
  static func time(
    _ arguments: Arguments, _ option: String, _ service: Service, _ world: World
  ) throws(Failure) -> Instant? {
    guard let text = arguments[option] else { return nil }
    do throws(Rule) {
      return try TimeText.parse(text, zone: service.zone, now: world.clock.now())
    } catch {
      throw Failure(.wrong, "\(option) \(error) (found '\(Text.shown(text))')")
    }
  }

  /// The decision on an event; a refusal that is more than a word ends the command.
  static func take(
    _ event: Event, _ world: World, _ service: Service
  ) async throws(Failure) -> Decision {
    let decision: Decision
    do throws(StoreError) {
      decision = try await world.desk.take(
        event, for: service.name, first: { world.first(service) }
      ).decision
    } catch {
      throw Failure(.outside, "\(world.failure(error).text). Nothing was touched.")
    }
    switch decision.refusal {
    case .busy(let why)?:
      throw Failure(.busy, "\(why). Nothing was touched. See: canary status \(service.name)")
    case .wrong(let why)?:
      throw Failure(.wrong, "\(service.name): \(why). Nothing was touched.")
    case .nothing?, nil: return decision
    }
  }
}
