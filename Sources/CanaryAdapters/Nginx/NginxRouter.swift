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
          if config.service(service)?.routesBySeats == true {
            try SeatInstallation(
              installation: installation, service: service, routing: routing,
              generation: generation
            ).install()
          } else {
            try turnBrake(before: routing, generation, service, installation)
            try install(service, routing, generation, by: installation)
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

  package func prepare(
    _ service: ServiceName, _ routing: Routing, _ generation: Generation
  ) async throws(RouterError) {
    let fault = await Blocking.run { () -> RouterError? in
      let installation = Installation(router: self, stop: Stop(), warn: warn)
      return faults([(service, routing, generation)], installation.write)[service]
    }
    if let fault { throw fault }
  }

  /// Renders the files of each service, and installs those that could be rendered.
  private func faults(
    _ wanted: [(ServiceName, Routing, Generation)],
    _ install: ([Installation.Order]) -> [ServiceName: RouterError]
  ) -> [ServiceName: RouterError] {
    var faults: [ServiceName: RouterError] = [:]
    var orders: [Installation.Order] = []
    for (service, routing, generation) in wanted {
      do throws(RouterError) {
        let files = try renderer.render(service, routing, generation)
        orders.append(
          Installation.Order(
            service: service, routing: routing, generation: generation, files: files))
      } catch {
        faults[service] = error
      }
    }
    return orders.isEmpty ? faults : faults.merging(install(orders)) { $1 }
  }

  /// Before a canary gets anything, makes the brake of a weighted group lead to stable.
  ///
  /// After a promotion it leads to the former pool, which may be the canary now.
  private func turnBrake(
    before routing: Routing, _ generation: Generation, _ service: ServiceName,
    _ installation: Installation
  ) throws(RouterError) {
    guard !routing.isClean, let now = header(service)?.routing, now.brake != routing.stable
    else { return }
    // The policy leaves one number free for this.
    try install(
      service, .resting(on: routing.stable), Generation(generation.number - 1), by: installation)
  }

  /// Installs the text of one service, and throws why it is not served.
  func install(
    _ service: ServiceName, _ routing: Routing, _ generation: Generation,
    by installation: Installation
  ) throws(RouterError) {
    let faults = faults([(service, routing, generation)], installation.install)
    if let fault = faults[service] { throw fault }
  }

  // MARK: the brake

  package func brake(
    _ service: ServiceName, to pool: PoolName?, _ note: BrakeNote
  ) async throws(RouterError) {
    // The flag of a weighted group leads where the text says. Where that is not where it should, the
    // canary has not got anything yet.
    if let pool, let header = header(service), !header.hasSeats,
      let brake = header.routing?.brake, brake != pool
    {
      return
    }
    do throws(FileError) {
      try Brake.put(config.run, service, to: pool, note)
    } catch {
      throw RouterError(.refused, error.description)
    }
  }

  package func isInForce(
    _ service: ServiceName, _ routing: Routing, _ generation: Generation
  ) async -> Bool {
    guard let canary = routing.canary, !routing.isClean,
      config.service(service)?.routesBySeats == true
    else { return true }
    return SeatSets(config.run, service).has(generation, routing.stable, canary)
  }

  package func forgetFormer(_ service: ServiceName) async {
    SeatSets(config.run, service).forgetFormer()
  }

  package func release(_ service: ServiceName) async throws(RouterError) {
    do throws(FileError) {
      try Brake.lift(config.run, service)
      SeatSets(config.run, service).close()
    } catch {
      throw RouterError(.refused, error.description)
    }
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
    if aspects.contains(.header) {
      seen.header = header(service)
      if let header = seen.header, header.hasSeats, let routing = header.routing {
        let sets = SeatSets(config.run, service)
        seen.brakePool = sets.former(at: SystemClock.now) ?? routing.stable
        seen.meetsCanary = sets.meets(routing.stable, routing.canary ?? routing.stable)
      } else {
        seen.brakePool = seen.header?.routing?.brake
        seen.meetsCanary = seen.header?.routing?.isClean == false
      }
    }
    if aspects.contains(.edits) {
      seen.edits = GeneratedFiles.suffixes.map { renderer.path(service, $0) }.filter { path in
        Files.contents(path).map { !Seal.isWhole($0) } ?? false
      }
    }
    if aspects.contains(.workers) {
      seen.workers = Workers.now(config.probe(service), service: service)
    }
    if aspects.contains(.names), let text = Files.contents(config.mainFile(of: service)) {
      seen.names = PoolAddresses.changes(since: text)
    }
    return seen
  }

  func header(_ service: ServiceName) -> GeneratedHeader? {
    Files.contents(config.mainFile(of: service)).flatMap(GeneratedHeader.init)
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
      return .failure(
        Fault(error.sentence(socket: config.probeSocket(of: service), service: service)))
    }
  }

  package func removeStaleSockets(_ service: ServiceName) async -> [String] {
    [config.probeSocket(of: service), config.run.relay(service)].filter {
      WorkerProbe(socket: $0).removeStaleSocket()
    }
  }
}

/// A flag by which another thread asks an installation to stop.
final class Stop: Sendable {
  private let wanted = Mutex(false)
  func request() { wanted.withLock { $0 = true } }
  var isRequested: Bool { wanted.withLock { $0 } }
}
