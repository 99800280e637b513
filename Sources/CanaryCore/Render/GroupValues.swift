// The servers of an upstream group, and when another pool's stand behind them.
extension RenderValues {
  func row(_ server: Server, weight: Int, backup: Bool = false, maxFails: Int)
    -> [String: Template.Value]
  {
    let isBackup = backup || server.isBackup
    return [
      "address": .text(server.address), "server_weight": .text("\(weight)"),
      "max_fails": .text("\(server.maxFails ?? maxFails)"),
      "fail_timeout": .text("\(max(1, server.failTimeout.milliseconds / 1000))s"),
      "max_conns": .text(server.maxConns.map { " max_conns=\($0)" } ?? ""),
      "backup": .text((server.isDown ? " down" : "") + (isBackup ? " backup" : "")),
    ]
  }

  /// Whether the config names answers that are tried again.
  ///
  /// Nginx has one list for all servers of a group: an answer that stable gives on each of its
  /// servers would be asked of the fallback as well, as if stable were down.
  private var retriesAnswers: Bool {
    ([service.proxying] + service.routes.map(\.proxying)).contains { proxying in
      proxying.retry.contains { !["error", "timeout", "non_idempotent", "off"].contains($0) }
    }
  }

  /// Whether the other pool takes over requests while stable is entirely down.
  ///
  /// Not in a stage of weight 0: that canary is for selected clients, not for the retries of all
  /// others.
  var fallsBack: Bool {
    service.proxying.fallback && routing.fallback && routing.canary != nil && routing.isClean
      && service.pool(routing.stable)?.allowsBackup != false && !choice.isYours(.canary)
      && !retriesAnswers
  }
}
