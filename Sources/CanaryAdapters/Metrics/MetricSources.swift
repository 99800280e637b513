package import CanaryCore
package import CanaryDriver
internal import Synchronization

/// Measures checks by whatever source they name, each within its check's timeout.
package final class MetricSources: MetricSource {
  private let config: Config
  private let clock: any WallClock
  private let store: any LogStore
  private let executor: ThreadExecutor
  /// Readers of access logs, made at the first use of a service: a driver needs one of a thousand.
  private let evidence = Mutex<[ServiceName: AccessLogSource]>([:])
  private let environment: [String: String]
  /// Tells what the locations of your own would hide; nil: they are not looked at.
  private let renderer: (any Renderer)?
  /// When the locations of a service hid nothing.
  private let seen = Mutex<[ServiceName: Instant]>([:])
  /// Services with the servers of upstream groups of your own, and when those were read.
  private let known = Mutex<[ServiceName: (at: Instant, service: Service)]>([:])

  package init(
    config: Config, store: any LogStore, clock: any WallClock, executor: ThreadExecutor,
    renderer: (any Renderer)? = nil,
    environment: [String: String] = ThisProcess.environment
  ) {
    self.config = config
    self.clock = clock
    self.environment = environment
    self.store = store
    self.executor = executor
    self.renderer = renderer
  }

  private func evidence(of name: ServiceName) -> AccessLogSource? {
    evidence.withLock { all in
      if let found = all[name] { return found }
      guard let service = config.service(name) else { return nil }
      let made = AccessLogSource(
        service: service, nginx: config.nginx, log: config.log(of: name),
        run: config.run, file: config.mainFile(of: name), store: store,
        executor: executor,
        routesBySeats: service.routesBySeats)
      all[name] = made
      return made
    }
  }

  /// The service with its servers, also those of upstream groups of your own, as of half a minute
  /// ago at most.
  private func whole(_ name: ServiceName) async -> Service? {
    guard let service = config.service(name),
      service.pools.contains(where: { $0.upstream != nil })
    else { return config.service(name) }
    let last = known.withLock { $0[name] }
    if let last, !Instant.isPast(.seconds(30), since: last.at, at: clock.now()) {
      return last.service
    }
    let found = await Blocking.run { [nginx = config.nginx] in
      PoolsOfYours.filled(service, nginx)
    }
    known.withLock { $0[name] = (clock.now(), found) }
    return found
  }

  /// The servers of a pool that should answer; a fault when nothing is known to ask.
  private func servers(_ service: ServiceName, _ name: PoolName) async -> Result<
    (service: Service, live: [Server]), SourceError
  > {
    guard let found = await whole(service), let pool = found.pool(name) else {
      return .failure(SourceError(description: "the config has no pool \(name)"))
    }
    if let shared = PoolsOfYours.shared(found) { return .failure(SourceError(description: shared)) }
    guard !pool.live.isEmpty else {
      let group = pool.upstream ?? ""
      return .failure(
        SourceError(
          description:
            "no server of `upstream \(group)` is known here: name those of pool \(name) in `servers`"
        ))
    }
    return .success((found, pool.live))
  }

  package func settle(_ service: ServiceName) async {
    await evidence.withLock { $0[service] }?.settle()
  }

  package func silence(of service: ServiceName, pool: PoolName) async -> String? {
    guard case .success(let found) = await servers(service, pool) else { return nil }
    return await PoolProbe.silence(
      of: found.live, path: found.service.plan.ready.path, limit: .seconds(2),
      found.service.probeWay)
  }

  package func checkReadiness(_ service: ServiceName, pool: PoolName, _ readiness: Readiness) async
    -> Unready?
  {
    await evidence(of: service)?.begin()
    let found: Service
    let servers: [Server]
    switch await self.servers(service, pool) {
    case .success(let known): (found, servers) = known
    case .failure(let error): return .pool(error.description)
    }
    if readiness.countsLog, let hidden = await hiddenFailure(found, canary: pool) {
      return .blind(hidden)
    }
    async let guarded = checkGuards(readiness.guards, service, pool: pool)
    let fault = await PoolProbe.probeAll(
      servers, readiness, limit: .seconds(5), found.probeWay)
    let guardFault = await guarded
    return fault.map(Unready.pool) ?? guardFault
  }

  /// Where failures of a service would end unseen, in files that may have changed since the rollout
  /// was asked for; nil: nowhere.
  private func hiddenFailure(_ service: Service, canary: PoolName) async -> String? {
    guard let renderer, service.isInYourLocation, service.proxying.scheme != .tcp,
      let stable = service.pools.first(where: { $0.name != canary }),
      Instant.isPast(.minutes(1), since: seen.withLock { $0[service.name] }, at: clock.now())
    else { return nil }
    let resting = Routing.resting(on: stable.name, other: canary)
    let trial = NginxDryRun.Trial(service: service.name, resting: resting, stages: [])
    let fault = await Blocking.run { [config] in
      TreeAudit.hiddenFailure(config, renderer, trial)
    }
    if fault == nil { seen.withLock { $0[service.name] = clock.now() } }
    return fault
  }

  /// Why the first failing guard does not pass; nil when all pass.
  private func checkGuards(_ guards: [Check], _ service: ServiceName, pool: PoolName) async
    -> Unready?
  {
    for check in guards where !check.advisory {
      let state = await judgeOnce(check, service, pool: pool)
      if state.verdict != .pass { return .guarded(check.name, state.detail) }
    }
    return nil
  }

  /// The verdict of a check outside of a rollout: by one measurement, without `for` or `failures`.
  package func judgeOnce(_ check: Check, _ service: ServiceName, pool: PoolName) async -> CheckState
  {
    var alone = check
    alone.lasting = .zero
    alone.failures = 1
    let measurement = await measureAlone(check, service, pool: pool)
    return Judge.fold(CheckState(alone), alone, measurement)
  }

  package func measureOnce(_ checks: [Check], _ service: ServiceName, pool: PoolName) async
    -> [CheckState]
  {
    await withTaskGroup(of: (Int, CheckState).self) { group in
      for (index, check) in checks.enumerated() {
        group.addTask { (index, await self.judgeOnce(check, service, pool: pool)) }
      }
      var found: [Int: CheckState] = [:]
      for await (index, state) in group { found[index] = state }
      return checks.indices.compactMap { found[$0] }
    }
  }

  /// One measurement outside of a rollout, compared with nothing.
  package func measureAlone(_ check: Check, _ service: ServiceName, pool: PoolName) async
    -> Measurement
  {
    let stable = config.service(service)?.stable ?? pool
    let reading = await read(
      check, service, await facts(check, service, pool: pool, stable: stable, release: nil),
      freshFor: fresh(check, soak: .minutes(1)))
    return Measurement(check: check.name, at: clock.now(), reading: reading)
  }

  package func measure(_ checks: [Check], _ service: ServiceName, _ context: StageContext) async
    -> [Measurement]
  {
    guard let first = checks.first else { return [] }
    if first.source.isFromLog {
      do throws(SourceError) {
        guard let evidence = evidence(of: service) else {
          throw SourceError(description: "the config has no service \(service)")
        }
        return try await evidence.measure(checks, context, at: clock.now())
      } catch {
        let reading = Measurement.Reading.failed("the access log cannot be read: \(error)")
        return checks.map { Measurement(check: $0.name, at: clock.now(), reading: reading) }
      }
    }
    let reading = await read(
      first, service,
      await facts(
        first, service, pool: context.canary, stable: context.stable, release: context.release),
      freshFor: fresh(first, soak: context.soak))
    return [Measurement(check: first.name, at: clock.now(), reading: reading)]
  }

  /// How old an answer may be: twice the check's interval, and at least 2 s.
  private func fresh(_ check: Check, soak: Span) -> Span {
    max(.seconds(2), check.interval(soak: soak) * 2)
  }

  private func facts(
    _ check: Check, _ service: ServiceName, pool: PoolName, stable: PoolName, release: String?
  ) async -> PlaceholderValues {
    PlaceholderValues(
      service: service, pool: pool, stable: stable,
      servers: await whole(service)?.pool(pool)?.live.map(\.address) ?? [],
      window: check.window, release: release, now: clock.now())
  }

  private func read(
    _ check: Check, _ service: ServiceName, _ facts: PlaceholderValues, freshFor: Span
  ) async
    -> Measurement.Reading
  {
    let name = check.endpoint ?? check.source.usualEndpoint
    let endpoint = name.flatMap(config.endpoint)
    if let name, endpoint == nil { return .failed("the config has no endpoint \(name)") }
    let client = EndpointClient(endpoint, environment: environment)
    let now: @Sendable () -> Instant = { [clock] in clock.now() }
    switch check.source {
    case .metric, .shadow: return .failed("only the access log has it, and a stage to count it in")
    case .probe(let path):
      switch await servers(service, facts.pool) {
      case .success(let known):
        return await PoolProbe.measure(known.live, path: path, check, known.service.probeWay)
      case .failure(let error): return .failed(error.description)
      }
    case .command(let words):
      let variables = config.environment
      var secrets = Secrets(environment: environment)
      secrets.hide(variables: variables)
      return await Blocking.runProgram { [secrets] in
        CommandSource.run(words, check, variables: variables, secrets)
      }
    case .prometheus(let query, let reduce):
      return await PrometheusSource(
        client: client, url: endpoint?.url ?? "", facts: facts, now: now
      )
      .measure(query, reduce, check, freshFor: freshFor)
    case .http(let request):
      return await HTTPSource(client: client, endpoint: endpoint, facts: facts, now: now)
        .measure(request, check, freshFor: freshFor)
    case .certificate(let host):
      return await CertificateSource.measure(host, check, authority: endpoint?.authority)
    case .checksum(let path, let digest):
      return await Blocking.run { ChecksumSource.measure(path, digest) }
    case .alerts(let matchers):
      return await AlertsSource(client: client, url: endpoint?.url ?? "", facts: facts)
        .measure(matchers, check, freshFor: freshFor)
    }
  }
}

extension Service {
  /// How one of its servers is probed.
  func probeWay(_ server: Server) -> ProbeWay {
    let wireProtocol: HTTPRequest.WireProtocol =
      switch scheme(of: server.backend) {
      case .http: .http
      case .https: .https
      case .grpc: .http2
      case .grpcs: .http2s
      case .tcp: .connection
      }
    return ProbeWay(wireProtocol, host: probeHost)
  }
}
