package import CanaryCore
package import CanaryDriver
internal import Glibc
internal import Synchronization

/// Routes by generated Nginx files: write, test, reload, verify.
///
/// The one risky act of the program.
package struct NginxRouter: Router {
  package let config: Config
  private let templates: TemplateSet
  /// Told what a person should know although it is no failure.
  private let warn: @Sendable (String) -> Void

  package init(config: Config, templates: TemplateSet, warn: @escaping @Sendable (String) -> Void) {
    self.config = config
    self.templates = templates
    self.warn = warn
  }

  /// The same templates with another config, to try something out.
  init(config: Config, like other: NginxRouter) {
    self.init(config: config, templates: other.templates, warn: other.warn)
  }

  /// The generation that a running worker answers with.
  package func ask(_ service: Name) -> Result<Generation, Probe.Silence> {
    do throws(Probe.Silence) {
      return .success(try config.probe(service).ask(service).generation)
    } catch {
      return .failure(error)
    }
  }

  /// Where a generated file goes, by the end of its name.
  package func file(_ service: Name, _ suffix: String) -> String {
    "\(config.nginx.include)/\(service).\(suffix)"
  }

  package func render(
    _ service: Name, _ routing: Routing, _ generation: Generation
  ) throws(RouterError) -> GeneratedFiles {
    let choice = try choice(service, routing)
    do throws(Problems) {
      return try templates.render(choice, in: config, generation: generation)
    } catch {
      throw RouterError(.refused, "the templates cannot be used: \(error)")
    }
  }

  /// How requests are told apart under a routing; throws where the config has no place for it any more.
  package func choice(_ service: Name, _ routing: Routing) throws(RouterError) -> Choice {
    guard let service = config.service(service) else {
      throw RouterError(.refused, "the config has no service '\(service)' any more")
    }
    for pool in [routing.stable, routing.brake] + (routing.canary.map { [$0] } ?? [])
    where service.pool(pool) == nil {
      throw RouterError(
        .refused, "the config has no pool '\(pool)' in service '\(service.name)' any more")
    }
    let (known, revealed) = try revealed(service, routing)
    return Choice(known, revealed, zone: config.nginx.zone)
  }

  /// The service with its preview's secrets read from where they are kept; only where the canary is met.
  ///
  /// So a secret that cannot be read keeps nobody from going back.
  private func revealed(_ service: Service, _ routing: Routing) throws(RouterError) -> (
    Service, Routing
  ) {
    guard routing.audience != nil else { return (service, routing) }
    var service = service
    var routing = routing
    do throws(EvidenceError) {
      try service.preview?.reveal()
      try service.never?.reveal()
      try routing.audience?.only?.reveal()
    } catch {
      throw RouterError(.refused, "\(service.name): the secret of a preview: \(error.description)")
    }
    return (service, routing)
  }

  package func apply(
    _ service: Name, _ routing: Routing, _ generation: Generation
  ) async throws(RouterError) {
    let stop = Stop()
    let result = await withTaskCancellationHandler {
      await Blocking.run { () -> Result<Void, RouterError> in
        do throws(RouterError) {
          let files = try render(service, routing, generation)
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

  /// Writes and tests the files of a generation without telling Nginx; for one that cannot start without them.
  package func write(
    _ service: Name, _ routing: Routing, _ generation: Generation
  ) async throws(RouterError) {
    let files = try render(service, routing, generation)
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

  package func brake(_ service: Name, _ note: BrakeNote) throws(RouterError) {
    do throws(FileError) {
      try Brake.put(config.brake(of: service), note)
    } catch {
      throw RouterError(.refused, error.description)
    }
  }

  package func release(_ service: Name) throws(RouterError) {
    do throws(FileError) {
      try Brake.lift(config.brake(of: service))
    } catch {
      throw RouterError(.refused, error.description)
    }
  }

  package func brakeNote(_ service: Name) -> BrakeNote? {
    Brake.note(config.brake(of: service))
  }

  /// What the generated file on disk says of itself; nil when there is none.
  package func onDisk(_ service: Name) -> FileFacts? {
    ((try? Files.read(config.mainFile(of: service))) ?? nil).flatMap(FileFacts.init)
  }

  /// The names of generated files that were changed by hand since they were written.
  package func editedFiles(_ service: Name) -> [String] {
    GeneratedFiles.suffixes.map { file(service, $0) }.filter { path in
      guard let text = (try? Files.read(path)) ?? nil else { return false }
      return !Seal.isWhole(text)
    }
  }
}

/// A request to stop that another thread may make.
final class Stop: Sendable {
  private let wanted = Mutex(false)
  func request() { wanted.withLock { $0 = true } }
  var isRequested: Bool { wanted.withLock { $0 } }
}
