internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost
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
        Option(
          "--plan", "NAME",
          "another plan than the service's own: one of the config, `standard` or `try`"),
        .reason,
        Option(
          "--meta", "KEY=VALUE", "more for the history, such as ticket=OPS-12", repeats: true),
        Option("--at", "TIME", "begin then: RFC 3339, or \"tue 01:00\" by the service's zone"),
        Option("--in-window", nil, "begin in the next window of the service"),
        Option(
          "--supersede", nil, "first revert the rollout that runs, as a newer release does"),
        Option("--detach", nil, "return once the rollout has begun; another process drives it"),
        Option("--timeout", "DURATION", "stop waiting after this time; the rollout goes on"),
        Option("--dry-run", nil, "print what would happen, and touch nothing"),
        Option("--diff", nil, "with --dry-run: also what each stage changes in Nginx's files"),
        Option("--verbose", nil, "print every entry of the history, such as each verdict"),
        Option("--json", nil, "print one JSON object a line"),
      ], isActing: true)
  ) { call throws(Failure) in
    let world = try call.world()
    let service = try call.service(world)
    let request = try request(call, world, service, stable: service.stable)
    let timeout = try timeout(call)
    let at = try call.time("--at", service, world)
    if call.has("--diff"), !call.has("--dry-run") {
      throw Failure(.wrong, "--diff belongs to --dry-run", hint: "Nothing was touched.")
    }
    if call.has("--dry-run") {
      return try await DryRun(
        world: world, service: service, request: try await current(call, world, service),
        at: at,
        inWindow: call.has("--in-window"),
        showsFiles: call.has("--diff")
      ).run()
    }
    if at != nil || call.has("--in-window") {
      if call.has("--supersede") {
        throw Failure(.wrong, "--supersede takes over now: leave --at and --in-window out")
      }
      return try await schedule(world, service, call, at: at)
    }
    try ControllerConfig.requireSame(world)
    if call.has("--supersede") { try await supersede(world, service, request) }
    return try await start(world, service, call, plan: request.plan, timeout: timeout)
  }

  /// Reverts the rollout that runs, once nothing that can be known stands in the way of the new
  /// one.
  private static func supersede(
    _ world: World, _ service: Service, _ request: PromoteRequest
  ) async throws(Failure) {
    let state = try await world.load(service)
    guard let running = state.running, state.freeze(at: world.clock.now()) == nil else { return }
    if world.control == nil {
      try await PromotionRule.requireEvidence(world, service, request.plan)
      try await PromotionRule.requireSoundFiles(world)
    }
    let newer = request.release.map { "release \($0)" } ?? "a newer promote"
    let code = try await RevertCommand.carryOut(
      world, service, reason: "superseded by \(newer)", rollout: running.number)
    guard code == .done else {
      throw Failure(
        .outside, "rollout \(running.number) could not be taken back, so nothing was begun",
        hint: "See: canary status \(service.name)")
    }
  }

  private static func timeout(_ call: Invocation) throws(Failure) -> Span? {
    guard let text = call["--timeout"] else { return nil }
    guard let span = Span(parsing: text), span > .zero else {
      throw Failure(
        .wrong, "--timeout must be a duration such as 90s or 2h (found '\(Text.sanitized(text))')")
    }
    return span
  }

  /// The request from the options, checked against the config and the stable pool.
  private static func request(
    _ call: Invocation, _ world: World, _ service: Service, stable: PoolName
  ) throws(Failure) -> PromoteRequest {
    let names = service.pools.map(\.name.text)
    let others = service.pools.map(\.name).filter { $0 != stable }
    let to: PoolName
    if let text = call["--to"] {
      guard let name = PoolName(text), service.pool(name) != nil else {
        let near = Spelling.nearest(to: text, among: names).map { "; did you mean '\($0)'?" } ?? ""
        throw Failure(
          .wrong,
          "there is no pool '\(Text.sanitized(text))' (pools: \(names.joined(separator: ", ")))\(near)"
        )
      }
      to = name
    } else if others.count == 1 {
      to = others[0]
    } else {
      throw Failure(
        .wrong, "say which pool: --to \(others.map(\.text).joined(separator: " or --to "))")
    }
    var plan = service.plan
    if let text = call["--plan"] {
      guard let named = world.config.plan(named: text, for: service) else {
        let known = world.config.planNames
        let near = Spelling.nearest(to: text, among: known).map { "; did you mean '\($0)'?" } ?? ""
        throw Failure(
          .wrong,
          "there is no plan '\(Text.sanitized(text))' (plans: \(known.joined(separator: ", ")))\(near)"
        )
      }
      plan = named
    }
    plan.addGuards(service.guards.map(\.check))
    try call.checkTexts()
    var request = PromoteRequest(
      to: to, release: call["--release"], plan: plan, reason: call["--reason"],
      retain: service.retain,
      actor: world.actor)
    request.hooks = service.hooks
    for text in call.arguments.all("--meta") {
      do throws(Violation) { try request.meta.add(parsing: text) } catch {
        throw Failure(.wrong, "--meta \(error)")
      }
    }
    if let why = service.releases.refusal(of: request) { throw Failure(.wrong, why) }
    return request
  }

  private static func start(
    _ world: World, _ service: Service, _ call: Invocation, plan: Plan, timeout: Span?
  ) async throws(Failure) -> ExitCode {
    if world.control != nil { return try await ask(world, service, call, timeout: timeout) }
    await NoticeLoop.begin(world)
    await GateChanges.note(world)
    try await DriveSession.settle(world, service)
    try await PromotionRule.require(world, service, plan)
    let hasController = world.leases.holder(.controller) != nil
    // Without a controller, the lease is acquired before the rollout is saved, so that it always
    // has a driver.
    let lease = hasController ? nil : try DriveSession.acquire(world, service)
    let stable = try await world.load(service).stable
    let request = try request(call, world, service, stable: stable)
    let decision = try await world.take(.promote(request), service)
    if case .nothing(let why)? = decision.refusal {
      throw Failure(
        .wrong, why, hint: "Nothing was touched. See: canary status \(service.name)")
    }
    if let words = await TryPlan.needsRequests(request.plan, service, world.config) {
      world.output.err("canary: \(words)")
    }
    let number = decision.state.rollout?.number ?? 0
    var session = PromoteSession(
      world: world, service: service, number: number, manner: manner(call))
    // Beforehand, so that nobody waits for hours to be told.
    session.warnings = await OutlookText.read(world.config, service, request.plan).warnings
    if call.has("--detach") { return try await session.detach(lease) }
    return try await session.follow(lease, timeout: timeout)
  }

  /// Asks the controller for the rollout, and follows it.
  ///
  /// It drives the rollout itself, and so looks for what forbids it.
  private static func ask(
    _ world: World, _ service: Service, _ call: Invocation, timeout: Span?
  ) async throws(Failure) -> ExitCode {
    let decision = try await world.take(
      .promote(try await current(call, world, service)), service)
    if case .nothing(let why)? = decision.refusal {
      throw Failure(.wrong, why, hint: "Nothing was touched.")
    }
    var session = PromoteSession(
      world: world, service: service, number: decision.state.rollout?.number ?? 0,
      manner: manner(call))
    if call.has("--detach") { return session.begun() }
    return try await session.follow(nil, timeout: timeout)
  }

  private static func manner(_ call: Invocation) -> Follower.Manner {
    if call.has("--json") { return .json }
    return call.has("--verbose") ? .verbose : .log
  }

  /// The request, with the pool that is stable now.
  private static func current(
    _ call: Invocation, _ world: World, _ service: Service
  ) async throws(Failure) -> PromoteRequest {
    try request(call, world, service, stable: try await world.load(service).stable)
  }

  /// Saves the rollout for a controller to start later.
  private static func schedule(
    _ world: World, _ service: Service, _ call: Invocation, at: Instant?
  ) async throws(Failure) -> ExitCode {
    let inWindow = call.has("--in-window")
    if inWindow, service.calendar.windows.isEmpty {
      throw Failure(
        .wrong,
        "\(service.name) has no windows; give it some (services.\(service.name).windows), or say --at TIME alone"
      )
    }
    let request = try await current(call, world, service)
    if world.control == nil {
      try await PromotionRule.requireEvidence(world, service, request.plan)
      await NoticeLoop.begin(world)
    }
    let schedule = Schedule(
      request: request, at: at ?? world.clock.now(), inWindow: inWindow)
    let decision = try await world.take(.schedule(schedule), service)
    if call.has("--json") {
      for entry in decision.entries {
        world.output.out(EntryReport.event(entry, service: service.name).line)
      }
    } else if let scheduled = decision.state.scheduled {
      world.output.out(
        "scheduled: \(service.name) to \(scheduled.request.to) at \(service.zone.text(scheduled.at)). See: canary schedule; drop it: canary cancel \(service.name)"
      )
    }
    if world.leases.holder(.controller) == nil {
      world.output.err(
        "canary: warning: no controller is running, so this rollout will not start. Start one: systemctl start canary (or: canary controller)"
      )
    }
    return .done
  }
}
