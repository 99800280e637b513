internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// Where the concrete adapters are put together; no other file outside of `CanaryAdapters` names one.
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

  /// Opens and reads nothing; `patience` bounds each wait for a lock of the store, `warn` hears what is worth knowing.
  init(_ config: Config, patience: Span, warn: @escaping @Sendable (String) -> Void) {
    self.config = config
    let store = SQLiteStore(folder: config.state, patience: patience)
    states = store
    changes = store
    history = store
    logs = store
    leases = FileLeases(config.run)
    templates = LazyTemplates(folder: config.templates)
    renderer = NginxRenderer(config: config, templates: templates)
    router = NginxRouter(config: config, renderer: renderer, warn: warn)
  }

  /// Tries the templates, the user's own on one service, so that their faults are found before anything is touched.
  func checkTemplates() throws(Problems) {
    let templates = try templates.load()
    guard config.templates != nil, let service = config.services.first else { return }
    let rules = RoutingRules(service, .resting(on: service.stable), zone: config.nginx.zone)
    _ = try templates.render(rules, in: config, generation: Generation(0))
  }
}
