internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// The adapters for store, leases, router and renderer, made from a config; other files see only
/// their ports.
struct Composition {
  let states: any StateStore
  let changes: any ChangeFeed
  let history: any HistoryStore
  let logs: any LogStore
  let router: any Router
  let renderer: any Renderer
  let leases: any Leases
  private let config: Config
  private let templates: LazyTemplates

  /// Opens and reads no file yet.
  ///
  /// `patience` bounds each wait for a lock of the store; `warn` receives one warning for the
  /// operator at a time. With `readsOnly` the store is never written.
  init(
    _ config: Config, patience: Span, readsOnly: Bool, warn: @escaping @Sendable (String) -> Void
  ) {
    self.config = config
    let store = SQLiteStore(folder: config.state, patience: patience, readsOnly: readsOnly)
    states = store
    changes = store
    history = store
    logs = store
    leases = FileLeases(config.run)
    templates = LazyTemplates(folder: config.templates)
    renderer = NginxRenderer(config: config, templates: templates)
    router = NginxRouter(config: config, renderer: renderer, warn: warn)
  }

  /// Loads the templates, and renders one service with them if they are your own.
  ///
  /// So a faulty template is reported before anything is touched. Throws every fault found.
  func checkTemplates() throws(Problems) {
    let templates = try templates.load()
    guard config.templates != nil, let service = config.services.first else { return }
    let rules = RoutingRules(service, .resting(on: service.stable), zone: config.nginx.zone)
    _ = try templates.render(rules, in: config, generation: Generation(0))
  }
}
