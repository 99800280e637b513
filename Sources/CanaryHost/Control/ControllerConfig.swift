internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// Which config the controller of the host drives by: a rollout that another one asks for would be
/// a mixture of both.
package enum ControllerConfig {
  /// Says by which config this controller drives, from now on.
  ///
  /// Where it cannot be said, nobody is refused.
  package static func publish(_ world: World) {
    guard let digest = world.config.digest else { return }
    try? Files.replace(
      world.config.run.controllerConfig, with: digest + "\n", mode: 0o644, isSynced: false)
  }

  /// Throws when the controller drives by another config than this process has read.
  package static func requireSame(_ world: World) throws(Failure) {
    guard let pid = world.leases.holder(.controller), let ours = world.config.digest,
      let theirs = Files.ownContents(world.config.run.controllerConfig, limit: 256)?.firstLine,
      theirs != ours
    else { return }
    throw differs(world.config.file, pid: pid)
  }

  static func differs(_ file: String, pid: Int32) -> Failure {
    Failure(
      .outside, "the controller (pid \(pid)) drives by another config than \(file) is now",
      hint:
        "Nothing was begun. Let it read the file: systemctl reload canary, or kill -HUP \(pid); then promote again"
    )
  }
}
