internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import Glibc

/// `canary promote`: starts a rollout and follows it to its end.
enum PromoteCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "promote", service: .required,
      summary: "move traffic to the other pool, stage by stage",
      details: """
        Exit status: 0 promoted · 1 something outside failed · 2 wrong input · 3 a gate failed, traffic is back on
        stable · 4 a person stopped it, traffic is back on stable · 5 busy · 6 --timeout passed, the rollout goes on
        """,
      options: [
        Option("--to", "POOL", "the pool to move to; else the one that is not stable"),
        Option("--release", "VERSION", "what runs there, for the history"),
        Option("--plan", "NAME", "a plan of the config instead of the service's own"),
        .reason,
        Option("--detach", nil, "return once the rollout has begun; another process drives it"),
        Option("--timeout", "DURATION", "stop waiting after this time; the rollout goes on"),
        Option("--dry-run", nil, "print what would happen, and touch nothing"),
        Option("--json", nil, "print one JSON object a line"),
      ])
  ) { arguments, output throws(Failure) in
    let world = try World(arguments, output: output)
    let service = try world.service(arguments)
    let request = try request(arguments, world, service, stable: service.stable)
    let timeout = try timeout(arguments)
    if arguments.has("--dry-run") { return try await dryRun(world, service, arguments) }
    return try await start(world, service, arguments, plan: request.plan, timeout: timeout)
  }

  private static func timeout(_ arguments: Arguments) throws(Failure) -> Span? {
    guard let text = arguments["--timeout"] else { return nil }
    guard let span = Span(parsing: text), span > .zero else {
      throw Failure(
        .wrong, "--timeout must be a duration such as 90s or 2h (found '\(Text.shown(text))')")
    }
    return span
  }

  /// What is asked for, checked against the config and against what is stable now.
  private static func request(
    _ arguments: Arguments, _ world: World, _ service: Service, stable: Name
  ) throws(Failure) -> PromoteRequest {
    let names = service.pools.map(\.name.text)
    let others = service.pools.map(\.name).filter { $0 != stable }
    let to: Name
    if let text = arguments["--to"] {
      guard let name = Name(text), service.pool(name) != nil else {
        let near = Spelling.nearest(to: text, among: names).map { "; did you mean '\($0)'?" } ?? ""
        throw Failure(
          .wrong,
          "there is no pool '\(Text.shown(text))' (pools: \(names.joined(separator: ", ")))\(near)")
      }
      to = name
    } else if others.count == 1 {
      to = others[0]
    } else {
      throw Failure(
        .wrong, "say which pool: --to \(others.map(\.text).joined(separator: " or --to "))")
    }
    var plan = service.plan
    if let text = arguments["--plan"] {
      guard let named = world.config.plans[text] else {
        let known = world.config.plans.keys.sorted()
        let near = Spelling.nearest(to: text, among: known).map { "; did you mean '\($0)'?" } ?? ""
        throw Failure(
          .wrong,
          "there is no plan '\(Text.shown(text))' (plans: \(known.joined(separator: ", ")))\(near)")
      }
      plan = named
    }
    plan.stand(service.guards.map(\.check))
    for option in ["--release", "--reason"] {
      if let text = arguments[option],
        text.utf8.count > 500 || text.unicodeScalars.contains(where: { $0.value < 32 })
      {
        throw Failure(.wrong, "\(option) must be one line of at most 500 bytes")
      }
    }
    return PromoteRequest(
      to: to, release: arguments["--release"], plan: plan, reason: arguments["--reason"],
      retain: service.retain,
      actor: world.actor)
  }

  private static func start(
    _ world: World, _ service: Service, _ arguments: Arguments, plan: Plan, timeout: Span?
  ) async throws(Failure) -> ExitCode {
    try await Driving.settle(world, service)
    // A rollout without a brake that works must not begin.
    let brake = EmergencyBrake(config: world.config, service: service.name, actor: world.actor)
    if try await world.load(service).running == nil, let fault = brake.trial() {
      throw Failure(
        .outside,
        "the brake would not work: \(fault). Nothing was begun. See: canary check \(service.name)")
    }
    let hasController = FileLock.holder(world.controllerLock) != nil
    // Without a controller the lock is taken before the rollout exists, so that it is never without a driver.
    let lock = hasController ? nil : try Driving.lock(world, service)
    let stable = try await world.load(service).stable
    let request = try request(arguments, world, service, stable: stable)
    let decision: Decision
    do throws(StoreError) {
      decision = try await world.desk.take(
        .promote(request), for: service.name, first: { world.first(service) }
      ).decision
    } catch {
      throw Failure(.outside, "\(world.failure(error).text). Nothing was touched.")
    }
    switch decision.refusal {
    case .busy(let why)?:
      throw Failure(.busy, "\(why). Nothing was touched. See: canary status \(service.name)")
    case .wrong(let why)?, .nothing(let why)?: throw Failure(.wrong, "\(why). Nothing was touched.")
    case nil: break
    }
    let number = decision.state.rollout?.number ?? 0
    var session = PromoteSession(
      world: world, service: service, number: number, asJSON: arguments.has("--json"),
      configFile: world.config.file)
    if arguments.has("--detach") { return try await session.detach(lock) }
    return try await session.follow(lock, timeout: timeout)
  }

  private static func dryRun(
    _ world: World, _ service: Service, _ arguments: Arguments
  ) async throws(Failure) -> ExitCode {
    let state = try await world.load(service)
    let request = try request(arguments, world, service, stable: state.stable)
    if let rollout = state.running { throw Failure(.busy, "rollout \(rollout.number) is running") }
    guard request.to != state.stable else {
      throw Failure(.wrong, "\(request.to) is the stable pool already")
    }
    world.output.out(
      "\(service.name): \(state.stable) → \(request.to) by plan '\(request.plan.name)'; nothing is touched"
    )
    var earliest = Span.zero
    for (index, stage) in request.plan.stages.enumerated() {
      world.output.out(
        "  stage \(index + 1): \(stage.weight)%\(stage.words.map { " (\($0))" } ?? "") for at least \(stage.soak), from \(earliest) after the start; deadline \(stage.deadline), then \(stage.onDeadline.rawValue)"
      )
      if let own = stage.checks {
        world.output.out("    asks \(own.map(\.name.text).joined(separator: ", "))")
      }
      earliest = earliest + stage.soak
    }
    world.output.out("  then \(request.to) is stable, \(earliest) after the start at the earliest")
    for check in request.plan.checks {
      world.output.out("  check \(check.name): \(CheckWords.text(check))")
    }
    return .done
  }
}
