internal import CanaryAdapters
package import CanaryCore

/// Starts detached processes that finish what this one leaves behind when it ends.
package enum Background {
  /// Starts `canary __announce`, which tells everybody of a brake that was put on.
  package static func announce(
    _ service: ServiceName, rollout: Int?, _ reason: String, config: String
  ) throws(Failure) {
    do throws(SpawnError) {
      _ = try Spawn.detach(
        [ThisProcess.program, "__announce", service.text, rollout.map(String.init) ?? "-", reason]
          + ["--config", config], input: nil, output: nil)
    } catch {
      throw Failure(.outside, "\(error)")
    }
  }

  /// Starts `canary __drive`, which drives the service's rollout to its end.
  static func drive(_ service: ServiceName, config: String) throws(SpawnError) {
    _ = try Spawn.detach(
      [ThisProcess.program, "__drive", service.text, "--config", config], input: nil, output: nil)
  }

  /// Starts `canary __notify`, which sends the notices that are not sent yet.
  static func notify(config: String) throws(SpawnError) {
    _ = try Spawn.detach(
      [ThisProcess.program, "__notify", "--config", config], input: nil, output: nil)
  }

  /// Starts `canary __publish`, which writes the status page and the metrics once.
  static func publish(config: String) throws(SpawnError) {
    _ = try Spawn.detach(
      [ThisProcess.program, "__publish", "--config", config], input: nil, output: nil)
  }
}
