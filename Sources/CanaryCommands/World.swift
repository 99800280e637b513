internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import Synchronization

/// Everything a command works with, put together in one place from the config.
struct World: Sendable {
  let config: Config
  let output: Output
  let actor: Actor
  let clock = SystemClock()
  let store: SQLiteStore
  let router: NginxRouter
  /// The config as it is now: a controller that was told to read it anew goes by this one's windows at once.
  let live: LiveConfig
  private let watchers: Watchers
  private let environment: [String: String]

  /// Reads the config and the templates; every fault of both is told at once, with exit 2.
  init(
    _ arguments: Arguments, output: Output, storePatience: Span = .seconds(5),
    live: LiveConfig? = nil
  ) throws(Failure) {
    environment = Who.environment
    do throws(Problems) {
      let path = try ConfigFile.find(named: arguments["--config"], environment: environment)
      config = try ConfigFile.read(path)
      let templates = try TemplateFiles.load(folder: config.templates)
      // The user's own templates are tried on one service, so that their faults are found before anything is touched.
      if config.templates != nil, let service = config.services.first {
        let routing = Routing(
          stable: service.stable, canary: nil, weight: .none, brake: service.stable, fallback: true)
        let choice = Choice(service, routing, zone: config.nginx.zone)
        _ = try templates.render(choice, in: config, generation: Generation(0))
      }
      router = NginxRouter(config: config, templates: templates) {
        output.err("canary: warning: \($0)")
      }
    } catch {
      let count = error.list.count
      let lines = error.list.map { "  \($0)" }.joined(separator: "\n")
      throw Failure(
        .wrong,
        "the config cannot be used (\(count) \(count == 1 ? "fault" : "faults")):\n\(lines)\nNothing was touched."
      )
    }
    self.live = live ?? LiveConfig(config)
    self.live.config = config
    self.output = output
    actor = Who.actor(environment: environment)
    watchers = Watchers(in: config.run)
    store = SQLiteStore(folder: config.state, patience: storePatience)
  }

  /// The service that was named; a wrong name is answered with the nearest right one.
  func service(_ arguments: Arguments) throws(Failure) -> Service {
    let text = arguments.service ?? ""
    if let name = Name(text), let service = config.service(name) { return service }
    let known = config.services.map(\.name.text)
    let advice =
      Spelling.nearest(to: text, among: known).map { "did you mean '\($0)'?" }
      ?? "the config has: \(known.joined(separator: ", "))"
    throw Failure(.wrong, "there is no service '\(Text.shown(text))'; \(advice)")
  }

  /// The state of a service that was never saved: what the config says, and no generation below one that is on disk.
  func first(_ service: Service) -> ServiceState {
    var state = ServiceState(
      service: service.name, stable: service.stable,
      other: service.pools.first { $0.name != service.stable }?.name)
    if let found = router.onDisk(service.name) { state.generation = found.generation }
    return state
  }

  func load(_ service: Service) async throws(Failure) -> ServiceState {
    do throws(StoreError) {
      // A command that only looks must not make a store.
      if let state = try await store.peek(service.name) { return state }
      return try await desk.beginning { first(service) }
    } catch {
      throw failure(error)
    }
  }

  func failure(_ error: StoreError) -> Failure {
    switch error {
    case .conflict: Failure(.outside, "the state changes faster than it can be saved; try again")
    case .unavailable(let why): Failure(.outside, why)
    }
  }

  var desk: Desk {
    Desk(store: store, clock: clock) { [live] service in
      Rules(calendar: live.calendar(of: service))
    }
  }
  var hooks: HookRunner { HookRunner(folder: "\(config.state)/hooks", clock: clock) }
  func driveLock(_ service: Name) -> String { "\(config.run)/\(service).drive" }
  var controllerLock: String { "\(config.run)/controller.lock" }
  var noticeLock: String { "\(config.run)/notices.lock" }

  /// The rollout of that number, or the newest.
  func record(_ service: Service, _ number: String?) async throws(Failure) -> RolloutRecord {
    let wanted = number.flatMap(Int.init)
    guard number == nil || wanted != nil else {
      throw Failure(.wrong, "a rollout has a number (found '\(Text.shown(number ?? ""))')")
    }
    let newest: RolloutRecord?
    let found: RolloutRecord?
    do throws(StoreError) {
      newest = try await store.history(service.name, limit: 1).first
      found =
        wanted == nil ? newest : try await store.record(service.name, rollout: wanted ?? 0)
    } catch {
      throw failure(error)
    }
    if let found { return found }
    let hint = newest.map { "; the newest is \($0.rollout.number)" } ?? " yet"
    throw Failure(.wrong, "\(service.name) has no rollout\(wanted.map { " \($0)" } ?? "")\(hint)")
  }

  /// `runsHooks` is false for a revert, which waits for nothing.
  func driver(_ service: Service, runsHooks: Bool = true, bell: Bell? = nil) -> Driver {
    let glance = GlanceFile(service.name, watchers)
    return Driver(
      service: service.name, first: { first(service) }, desk: desk, router: router,
      source: MetricSources(
        config: config, store: store, clock: clock, environment: environment),
      jobs: runsHooks ? hooks : nil, bell: bell,
      log: { [output] in output.err("canary: \($0)") },
      saw: { [clock] in glance.saw($0, at: clock.now()) })
  }
}

/// The config that a process goes by now.
final class LiveConfig: Sendable {
  private let value: Mutex<Config>
  init(_ config: Config) { value = Mutex(config) }
  var config: Config {
    get { value.withLock { $0 } }
    set { value.withLock { $0 = newValue } }
  }

  /// Asked at each event of a rollout.
  func calendar(of service: Name) -> Calendar {
    value.withLock { $0.calendar(of: service) } ?? Calendar()
  }
}
