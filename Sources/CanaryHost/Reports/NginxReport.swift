internal import CanaryAdapters
internal import CanaryCore
package import CanaryDriver

/// What is worth saying about Nginx beside what it serves.
package enum NginxReport {
  /// Workers still shutting down, with the oldest one's age and the limit that Nginx has for them; nil when there are none.
  package static func leaving(_ world: World, _ workers: [Worker]?) -> String? {
    let leaving = (workers ?? []).filter(\.isShuttingDown)
    guard let oldest = leaving.map(\.age).max() else { return nil }
    let limit = NginxMainFile(world.config.nginx.config).map {
      $0.workerShutdownTimeout.map { "worker_shutdown_timeout is \($0)" }
        ?? "worker_shutdown_timeout is not set, so they may stay as long as a client does"
    }
    let age = Span(milliseconds: oldest.milliseconds / 1000 * 1000)
    return
      "\(leaving.count) former worker\(leaving.count == 1 ? "" : "s") still finishing requests by an older configuration, the oldest \(age) old"
      + (limit.map { " (\($0))" } ?? "")
  }
}
