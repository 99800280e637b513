internal import CanaryAdapters
package import CanaryCore
package import CanaryDriver

/// Every part that a process on this host works with, built from the config.
package struct World: Sendable {
  package let config: Config
  /// The person or program that runs this process.
  package private(set) var actor: Actor
  package let clock: any WallClock
  package let states: any StateStore
  package let changes: any ChangeFeed
  package let history: any HistoryStore
  package let logs: any LogStore
  package let router: any Router
  package let renderer: any Renderer
  package let leases: any Leases
  /// Receives messages for the operator, one line at a time.
  package let log: @Sendable (String) -> Void
  /// The config as it is now.
  ///
  /// Drives that started before a reload use its windows at once.
  package let live: LiveConfig
  /// The one thread of this process's drivers.
  package let executor: ThreadExecutor
  /// The way to the controller, for a person who may not write its store; nil: not needed, or there
  /// is no controller.
  package let control: ControlClient?
  let watchers: Watchers
  let environment: [String: String]

  /// What differs between commands.
  package struct Options: Sendable {
    /// Bounds each wait for a lock of the store.
    package var storePatience = Span.seconds(5)
    /// True for a command that only looks: it needs no right to write.
    package var looksOnly = false
    /// False for a revert: it must work where the templates are broken.
    package var checksTemplates = true
    /// The one service that is read, if the config has it; nil: all.
    package var only: String?
    /// The world before a reload of the config; its thread and live config are kept.
    package var former: World?
    /// False for the controller, which nobody else can be asked for.
    package var asksController = true

    package init() {}

    /// For a command that only looks.
    package static var looking: Options {
      var options = Options()
      options.looksOnly = true
      return options
    }
  }

  /// Reads the config file that is named, otherwise the first of the usual places.
  ///
  /// Throws every fault of the config, or every fault of the templates, at once, with exit 2.
  package init(
    configFile named: String?, _ options: Options = Options(),
    log: @escaping @Sendable (String) -> Void
  ) throws(Failure) {
    let environment = ThisProcess.environment
    let config: Config
    do throws(Problems) {
      config = try ConfigFile.read(
        try ConfigFile.find(named: named, environment: environment), only: options.only)
    } catch {
      throw Self.unusable(error)
    }
    try self.init(config, options, environment: environment, log: log)
  }

  /// The world of a service that is installed, for a revert whose config cannot be used; nil: there
  /// is no trace of the service.
  package init?(
    installed service: ServiceName, configFile named: String?, _ options: Options,
    log: @escaping @Sendable (String) -> Void
  ) {
    let environment = ThisProcess.environment
    let file = ConfigFile.place(named: named, environment: environment)
    guard let config = InstalledConfig.find(service, file: file) else { return nil }
    do throws(Failure) {
      try self.init(config, options, environment: environment, log: log)
    } catch {
      return nil
    }
  }

  /// Builds the parts for a config that was read already; starts nothing.
  private init(
    _ config: Config, _ options: Options, environment: [String: String],
    log: @escaping @Sendable (String) -> Void
  ) throws(Failure) {
    actor = ThisProcess.actor(environment: environment)
    control =
      options.asksController
      ? ControlClient(config, environment: environment, origin: actor.origin) : nil
    // Who asks the controller may only read its store.
    let parts = Composition(
      config, patience: options.storePatience, readsOnly: options.looksOnly || control != nil,
      warn: { log("canary: warning: \($0)") })
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
    watchers = Watchers(in: config.run)
  }

  /// The same world for somebody who asks this process, with a connection of its own to the store:
  /// so what is saved by it rings the bell of the drivers.
  package func apart(as actor: Actor) throws(Failure) -> World {
    var options = Options()
    options.checksTemplates = false
    options.former = self
    options.asksController = false
    var world = try World(config, options, environment: environment, log: log)
    world.actor = actor
    return world
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

  /// The service with that name; throws a `Failure` that suggests the nearest right name.
  package func service(named text: String) throws(Failure) -> Service {
    if let name = ServiceName(text), let service = config.service(name) { return service }
    let known = config.services.map(\.name.text)
    let advice =
      Spelling.nearest(to: text, among: known).map { "did you mean '\($0)'?" }
      ?? "the config has: \(known.joined(separator: ", "))"
    throw Failure(.wrong, "there is no service '\(Text.sanitized(text))'; \(advice)")
  }

  /// The first state of a service that was never saved.
  ///
  /// By what is installed, so that a lost store neither moves traffic nor counts from 0 again; by the
  /// config where nothing is.
  package func first(_ service: Service) async -> ServiceState {
    let seen = await router.observe(service.name, .header)
    let isBraked = await router.brakeNote(service.name) != nil
    let stable = servedPool(service, seen, isBraked: isBraked) ?? service.stable
    var state = ServiceState(
      service: service.name, stable: stable,
      other: service.pools.first { $0.name != stable }?.name)
    if let found = seen.header { state.generation = found.generation }
    return state
  }

  /// The pool to which the installed files lead by themselves; nil: none, or one that the config does
  /// not have.
  ///
  /// A brake within `retain` of a promotion leads to the pool before it.
  private func servedPool(
    _ service: Service, _ seen: RouterObservation, isBraked: Bool
  ) -> PoolName? {
    guard let routing = seen.header?.routing else { return nil }
    let isFlag = seen.header?.hasSeats == false && isBraked
    let isBack = seen.brakePool != routing.stable && (seen.meetsCanary || isFlag)
    return [isBack ? seen.brakePool : nil, routing.stable].compactMap(\.self).first {
      service.pool($0) != nil
    }
  }

  /// The state as saved; the first state of a service that was never saved.
  package func load(_ service: Service) async throws(Failure) -> ServiceState {
    do throws(StoreError) {
      // `peek`, because a command that only looks must not create a store.
      if let state = try await states.peek(service.name) { return state }
      return try await desk.beginning { await first(service) }
    } catch {
      throw Failure(error)
    }
  }

  /// The rollout with that number, nil: the newest; throws when there is none.
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

  /// The desk that saves decisions on events, under the config as it is now.
  package var desk: Desk {
    Desk(store: states, clock: clock) { [live] service in
      GrowthRules(
        calendar: live.calendar(of: service),
        leavesText: live.config.service(service)?.routesBySeats ?? false)
    }
  }

  /// The saved decision on an event.
  ///
  /// Throws a refusal as a `Failure`, unless it says that there is nothing to do. A refusal because
  /// the rollout is busy is retried for as long as `patience`.
  @discardableResult
  package func take(
    _ event: Event, _ service: Service, patience: Span = .zero
  ) async throws(Failure) -> Decision {
    let start = clock.uptime()
    let hint = "Nothing was touched. See: canary status \(service.name)"
    while true {
      let decision = try await submit(event, service)
      switch decision.refusal {
      case .busy(let why)?:
        if clock.uptime() - start < patience {
          await clock.sleep(until: clock.now() + .seconds(0.1))
          continue
        }
        throw Failure(.busy, why, hint: hint)
      case .wrong(let why)?:
        throw Failure(.wrong, "\(service.name): \(why)", hint: hint)
      case .nothing?, nil: return decision
      }
    }
  }

  /// The decision on an event, saved unless it is a refusal; throws when the store cannot be used.
  ///
  /// A person who may not write the store asks the controller to.
  package func submit(_ event: Event, _ service: Service) async throws(Failure) -> Decision {
    if let control, let request = ControlRequest(event, of: service.name) {
      guard let decision = try await control.ask(request).decision else {
        throw Failure(.outside, "the controller did not say what it decided")
      }
      return decision
    }
    do throws(StoreError) {
      return try await desk.submit(event, for: service.name, first: { await first(service) })
        .decision
    } catch {
      let fault = Failure(error).fault
      let hint = [fault.hint, "Nothing was touched."].compactMap(\.self).joined(separator: ". ")
      throw Failure(.outside, fault.fact, hint: hint)
    }
  }

  /// Freezes services that the config gets later; nil: no longer does.
  package func freezeLater(_ freeze: Freeze?) async throws(Failure) {
    if let control {
      _ = try await control.ask(ControlRequest(later: freeze))
      return
    }
    do throws(StoreError) {
      try await states.freezeAll(freeze)
    } catch {
      throw Failure(
        .outside, Failure(error).fault.fact,
        hint:
          "It holds for the services of the config, but not for those that come later: try again")
    }
  }
}
