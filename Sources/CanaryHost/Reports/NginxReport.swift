internal import CanaryAdapters
internal import CanaryCore
package import CanaryDriver

/// Facts about Nginx beside the configuration that it serves.
package enum NginxReport {
  /// A sentence for each that is worth one.
  static func workers(_ world: World, _ workers: [Worker]?) -> [String] {
    [leaving(world, workers), masters(workers)].compactMap(\.self)
  }

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

  /// The masters that take requests, where a binary upgrade has begun and not ended; nil: there is
  /// one.
  package static func masters(_ workers: [Worker]?) -> String? {
    let masters = Set((workers ?? []).filter { !$0.isShuttingDown }.map(\.master)).sorted()
    guard masters.count > 1 else { return nil }
    return
      "\(masters.count) masters of Nginx take requests (\(masters.map(String.init).joined(separator: " and "))), as in a binary upgrade; end it before the next reload"
  }
}
