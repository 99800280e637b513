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
    let result = await withTaskCancellationHandler {
      await Blocking.run { () -> Result<Void, RouterError> in
        do throws(RouterError) {
          let files = try renderer.render(service, routing, generation)
          try Installation(
            router: self, service: service, generation: generation, stop: stop, warn: warn
          )
          .install(files, routing)
          return .success(())
        } catch {
          return .failure(error)
        }
      }
    } onCancel: {
      stop.request()
    }
    if case .failure(let error) = result { throw error }
  }

  package func prepare(
    _ service: ServiceName, _ routing: Routing, _ generation: Generation
  ) async throws(RouterError) {
    let files = try renderer.render(service, routing, generation)
    let result = await Blocking.run { () -> Result<Void, RouterError> in
      do throws(RouterError) {
        try Installation(
          router: self, service: service, generation: generation, stop: Stop(), warn: warn
        )
        .write(files)
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    if case .failure(let error) = result { throw error }
  }

  // MARK: the brake

  package func brake(_ service: ServiceName, _ note: BrakeNote) async throws(RouterError) {
    do throws(FileError) {
      try Brake.put(config.run, service, note)
    } catch {
      throw RouterError(.refused, error.description)
    }
  }

  package func release(_ service: ServiceName) async throws(RouterError) {
    do throws(FileError) {
      try Brake.lift(config.run, service)
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
      seen.header = Files.contents(config.mainFile(of: service)).flatMap(GeneratedHeader.init)
    }
    if aspects.contains(.edits) {
      seen.edits = GeneratedFiles.suffixes.map { renderer.path(service, $0) }.filter { path in
        Files.contents(path).map { !Seal.isWhole($0) } ?? false
      }
    }
    if aspects.contains(.workers) {
      seen.workers = Workers.now(config.probe(service), service: service)
    }
    return seen
  }

  private func answer(_ service: ServiceName) -> Result<WorkerAnswer, Fault> {
    do throws(WorkerProbe.NoAnswer) {
      return .success(try config.probe(service).query(service))
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
