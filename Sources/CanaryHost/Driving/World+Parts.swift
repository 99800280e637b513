package import CanaryAdapters
package import CanaryCore
package import CanaryDriver

// What a process on this host makes of its world as it needs it.
extension World {
  /// Sources of measurements; each access makes new ones, with their own readers of the access
  /// logs.
  package var sources: any MetricSource {
    AuthorizedSources(
      MetricSources(
        config: config, store: logs, clock: clock, executor: executor, renderer: renderer,
        environment: environment),
      config: config, clock: clock)
  }

  /// Runs hooks, each once on this host, by notes in a folder of the state.
  package var hooks: HookRunner {
    HookRunner(
      folder: "\(config.state)/hooks", clock: clock, variables: config.environment
    ) { [config] in config.authorized($0) }
  }

  /// A driver of the service.
  ///
  /// `runsHooks` is false for a revert, which waits for no hook. Without `bell` the driver looks at
  /// the store and the flag by itself.
  package func driver(_ service: Service, runsHooks: Bool = true, bell: Bell? = nil) -> Driver {
    let snapshot = LiveSnapshotFile(service.name, watchers)
    return Driver(
      service: service.name, first: { await first(service) }, desk: desk, executor: executor,
      router: router, source: sources, jobs: runsHooks ? hooks : nil, bell: bell,
      log: { [log] in log("canary: \($0)") },
      saw: { [clock] in snapshot.saw($0, at: clock.now()) })
  }
}
