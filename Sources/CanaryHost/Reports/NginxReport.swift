internal import CanaryAdapters
internal import CanaryCore
package import CanaryDriver

/// Facts about Nginx beside the configuration that it serves.
package enum NginxReport {
  /// How many workers are still shutting down, the oldest one's age and Nginx's limit for them;
  /// nil: none are.
  package static func leaving(_ world: World, _ workers: [Worker]?) -> String? {
    let leaving = (workers ?? []).filter(\.isShuttingDown)
    guard let oldest = leaving.map(\.age).max() else { return nil }
    let limit = NginxMainFile(
      world.config.nginx.config, generated: world.config.nginx.include
    ).map {
      $0.workerShutdownTimeout.map { "worker_shutdown_timeout is \($0)" }
        ?? "worker_shutdown_timeout is not set, so they may stay as long as a client does"
    }
    let age = Span(milliseconds: oldest.milliseconds / 1000 * 1000)
    return
      "\(leaving.count) former worker\(leaving.count == 1 ? "" : "s") still finishing requests by an older configuration, the oldest \(age) old"
      + (limit.map { " (\($0))" } ?? "")
  }
}
