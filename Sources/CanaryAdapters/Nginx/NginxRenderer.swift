package import CanaryCore
package import CanaryDriver

/// Renders generated Nginx files from the config and the templates.
package struct NginxRenderer: Renderer {
  private let config: Config
  private let templates: LazyTemplates
  private let secure: SecureLocations

  package init(config: Config, templates: LazyTemplates) {
    self.config = config
    self.templates = templates
    secure = SecureLocations(config)
  }

  package func with(_ config: Config) -> any Renderer {
    NginxRenderer(config: config, templates: templates)
  }

  package func path(_ service: ServiceName, _ suffix: String) -> String {
    "\(config.nginx.include)/\(service).\(suffix)"
  }

  package func render(
    _ service: ServiceName, _ routing: Routing, _ generation: Generation
  ) throws(RouterError) -> GeneratedFiles {
    let rules = try rules(service, routing)
    do throws(Problems) {
      return try templates.load().render(rules, in: config, generation: generation)
    } catch {
      throw RouterError(.refused, "the templates cannot be used: \(error)")
    }
  }

  package func common(_ answers: [RestingAnswer]) throws(RouterError) -> String {
    do throws(Problems) {
      return try templates.load().common(answers, in: config)
    } catch {
      throw RouterError(.refused, "the templates cannot be used: \(error)")
    }
  }

  package func rules(_ service: ServiceName, _ routing: Routing) throws(RouterError) -> RoutingRules
  {
    guard let service = config.service(service) else {
      throw RouterError(.refused, "the config has no service '\(service)' any more")
    }
    for pool in [routing.stable, routing.brake] + (routing.canary.map { [$0] } ?? [])
    where service.pool(pool) == nil {
      throw RouterError(
        .refused, "the config has no pool '\(pool)' in service '\(service.name)' any more")
    }
    if let audience = routing.audience, let fault = config.fault(of: audience, in: service.name) {
      throw RouterError(
        .refused,
        "the stored stage of \(service.name) cannot be said to Nginx: \(fault); nobody but canary should write its store"
      )
    }
    let (known, revealed) = try revealed(withoutLost(service, routing), routing)
    let pools = [routing.stable, routing.brake] + (routing.canary.map { [$0] } ?? [])
    let servers = pools.flatMap { known.pool($0)?.servers ?? [] }
    // Only a cookie of canary's own, which only a rollout sets, asks for it.
    let setsCookie = known.sticky == .user && routing.audience != nil && known.isInYourLocation
    return RoutingRules(
      known, revealed, zone: config.nginx.zone, peers: PoolAddresses.peers(of: servers),
      isBehindTLS: setsCookie && secure.covers(known))
  }

  /// The service without servers that Nginx would refuse by their names, where their pool gets no
  /// request: it may be gone since it was replaced.
  ///
  /// Only for an Nginx on this host: in a container, names may mean something else.
  private func withoutLost(_ service: Service, _ routing: Routing) -> Service {
    guard NginxDryRun.runsHere(config), service.resolver == nil else { return service }
    var inPlay: Set<PoolName> = [routing.stable]
    if !routing.isClean, let canary = routing.canary { inPlay.insert(canary) }
    if routing.brakeUntil.map({ SystemClock.now < $0 }) ?? true { inPlay.insert(routing.brake) }
    var service = service
    service.pools = service.pools.map { pool in
      guard !inPlay.contains(pool.name) else { return pool }
      return pool.with(pool.servers.filter { !PoolAddresses.isUnknown($0) })
    }
    return service
  }

  /// The service and routing with the secrets of previews filled in, when the routing has an
  /// audience.
  ///
  /// Otherwise they are not read, so that a secret that cannot be read does not block a revert.
  private func revealed(_ service: Service, _ routing: Routing) throws(RouterError) -> (
    Service, Routing
  ) {
    guard routing.audience != nil else { return (service, routing) }
    var service = service
    var routing = routing
    do throws(SourceError) {
      try service.preview?.reveal()
      try service.never?.reveal()
      try routing.audience?.only?.reveal()
    } catch {
      throw RouterError(.refused, "\(service.name): the secret of a preview: \(error.description)")
    }
    return (service, routing)
  }
}
