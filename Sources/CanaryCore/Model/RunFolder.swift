/// Every path in the folder `run`: brake flags, sockets, locks and snapshots.
///
/// Nginx must see the folder under the same path. The names are a contract with scripts, with Nginx
/// and with other versions of canary that run at the same time.
package struct RunFolder: Hashable, Sendable, CustomStringConvertible {
  package let path: String

  package init(_ path: String) { self.path = path }

  package var description: String { path }

  // MARK: the brake

  private static let brakeSuffix = ".brake"

  /// The brake flag: while this file exists, every new request of the service goes to
  /// `Routing.brake`.
  package func brake(_ service: ServiceName) -> String { "\(path)/\(service)\(Self.brakeSuffix)" }

  /// A flag that is ready to be renamed to `brake`.
  package func spareBrake(_ service: ServiceName) -> String { "\(path)/.\(service).brake.spare" }

  /// The service that a brake flag of this file name belongs to; nil for any other file name.
  package static func service(ofBrake name: String) -> ServiceName? {
    name.hasSuffix(brakeSuffix) ? ServiceName(String(name.dropLast(brakeSuffix.count))) : nil
  }

  /// While this file exists, the brake of a weighted group leads to stable, also by a text that
  /// names the pool before the last promotion.
  package func stays(_ service: ServiceName) -> String { "\(path)/\(service).stays" }

  // MARK: the relays of a TCP service

  /// The socket on which Nginx takes connections for one pool of a TCP service.
  package func relay(_ service: ServiceName, _ pool: PoolName) -> String {
    "\(path)/\(service).\(pool)\(Self.relaySuffix)"
  }
  private static let relaySuffix = ".relay.sock"
  /// The name of that socket while the brake of a promotion is on.
  package func relayAside(_ service: ServiceName, _ pool: PoolName) -> String {
    "\(relay(service, pool)).off"
  }
  /// The socket of a text that 0.1.0 wrote, for whichever pool the brake led away from.
  package func formerRelay(_ service: ServiceName) -> String {
    "\(path)/\(service).relay.sock"
  }

  /// A link to the `relay` of a pool, by which Nginx connects to it; the brake takes it away.
  ///
  /// Nginx makes its sockets anew when it starts, but no link.
  package func way(_ service: ServiceName, _ pool: PoolName) -> String {
    "\(path)/\(service).\(pool)\(Self.waySuffix)"
  }
  private static let waySuffix = ".way"

  /// The pool whose `way` or `relay` a file of this name is; nil for any other file name.
  package static func pool(ofWay name: String, _ service: ServiceName) -> PoolName? {
    for suffix in [waySuffix, relaySuffix]
    where name.hasPrefix("\(service).") && name.hasSuffix(suffix) {
      return PoolName(String(name.dropFirst(service.text.count + 1).dropLast(suffix.count)))
    }
    return nil
  }

  // MARK: seats

  /// The folder of a service's sets of seats, with one folder for each pair of pools in it.
  package func seats(_ service: ServiceName) -> String { "\(path)/seats/\(service)" }

  /// The name of the folder of a pair of pools: stable's name first.
  ///
  /// No name of a pool has a dot.
  package static func pair(_ stable: PoolName, _ other: PoolName) -> String {
    "\(stable).\(other)"
  }

  /// The name of the set in force within the folder of a pair.
  package static let setInForce = "now"

  // MARK: sockets on which running workers answer with their generation

  package var probe: String { "\(path)/probe.sock" }
  package func probe(tcp service: ServiceName) -> String { "\(path)/\(service).probe.sock" }

  /// The socket on which people ask the controller.
  package var control: String { "\(path)/control.sock" }

  /// What the controller says of the config that it drives by.
  package var controllerConfig: String { "\(path)/controller.config" }

  // MARK: copies

  /// The folder that Nginx makes and that only its workers may enter, as one of its own for
  /// temporary files.
  package var copiesFolder: String { "\(path)/copies" }
  /// The socket to which copies of requests are sent.
  ///
  /// Whoever reaches it can send requests to the canary that count for the gates of copies.
  package var copies: String { "\(copiesFolder)/in" }

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

  /// Where the other folders of this installation are.
  package var installed: String { "\(path)/installed.json" }

  // MARK: watchers

  /// The file with the latest snapshot of a service by its driver.
  package func snapshot(_ service: ServiceName) -> String { "\(path)/\(service).glance" }
  /// A file that watching commands touch: drivers write snapshots only while its time is recent.
  package var watched: String { "\(path)/watched" }
}

/// A task that one process of the host at a time may do; each has its lock file.
package enum LeaseRight: Hashable, Sendable {
  case drive(ServiceName)
  /// To drive all services.
  case controller
  /// To send notices to receivers.
  case notices
  /// To write the status page and the metrics.
  case publishing
  /// To write generated files and reload Nginx.
  case installing
}
