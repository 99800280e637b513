package import CanaryCore
package import CanaryDriver
internal import Glibc
internal import Synchronization

/// Routes by generated Nginx files: writes, tests, reloads and verifies them.
///
/// Nothing else in the program changes what Nginx serves, except for the brake.
package struct NginxRouter: Router {
  let config: Config
  let renderer: any Renderer
  /// Receives warnings for the operator that are no failures.
  private let warn: @Sendable (String) -> Void

  package init(
    config: Config, renderer: any Renderer, warn: @escaping @Sendable (String) -> Void
  ) {
    self.config = config
    self.renderer = renderer
    self.warn = warn
  }

  package func apply(
    _ service: ServiceName, _ routing: Routing, _ generation: Generation
  ) async throws(RouterError) {
    let stop = Stop()
    let fault = await withTaskCancellationHandler {
      await Blocking.run { () -> RouterError? in
        let installation = Installation(router: self, stop: stop, warn: warn)
        do throws(RouterError) {
          let request = RouterRequest(
            service: service, routing: routing, generation: generation)
          if routesBySeats(service) {
            try SeatInstallation(installation: installation, request: request).install()
          } else {
            try weigh(request, installation)
          }
          return nil
        } catch {
          return error
        }
      }
    } onCancel: {
      stop.request()
    }
    if let fault { throw fault }
  }

  package func apply(_ requests: [RouterRequest]) async -> [ServiceName: RouterError] {
    await Blocking.run {
      let installation = Installation(router: self, stop: Stop(), warn: warn)
      return faults(requests) { orders in
        // At rest there is no set: what a former rollout left must not meet the text that is new.
        var unready: [ServiceName: RouterError] = [:]
        var begun: [(sets: SeatInstallation, stops: Int)] = []
        for order in orders where routesBySeats(order.service) {
          let sets = SeatInstallation(installation: installation, request: order.request)
          let stops = sets.stops
          do throws(RouterError) {
            try sets.begin(since: stops)
            begun.append((sets, stops))
          } catch {
            unready[order.service] = error
          }
        }
        for order in orders where !routesBySeats(order.service) {
          do throws(RouterError) {
            try prepareGroup(order.request)
          } catch {
            unready[order.service] = error
          }
        }
        let faults = installation.install(orders.filter { unready[$0.service] == nil })
        for one in begun where faults[one.sets.request.service] == nil {
          one.sets.end(since: one.stops)
        }
        return faults.merging(unready) { $1 }
      }
    }
  }

  package func prepare(_ requests: [RouterRequest]) async -> [ServiceName: RouterError] {
    await Blocking.run {
      faults(requests, Installation(router: self, stop: Stop(), warn: warn).write)
    }
  }

  package func served(_ requests: [RouterRequest]) async -> Set<ServiceName> {
    await Blocking.run {
      let installation = Installation(router: self, stop: Stop(), warn: warn)
      let shared = installation.shared
      let orders = requests.compactMap { try? order($0) }.filter {
        installation.isInPlace($0, shared)
      }
      return installation.answering(orders)
    }
  }

  func order(_ request: RouterRequest) throws(RouterError) -> Installation.Order {
    Installation.Order(
      request: request,
      files: try renderer.render(request.service, request.routing, request.generation))
  }

  /// Renders the files of each service, and installs those that could be rendered.
  private func faults(
    _ requests: [RouterRequest],
    _ install: ([Installation.Order]) -> [ServiceName: RouterError]
  ) -> [ServiceName: RouterError] {
    var faults: [ServiceName: RouterError] = [:]
    var orders: [Installation.Order] = []
    for request in requests {
      do throws(RouterError) {
        orders.append(try order(request))
      } catch {
        faults[request.service] = error
      }
    }
    return orders.isEmpty ? faults : faults.merging(install(orders)) { $1 }
  }

  func routesBySeats(_ service: ServiceName) -> Bool {
    config.service(service)?.routesBySeats ?? false
  }

  /// Installs the text of one service, and throws why it is not served.
  func install(_ request: RouterRequest, by installation: Installation) throws(RouterError) {
    if let fault = faults([request], installation.install)[request.service] { throw fault }
  }

  // MARK: the brake

  package func brake(
    _ service: ServiceName, to pool: PoolName?, _ note: BrakeNote
  ) async throws(RouterError) {
    // The flag of a weighted group leads where the text says. Where that is not where it should, the
    // canary has not got anything yet.
    let header = header(service)
    if let pool, !Brake.leads(header, to: pool) { return }
    try refusing { () throws(FileError) in
      try Brake.put(config.run, service, to: pool, header: header, note)
    }
  }

  package func isInForce(
    _ service: ServiceName, _ routing: Routing, _ generation: Generation
  ) async -> Bool {
    guard let canary = routing.canary, !routing.isClean else { return true }
    if speaksTCP(service) { return RelayWays(config.run, service).isOpen(canary) }
    guard routesBySeats(service) else { return true }
    return SeatSets(config.run, service).has(generation, routing.stable, canary)
  }

  package func forgetFormer(_ service: ServiceName) async {
    SeatSets(config.run, service).forgetFormer()
  }

  package func release(_ service: ServiceName) async throws(RouterError) {
    try refusing { () throws(FileError) in
      try Brake.lift(config.run, service)
      try openWays(service)
    }
    SeatSets(config.run, service).close()
  }

  package func brakeNote(_ service: ServiceName) async -> BrakeNote? {
    Brake.note(config.run, service)
  }

  package func braked() async -> Set<ServiceName> { Set(Brake.services(in: config.run)) }

  // MARK: what is true

  package func observe(
    _ service: ServiceName, _ aspects: RouterAspects
  ) async -> RouterObservation {
    var seen = RouterObservation()
    if aspects.contains(.answer) { seen.answer = answer(service) }
    let main = config.mainFile(of: service)
    // Read once for all that is looked for in it: of ten thousand services, each look counts.
    lazy var text = Files.ownContents(main, isLinked: true)
    if aspects.contains(.header) {
      seen.header = text.flatMap(GeneratedHeader.init)
      if let header = seen.header, header.hasSeats, let routing = header.routing {
        let sets = SeatSets(config.run, service)
        seen.brakePool = sets.former(at: SystemClock.now) ?? routing.stable
        seen.meetsCanary = sets.meets(routing.stable, routing.canary ?? routing.stable)
      } else {
        let routing = seen.header?.routing
        seen.brakePool = Brake.stays(config.run, service) ? routing?.stable : routing?.brake
        seen.meetsCanary = seen.header?.routing?.isClean == false
      }
    }
    if aspects.contains(.edits) {
      seen.edits = GeneratedFiles.suffixes.map { renderer.path(service, $0) }.filter { path in
        let found = path == main ? text : Files.ownContents(path, isLinked: true)
        return found.map { !Seal.isWhole($0) } ?? false
      }
    }
    if aspects.contains(.names), let text {
      seen.names = PoolAddresses.changes(since: text)
    }
    if aspects.contains(.shares) { seen.shares = shares(service) }
    if aspects.contains(.workers) {
      seen.workers = Workers.now(config.probe(service), service: service)
    }
    return seen
  }

  func header(_ service: ServiceName) -> GeneratedHeader? {
    Files.ownContents(config.mainFile(of: service), isLinked: true).flatMap(
      GeneratedHeader.init)
  }

  private func answer(_ service: ServiceName) -> Result<WorkerAnswer, Fault> {
    do throws(WorkerProbe.NoAnswer) {
      let probe = config.probe(service)
      guard let header = header(service), header.hasSeats, let routing = header.routing else {
        return .success(try probe.query(service))
      }
      let sets = SeatSets(config.run, service)
      let known = sets.generation(routing.stable, routing.canary ?? routing.stable)
      var answer = try probe.query(service, asking: known.map { "g\($0)" })
      if let known, answer.isMet, known.number > 0 { answer.generation = known }
      // The set that everybody meets leads to the former pool; else there must be none.
      let former = sets.former(at: SystemClock.now)
      let seat = former == nil ? "0" : Seating.everybody
      answer.braked = try probe.query(service, asking: seat).isMet == (former != nil)
      return .success(answer)
    } catch {
      return .failure(config.fault(error, service))
    }
  }

  package func removeStaleSockets(_ services: [ServiceName]) async -> [String] {
    let run = config.run
    var probes: Set<String> = []
    var sockets: Set = [run.copies]
    for service in services {
      probes.insert(config.probeSocket(of: service))
      if speaksTCP(service) {
        let pools = config.service(service)?.pools ?? []
        sockets.formUnion(pools.map { run.relay(service, $0.name) } + [run.formerRelay(service)])
      }
    }
    let removed = probes.union(sockets).sorted().filter {
      WorkerProbe(socket: $0).removeStaleSocket()
    }
    guard !probes.isDisjoint(with: removed), Files.exists(run.copiesFolder),
      !removed.contains(run.copies)
    else { return removed }
    // Only Nginx's workers may enter that folder, but whoever may write in `run` may move it.
    let aside = "\(run.copiesFolder).\(getpid())"
    return rename(run.copiesFolder, aside) == 0 ? removed + [run.copies] : removed
  }
}

/// A flag by which another thread asks an installation to stop.
final class Stop: Sendable {
  private let wanted = Mutex(false)
  func request() { wanted.withLock { $0 = true } }
  var isRequested: Bool { wanted.withLock { $0 } }
}
