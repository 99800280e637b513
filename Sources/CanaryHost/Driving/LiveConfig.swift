package import CanaryCore
internal import Synchronization

/// The config that a process uses now.
package final class LiveConfig: Sendable {
  private let value: Mutex<Config>
  package init(_ config: Config) { value = Mutex(config) }

  package var config: Config {
    get { value.withLock { $0 } }
    set { value.withLock { $0 = newValue } }
  }

  /// Asked at each event of a rollout.
  package func calendar(of service: ServiceName) -> Calendar {
    value.withLock { $0.calendar(of: service) } ?? Calendar()
  }
}
