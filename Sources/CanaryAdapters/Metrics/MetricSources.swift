package import CanaryCore
package import CanaryDriver
internal import Synchronization

/// Every source of measurements that a check can name; each answers within its check's timeout.
package final class MetricSources: MetricSource {
  private let config: Config
  private let clock: any WallClock
  private let store: SQLiteStore
  /// Of the services that were asked for: a driver asks for one of a thousand.
  private let evidence = Mutex<[Name: Evidence]>([:])
  private let environment: [String: String]

  package init(
    config: Config, store: SQLiteStore, clock: any WallClock,
    environment: [String: String] = Who.environment
  ) {
    self.config = config
    self.clock = clock
    self.environment = environment
    self.store = store
  }

  private func evidence(of name: Name) -> Evidence? {
    evidence.withLock { all in
      if let found = all[name] { return found }
      guard let service = config.service(name) else { return nil }
      let made = Evidence(
        service: service, log: config.log(of: name), relay: config.relaySocket(of: name),
        store: store)
      all[name] = made
      return made
    }
  }

  package func settle(_ service: Name) async {
    await evidence.withLock { $0[service] }?.settle()
  }

  package func look(_ service: Name, pool: Name, _ readiness: Readiness) async -> String? {
    await evidence(of: service)?.begin()
    guard let found = config.service(service), let servers = found.pool(pool)?.servers else {
      return "the config has no pool \(pool)"
    }
    async let guarded = askGuards(readiness.guards ?? [], service, pool: pool)
    let fault = await Probing.ask(
      servers, readiness, limit: .seconds(5), found.speech)
    let guardFault = await guarded
    return fault ?? guardFault
  }

  /// The first guard that does not pass, and what it says.
  private func askGuards(_ guards: [Check], _ service: Name, pool: Name) async -> String? {
    for check in guards where !check.advisory {
      let state = await ask(check, service, pool: pool)
      if state.verdict != .pass { return "guard \(check.name): \(state.detail)" }
    }
    return nil
  }

  /// What a check says that stands outside of any stage, judged by this one measurement alone.
  package func ask(_ check: Check, _ service: Name, pool: Name) async -> CheckState {
    var alone = check
    alone.lasting = .zero
    alone.failures = 1
    let measurement = await measureAlone(check, service, pool: pool)
    return Judge.fold(CheckState(alone), alone, measurement)
  }

  package func askOnce(_ checks: [Check], _ service: Name, pool: Name) async -> [CheckState] {
    await withTaskGroup(of: (Int, CheckState).self) { group in
      for (index, check) in checks.enumerated() {
        group.addTask { (index, await self.ask(check, service, pool: pool)) }
      }
      var found: [Int: CheckState] = [:]
      for await (index, state) in group { found[index] = state }
      return checks.indices.compactMap { found[$0] }
    }
  }

  /// One measurement of a check that stands outside of any stage.
  package func measureAlone(_ check: Check, _ service: Name, pool: Name) async -> Measurement {
    let stable = config.service(service)?.stable ?? pool
    let reading = await read(
      check, service, facts(check, service, pool: pool, stable: stable, release: nil),
      freshFor: fresh(check, soak: .minutes(1)))
    return Measurement(check: check.name, at: clock.now(), reading: reading)
  }

  package func measure(_ checks: [Check], _ service: Name, _ occasion: Occasion) async
    -> [Measurement]
  {
    guard let first = checks.first else { return [] }
    if first.source.isFromLog {
      do throws(EvidenceError) {
        guard let evidence = evidence(of: service) else {
          throw EvidenceError(description: "the config has no service \(service)")
        }
        return try await evidence.measure(checks, occasion, at: clock.now())
      } catch {
        let reading = Measurement.Reading.failed("the access log cannot be read: \(error)")
        return checks.map { Measurement(check: $0.name, at: clock.now(), reading: reading) }
      }
    }
    let reading = await read(
      first, service,
      facts(
        first, service, pool: occasion.canary, stable: occasion.stable, release: occasion.release),
      freshFor: fresh(first, soak: occasion.soak))
    return [Measurement(check: first.name, at: clock.now(), reading: reading)]
  }

  /// An answer older than twice its interval is no data.
  private func fresh(_ check: Check, soak: Span) -> Span {
    max(.seconds(2), check.interval(soak: soak) * 2)
  }

  private func facts(
    _ check: Check, _ service: Name, pool: Name, stable: Name, release: String?
  ) -> Facts {
    Facts(
      service: service, pool: pool, stable: stable,
      servers: config.service(service)?.pool(pool)?.servers.map(\.address) ?? [],
      window: check.window, release: release, now: clock.now())
  }

  private func read(_ check: Check, _ service: Name, _ facts: Facts, freshFor: Span) async
    -> Measurement.Reading
  {
    let name = check.endpoint ?? check.source.usualEndpoint
    let endpoint = name.flatMap(config.endpoint)
    if let name, endpoint == nil { return .failed("the config has no endpoint \(name)") }
    let asking = Asking(endpoint, environment: environment)
    let now: @Sendable () -> Instant = { [clock] in clock.now() }
    switch check.source {
    case .metric, .shadow: return .failed("not from the log")
    case .probe(let path):
      guard let found = config.service(service), let servers = found.pool(facts.pool)?.servers
      else {
        return .failed("the config has no pool \(facts.pool)")
      }
      return await Probing.measure(servers, path: path, check, found.speech)
    case .command(let words): return await Blocking.run { CommandSource.run(words, check) }
    case .prometheus(let query, let reduce):
      return await PrometheusSource(
        asking: asking, url: endpoint?.url ?? "", facts: facts, now: now
      )
      .measure(query, reduce, check, freshFor: freshFor)
    case .http(let request):
      return await HTTPSource(asking: asking, endpoint: endpoint, facts: facts, now: now)
        .measure(request, check, freshFor: freshFor)
    case .certificate(let host):
      return await CertificateSource.measure(host, check, authority: endpoint?.authority)
    case .checksum(let path, let digest):
      return await Blocking.run { ChecksumSource.measure(path, digest) }
    case .alerts(let matchers):
      return await AlertsSource(asking: asking, url: endpoint?.url ?? "", facts: facts)
        .measure(matchers, check, freshFor: freshFor)
    }
  }
}

extension Service {
  /// What its servers are asked in.
  var speech: HTTPQuestion.Speech {
    switch proxying.scheme {
    case .http: .http
    case .grpc: .http2
    case .tcp: .connection
    }
  }
}
