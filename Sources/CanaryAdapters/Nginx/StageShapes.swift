internal import CanaryCore

/// Chooses which stages of which services to show Nginx, so that one look at a configuration covers
/// what a thousand would.
///
/// Stages that differ only in a weight between the ends, of services that differ only in numeric
/// addresses and in a name of the same length, are one shape: Nginx judges their texts alike. At
/// most one shape of a service is shown under its own name; what no service was chosen for is shown
/// under a name that stands in for it.
struct StageShapes {
  /// What is shown under its own name.
  private(set) var chosen: [(ServiceName, Routing)] = []
  /// What is left.
  private(set) var others: [(ServiceName, Routing)] = []
  private var covered: Set<Shape> = []
  private var pending: [(shape: Shape, service: ServiceName, routing: Routing)] = []

  private struct Shape: Hashable {
    let service: Service
    let routing: Routing
  }

  /// Adds a service with its stages.
  mutating func add(_ service: Service, _ stages: [Routing]) {
    let likeness = Self.likeness(of: service)
    var isChosen = false
    for routing in Self.distinct(stages) {
      let shape = Shape(service: likeness, routing: Self.kind(of: routing))
      guard !covered.contains(shape) else { continue }
      if isChosen {
        pending.append((shape, service.name, routing))
      } else {
        isChosen = true
        covered.insert(shape)
        chosen.append((service.name, routing))
      }
    }
  }

  /// After the last `add`.
  mutating func end() {
    for shape in pending where covered.insert(shape.shape).inserted {
      others.append((shape.service, shape.routing))
    }
    pending = []
  }

  /// Routings that make different texts: of weights between the ends only the first.
  static func distinct(_ routings: [Routing]) -> [Routing] {
    var seen: Set<Routing> = []
    return routings.filter { seen.insert(kind(of: $0)).inserted }
  }

  private static func kind(of routing: Routing) -> Routing {
    guard routing.weight > .none, routing.weight < .all else { return routing }
    var kind = routing
    kind.weight = Weight(percent: 50) ?? routing.weight
    return kind
  }

  /// What services of one shape have in common.
  ///
  /// Listens, names and logs were tried at rest. A host's name stays: only a stage may name it.
  private static func likeness(of service: Service) -> Service {
    var likeness = service
    likeness.name = ServiceName(checked: String(repeating: "x", count: service.name.text.count))
    likeness.listen = service.listen.isEmpty ? [] : ["*"]
    likeness.serverNames = []
    likeness.accessLogs = []
    likeness.pools = service.pools.map { pool in
      let servers = pool.servers.map { server in
        let isNumeric = server.address.allSatisfy { $0.isNumber || ".:".contains($0) }
        return Server(
          address: isNumeric ? "0" : server.address, zone: server.zone, backend: server.backend)
      }
      return pool.with(servers)
    }
    return likeness
  }
}
