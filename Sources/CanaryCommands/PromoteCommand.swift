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
        Option("--at", "TIME", "begin then: RFC 3339, or \"tue 01:00\" by the service's zone"),
        Option("--in-window", nil, "begin in the next window of the service"),
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
    let at = try CommandText.time(arguments, "--at", service, world)
    if arguments.has("--dry-run") {
      return try await DryRun(
        world: world, service: service, request: try await current(arguments, world, service),
        at: at,
        inWindow: arguments.has("--in-window")
      ).run()
    }
    if at != nil || arguments.has("--in-window") {
      return try await schedule(world, service, arguments, at: at)
    }
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
    try CommandText.check(arguments)
    if let why = service.releases.refusal(arguments["--release"]) { throw Failure(.wrong, why) }
    var request = PromoteRequest(
      to: to, release: arguments["--release"], plan: plan, reason: arguments["--reason"],
      retain: service.retain,
      actor: world.actor)
    request.hooks = service.hooks.isEmpty ? nil : service.hooks
    return request
  }

  private static func start(
    _ world: World, _ service: Service, _ arguments: Arguments, plan: Plan, timeout: Span?
  ) async throws(Failure) -> ExitCode {
    await Noticing.begin(world)
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

  /// What is asked for, by what is stable now.
  private static func current(
    _ arguments: Arguments, _ world: World, _ service: Service
  ) async throws(Failure) -> PromoteRequest {
    try request(arguments, world, service, stable: try await world.load(service).stable)
  }

  /// Leaves the rollout to the controller.
  private static func schedule(
    _ world: World, _ service: Service, _ arguments: Arguments, at: Instant?
  ) async throws(Failure) -> ExitCode {
    let inWindow = arguments.has("--in-window")
    if inWindow, service.calendar.windows.isEmpty {
      throw Failure(
        .wrong,
        "\(service.name) has no windows; give it some (services.\(service.name).windows), or say --at TIME alone"
      )
    }
    await Noticing.begin(world)
    let schedule = Schedule(
      request: try await current(arguments, world, service), at: at ?? world.clock.now(),
      inWindow: inWindow)
    let decision = try await CommandText.take(.schedule(schedule), world, service)
    if arguments.has("--json") {
      for entry in decision.entries {
        world.output.out(EntryReport.event(entry, service: service.name).line)
      }
    } else if let scheduled = decision.state.scheduled {
      world.output.out(
        "scheduled: \(service.name) to \(scheduled.request.to) at \(service.zone.text(scheduled.at)). See: canary schedule; drop it: canary cancel \(service.name)"
      )
    }
    if FileLock.holder(world.controllerLock) == nil {
      world.output.err(
        "canary: warning: no controller is running, and only a controller begins it: start one (canary controller, or systemctl start canary)"
      )
    }
    return .done
  }
}
