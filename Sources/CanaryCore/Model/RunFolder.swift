/// Every path of the folder `run`: brake flags, locks, sockets, and what drivers tell those who watch.
///
/// Nginx must see the folder under the same path. Its names are part of the contract with scripts, with Nginx and with
/// programs of other versions that run at the same time.
package struct RunFolder: Hashable, Sendable, CustomStringConvertible {
  package let path: String

  package init(_ path: String) { self.path = path }

  package var description: String { path }

  // MARK: the brake

  private static let brakeSuffix = ".brake"

  /// While this file exists, every new request of the service goes to stable.
  package func brake(_ service: ServiceName) -> String { "\(path)/\(service)\(Self.brakeSuffix)" }

  /// The service whose flag a file of this name is; nil for any other file.
  package static func service(ofBrake name: String) -> ServiceName? {
    name.hasSuffix(brakeSuffix) ? ServiceName(String(name.dropLast(brakeSuffix.count))) : nil
  }

  /// The socket that leads to the canary of a TCP service; the brake takes its name away.
  package func relay(_ service: ServiceName) -> String { "\(path)/\(service).relay.sock" }
  /// The name that the socket has meanwhile.
  package func relayAside(_ service: ServiceName) -> String { "\(relay(service)).off" }

  // MARK: sockets on which running workers tell what they serve

  package var probe: String { "\(path)/probe.sock" }
  package func probe(tcp service: ServiceName) -> String { "\(path)/\(service).probe.sock" }

  // MARK: locks

  package func lock(_ right: LeaseRight) -> String {
    switch right {
    case .drive(let service): "\(path)/\(service).drive"
    case .controller: "\(path)/controller.lock"
    case .notices: "\(path)/notices.lock"
    case .publishing: "\(path)/publish.lock"
    case .installing: "\(path)/install.lock"
    }
  }

  // MARK: those who watch

  /// What the driver of a service sees now.
  package func snapshot(_ service: ServiceName) -> String { "\(path)/\(service).glance" }
  /// Touched by whoever watches.
  package var watched: String { "\(path)/watched" }
}

/// What one process of a host at a time may do.
package enum LeaseRight: Hashable, Sendable {
  case drive(ServiceName)
  /// To drive all services.
  case controller
  /// To tell receivers of notices.
  case notices
  /// To write the status page and the metrics.
  case publishing
  /// To write generated files and reload Nginx.
  case installing
}
