package import CanaryCore
internal import Synchronization

/// The config that this process uses now; a reload replaces it.
package final class LiveConfig: Sendable {
  private let value: Mutex<Config>
  package init(_ config: Config) { value = Mutex(config) }

  package var config: Config {
    get { value.withLock { $0 } }
    set { value.withLock { $0 = newValue } }
  }

  /// The windows in which the service may grow, by the config as it is now; without limits for an
  /// unknown service.
  package func calendar(of service: ServiceName) -> Calendar {
    value.withLock { $0.calendar(of: service) } ?? Calendar()
  }
}
