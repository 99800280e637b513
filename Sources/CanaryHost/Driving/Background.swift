internal import CanaryAdapters
internal import CanaryCore

/// Drives a service on in a process of its own, when the one that began it ends before the rollout does.
enum Background {
  static func drive(_ service: ServiceName, config: String) throws(SpawnError) {
    _ = try Spawn.detach(
      [ThisProcess.program, "__drive", service.text, "--config", config], input: nil, output: nil)
  }

  /// Tells receivers of notices what is left to tell, when nobody stays who would.
  static func notify(config: String) throws(SpawnError) {
    _ = try Spawn.detach(
      [ThisProcess.program, "__notify", "--config", config], input: nil, output: nil)
  }

  /// Brings the status page and the metrics up to date, when nobody stays who would.
  static func publish(config: String) throws(SpawnError) {
    _ = try Spawn.detach(
      [ThisProcess.program, "__publish", "--config", config], input: nil, output: nil)
  }
}
