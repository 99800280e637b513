/// Reads one service of a config.
struct ServiceReader {
  private let table: TableReader
  private let name: ServiceName
  private let plans: [String: Plan]
  private let planKeys: [String]

  init(_ table: TableReader, name: ServiceName, plans: [String: Plan], planKeys: [String]) {
    self.table = table
    self.name = name
    self.plans = plans
    self.planKeys = planKeys
  }

  /// Reads the service and reports every fault; nil when a fault makes it unusable.
  ///
  /// `zone` and `blackouts` are those of the whole config.
  func read(_ calendars: CalendarReader, zone: Zone, blackouts: [Window]) -> Service? {
    table.refuseUnknown(.service)
    let pools = PoolsReader(table.table("pools")).read()
    let stable = readStable(pools)
    let named = readNamedPlan()
    let listen = readListen()
    let proxying = ProxyingReader(table).read()
    let serverNames = table.texts("server_names", "must be a host name, which may begin with '*.'")
    {
      let host = $0.hasPrefix("*.") ? String($0.dropFirst(2)) : $0
      return (try? Address.check("\(host):80")) != nil
    }
    let retain = table.span("retain")
    let latency = table.read("latency", "must be \"response\" or \"first_byte\"") {
      node -> LatencyKind? in
      if case .text(let text) = node { return LatencyKind(rawValue: text) }
      return nil
    }
    let weights = table.read("weights", "must be \"seats\" or \"upstream\"") {
      node -> WeightForm? in
      if case .text(let text) = node { return WeightForm(rawValue: text) }
      return nil
    }
    let accessLogs = readAccessLogs()
    let guards = readGuards(named)
    let audience = AudienceReader(table)
    let sticky = audience.readSticky()
    let trusted = audience.readTrusted()
    let preview = audience.readSelector("preview")
    let never = audience.readSelector("never")
    let routes = ProxyingReader(table).readRoutes(proxying)
    let answerHeaders = ProxyingReader.headers(table.table("answer_headers"))
    let zone = calendars.zone(table) ?? zone
    let calendar = Calendar(
      windows: calendars.windows(table, "windows", zone: zone),
      blackouts: blackouts + calendars.windows(table, "blackouts", zone: zone))
    let hooks = UnattendedReader(table).readHooks()
    let releases = UnattendedReader(table).readReleases()
    guard let stable, let named else { return nil }
    let (plan, health) = readHealth(named, proxying, routes)
    var service = Service(
      name: name, listen: listen, serverNames: serverNames ?? [], pools: pools, stable: stable,
      plan: plan, retain: retain ?? .hours(24), proxying: proxying, latency: latency ?? .response,
      accessLogs: accessLogs, guards: guards)
    service.healthPath = health
    if let weights { service.weights = weights }
    service.isUnlogged = table.has("access_log") && accessLogs.isEmpty
    service.sticky = sticky
    service.trusted = trusted
    service.preview = preview
    service.never = never
    service.expose = table.bool("expose") ?? false
    service.answerHeaders = answerHeaders
    service.routes = routes
    service.probeHost = table.text("probe_host", "must be a host name, which may have a port") {
      (try? Address.check($0)) != nil || (try? Address.check("\($0):80")) != nil
    }
    service.resolver = readResolver()
    service.http2 = table.bool("http2") ?? false
    service.zone = zone
    service.calendar = calendar
    service.hooks = hooks
    service.releases = releases
    audience.reportConflicts(service)
    return service
  }

  private func readResolver() -> Resolver? {
    table.read("resolver", Resolver.rule) { node -> Resolver?? in
      switch node {
      case .bool(let isOn): .some(isOn ? .yours : nil)
      case .text(let text): Resolver(text).map(Optional.some)
      default: nil
      }
    } ?? nil
  }

  /// Reads the standing guards.
  ///
  /// A guard cannot read the access log, whose windows begin with a stage, and its name must be
  /// unique among all checks, because a rollout adds guards to its plan.
  private func readGuards(_ plan: Plan?) -> [StandingGuard] {
    let all = plans.values.map(\.checks) + [PlanReader.standard.checks, plan?.checks ?? []]
    var seen = Set(all.joined().map(\.name))
    return table.tables("guards").compactMap { reader in
      let then = reader.read("then", "must be \"hold\" or \"revert\"") {
        node -> StandingGuard.Then? in
        if case .text(let text) = node { return StandingGuard.Then(rawValue: text) }
        return nil
      }
      guard let check = CheckReader(reader.without("then")).read() else { return nil }
      if check.source.isFromLog {
        reader.fault("metric", "has no meaning for a guard, which stands outside of any stage")
        return nil
      }
      if !seen.insert(check.name).inserted {
        reader.fault("name", "must be a name that no other guard and no check of a plan has")
        return nil
      }
      return StandingGuard(check: check, then: then ?? .hold)
    }
  }

  private func readStable(_ pools: [Pool]) -> PoolName? {
    let names = pools.map(\.name.text)
    guard table.has("stable") else {
      table.faultHere(
        "must say which pool is stable at the first start: stable: \"\(names.first ?? "blue")\"")
      return nil
    }
    let near = { (text: String) in
      Spelling.nearest(to: text, among: names).map { "; did you mean '\($0)'?" } ?? ""
    }
    let rule: String
    if case .text(let text)? = table.node("stable") {
      rule = "must be one of the service's pools (\(names.joined(separator: ", ")))\(near(text))"
    } else {
      rule = "must be one of the service's pools (\(names.joined(separator: ", ")))"
    }
    return table.text("stable", rule) { names.contains($0) }.flatMap(PoolName.init)
  }

  /// The plan with the health check that the service names, or that its servers understand; and
  /// what other plans of the service ask in its place.
  private func readHealth(_ plan: Plan, _ proxying: Proxying, _ routes: [Route]) -> (
    Plan, health: String?
  ) {
    var plan = plan
    let asked = routes.first { $0.backend == plan.ready.backend }?.proxying ?? proxying
    let isGRPC = asked.scheme.isGRPC
    guard table.has("health") else {
      guard isGRPC else { return (plan, Plan.usualHealth.path) }
      _ = plan.replaceHealthPath(at: GRPCHealth.path)
      return (plan, GRPCHealth.path)
    }
    let rule =
      isGRPC
      ? "must be the name of a gRPC service such as \"shop.v1.Cart\", a path that begins with '/', or false"
      : "\(SourceReader.pathRule), or false"
    let path = table.read("health", rule) { node -> String?? in
      switch node {
      case .bool(false): .some(nil)
      case .text(let text) where Address.isRequestPath(text): .some(text)
      case .text(let text) where isGRPC && GRPCHealth.isServiceName(text):
        .some(GRPCHealth.path(of: text))
      default: nil
      }
    }
    if let path, !plan.replaceHealthPath(at: path) {
      table.fault("health", "has no meaning: the plan has a health check of its own, or none")
    }
    return (plan, path ?? Plan.usualHealth.path)
  }

  private func readNamedPlan() -> Plan? {
    switch table.node("plan") {
    case nil: return plans["standard"] ?? PlanReader.standard
    case .text(let text)?:
      if let plan = plans[text] { return plan }
      // The faults of a wrong plan were reported when `plans` was read.
      if planKeys.contains(text) { return nil }
      if let plan = PlanReader.builtIn[text] { return plan }
      let names = Set(planKeys).union(PlanReader.builtIn.keys).sorted()
      let near = Spelling.nearest(to: text, among: names).map { "; did you mean '\($0)'?" } ?? ""
      let shown = Text.sanitized(names.joined(separator: ", "), limit: 200)
      table.fault("plan", "must name a plan (\(shown)), or be one written here\(near)")
      return nil
    case .some:
      return PlanReader(table.table("plan"), name: name.text).read()
    }
  }

  private func readListen() -> [String] {
    (table.list("listen") ?? []).enumerated().compactMap { index, node in
      guard case .text(let text) = node else {
        table.faultAt("listen[\(index)]", node, "must be a text such as \"127.0.0.1:8080\"")
        return nil
      }
      do throws(Violation) {
        try Address.checkListen(text)
        return text
      } catch {
        table.faultAt("listen[\(index)]", node, error.description)
        return nil
      }
    }
  }

  private func readAccessLogs() -> [String] {
    let rule = "must be \"/absolute/path\" or \"/absolute/path format\""
    return table.texts("access_log", rule) {
      let words = $0.split(separator: " ").map(String.init)
      return (1...2).contains(words.count) && Address.isPlainPath(words[0])
        && (words.count == 1 || Label(words[1]) != nil)
    } ?? []
  }
}
