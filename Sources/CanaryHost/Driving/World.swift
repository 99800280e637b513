package import CanaryAdapters
package import CanaryCore
package import CanaryDriver

/// Everything that a process on this host works with, put together from the config.
package struct World: Sendable {
  package let config: Config
  /// Who runs this process.
  package let actor: Actor
  package let clock: any WallClock
  package let states: any StateStore
  package let changes: any ChangeFeed
  package let history: any HistoryStore
  package let logs: any LogStore
  package let router: any Router
  package let renderer: any Renderer
  package let leases: any Leases
  /// Hears what a person should know, a line at a time.
  package let log: @Sendable (String) -> Void
  /// The config as it is now: a controller that has reloaded its config uses these windows at once.
  package let live: LiveConfig
  /// The thread of this process's drivers.
  package let executor: ThreadExecutor
  private let watchers: Watchers
  private let environment: [String: String]

  /// What differs from command to command.
  package struct Options: Sendable {
    /// Bounds each wait for a lock of the store.
    package var storePatience = Span.seconds(5)
    /// False for a revert: it must work where the templates are broken.
    package var checksTemplates = true
    /// The world before a reload of the config, whose thread and live config go on.
    package var former: World?

    package init() {}
  }

  /// Reads the config that is named, or the first of the usual ones; throws every fault of it and of the templates at
  /// once, with exit 2.
  package init(
    configFile named: String?, _ options: Options = Options(),
    log: @escaping @Sendable (String) -> Void
  ) throws(Failure) {
    let environment = ThisProcess.environment
    let config: Config
    do throws(Problems) {
      config = try ConfigFile.read(
        try ConfigFile.find(named: named, environment: environment))
    } catch {
      throw Self.unusable(error)
    }
    try self.init(config, options, environment: environment, log: log)
  }

  /// Puts together what a config that was read already names; opens and starts nothing.
  private init(
    _ config: Config, _ options: Options, environment: [String: String],
    log: @escaping @Sendable (String) -> Void
  ) throws(Failure) {
    let parts = Composition(
      config, patience: options.storePatience, warn: { log("canary: warning: \($0)") })
    if options.checksTemplates {
      do throws(Problems) {
        try parts.checkTemplates()
      } catch {
        throw Self.unusable(error)
      }
    }
    self.config = config
    self.environment = environment
    self.log = log
    states = parts.states
    changes = parts.changes
    history = parts.history
    logs = parts.logs
    router = parts.router
    renderer = parts.renderer
    leases = parts.leases
    executor = options.former?.executor ?? ThreadExecutor()
    clock = SystemClock(executor: executor)
    live = options.former?.live ?? LiveConfig(config)
    live.config = config
    actor = ThisProcess.actor(environment: environment)
    watchers = Watchers(in: config.run)
  }

  private static func unusable(_ problems: Problems) -> Failure {
    let count = problems.list.count
    let lines = problems.list.map { "  \($0)" }.joined(separator: "\n")
    return Failure(
      .wrong,
      "the config cannot be used (\(count) \(count == 1 ? "fault" : "faults")):\n\(lines)",
      hint: "Nothing was touched.")
  }

  // MARK: services

  /// The service of that name; a wrong name is answered with the nearest right one.
  package func service(named text: String) throws(Failure) -> Service {
    if let name = ServiceName(text), let service = config.service(name) { return service }
    let known = config.services.map(\.name.text)
    let advice =
      Spelling.nearest(to: text, among: known).map { "did you mean '\($0)'?" }
      ?? "the config has: \(known.joined(separator: ", "))"
    throw Failure(.wrong, "there is no service '\(Text.sanitized(text))'; \(advice)")
  }

  /// The state of a service that was never saved: what the config says, and no generation below one that is on disk.
  package func first(_ service: Service) async -> ServiceState {
    var state = ServiceState(
      service: service.name, stable: service.stable,
      other: service.pools.first { $0.name != service.stable }?.name)
    if let found = await router.observe(service.name, .header).header {
      state.generation = found.generation
    }
    return state
  }

  /// The state as it is saved; of a service that was never saved, its first one.
  package func load(_ service: Service) async throws(Failure) -> ServiceState {
    do throws(StoreError) {
      // A command that only looks must not make a store.
      if let state = try await states.peek(service.name) { return state }
      return try await desk.beginning { await first(service) }
    } catch {
      throw Failure(error)
    }
  }

  /// The rollout of that number, or the newest; throws where there is none.
  package func record(_ service: Service, _ number: String?) async throws(Failure) -> RolloutRecord
  {
    let wanted = number.flatMap(Int.init)
    guard number == nil || wanted != nil else {
      throw Failure(
        .wrong, "a rollout has a number (found '\(Text.sanitized(number ?? ""))')")
    }
    let newest: RolloutRecord?
    let found: RolloutRecord?
    do throws(StoreError) {
      newest = try await history.history(service.name, limit: 1).first
      if let wanted {
        found = try await history.record(service.name, rollout: wanted)
      } else {
        found = newest
      }
    } catch {
      throw Failure(error)
    }
    if let found { return found }
    let hint = newest.map { "; the newest is \($0.rollout.number)" } ?? " yet"
    throw Failure(.wrong, "\(service.name) has no rollout\(wanted.map { " \($0)" } ?? "")\(hint)")
  }

  // MARK: events

  package var desk: Desk {
    Desk(store: states, clock: clock) { [live] service in
      GrowthRules(calendar: live.calendar(of: service))
    }
  }

  /// The decision on an event, saved; a refusal ends the command, unless it says that there is nothing to do.
  ///
  /// `patience` waits out a moment in which the rollout is busy with something else.
  @discardableResult
  package func take(
    _ event: Event, _ service: Service, patience: Span = .zero
  ) async throws(Failure) -> Decision {
    let start = clock.now()
    while true {
      let decision = try await submit(event, service)
      switch decision.refusal {
      case .busy(let why)?:
        if clock.now() - start < patience {
          await clock.sleep(until: clock.now() + .seconds(0.1))
          continue
        }
        throw Failure(
          .busy, why, hint: "Nothing was touched. See: canary status \(service.name)")
      case .wrong(let why)?:
        throw Failure(.wrong, "\(service.name): \(why)", hint: "Nothing was touched.")
      case .nothing?, nil: return decision
      }
    }
  }

  /// The decision on an event, saved unless it is a refusal; throws where the store cannot be used.
  package func submit(_ event: Event, _ service: Service) async throws(Failure) -> Decision {
    do throws(StoreError) {
      return try await desk.submit(event, for: service.name, first: { await first(service) })
        .decision
    } catch {
      let fault = Failure(error).fault
      let hint = [fault.hint, "Nothing was touched."].compactMap(\.self).joined(separator: ". ")
      throw Failure(.outside, fault.fact, hint: hint)
    }
  }

  // MARK: parts

  /// Sources of measurements, with readers of the access logs of their own.
  package var sources: any MetricSource {
    MetricSources(
      config: config, store: logs, clock: clock, executor: executor, environment: environment)
  }

  package var hooks: HookRunner { HookRunner(folder: "\(config.state)/hooks", clock: clock) }

  /// `runsHooks` is false for a revert, which waits for nothing.
  package func driver(_ service: Service, runsHooks: Bool = true, bell: Bell? = nil) -> Driver {
    let snapshot = LiveSnapshotFile(service.name, watchers)
    return Driver(
      service: service.name, first: { await first(service) }, desk: desk, executor: executor,
      router: router, source: sources, jobs: runsHooks ? hooks : nil, bell: bell,
      log: { [log] in log("canary: \($0)") },
      saw: { [clock] in snapshot.saw($0, at: clock.now()) })
  }
}
