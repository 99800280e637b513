/// Turns a parsed config into a valid `Config`, or reports all of its faults at once.
package struct ConfigReader {
  /// The path of the config file.
  let file: String
  /// Its folder, against which relative paths in the config are resolved.
  let folder: String
  private let faults = FaultList()

  private let calendars: CalendarReader

  /// `zones` looks up a zone of the host's tz database by name.
  package init(file: String, zones: @escaping (String) -> Zone? = { $0 == "UTC" ? .utc : nil }) {
    self.file = file
    calendars = CalendarReader(zones)
    let slash = file.lastIndex(of: "/")
    folder = slash.map { String(file[..<$0]) } ?? "."
  }

  /// Returns the config that the tree describes; throws `Problems` with every fault in it.
  ///
  /// Call it once: a reader keeps the faults that it has found.
  package func read(_ root: Node) throws(Problems) -> Config {
    let top = TableReader(root, at: "", faults: faults)
    top.refuseUnknown(.top)
    _ = top.text("$schema", "must be a text")
    let nginx = readNginx(top.table("nginx"))
    let state = path(top, "state") ?? "/var/lib/canary"
    let run = RunFolder(path(top, "run") ?? "/run/canary")
    let templates = path(top, "templates")
    let page = path(top, "page")
    let metrics = metrics(top)
    let environment =
      top.texts("environment", EndpointReader.variableRule, where: EndpointReader.isVariable) ?? []

    var plans: [String: Plan] = [:]
    let planTable = top.table("plans")
    for key in planTable.keys {
      guard Label(key) != nil else {
        planTable.fault(key, "must have a name of \(Label.rule)")
        continue
      }
      plans[key] = PlanReader(planTable.table(key), name: key).read()
    }
    let zone = calendars.zone(top) ?? .utc
    let blackouts = calendars.windows(top, "blackouts", zone: zone)
    let serviceTable = top.table("services")
    if serviceTable.keys.isEmpty {
      top.has("services")
        ? serviceTable.faultHere("must hold at least one service")
        : faults.add("services", nil, "is missing: name at least one service")
    }
    var services: [Service] = []
    for key in serviceTable.keys {
      guard let name = ServiceName(key) else {
        serviceTable.fault(key, "must have a name of \(Label.rule)")
        continue
      }
      let reader = ServiceReader(
        serviceTable.table(key), name: name, plans: plans, planKeys: planTable.keys)
      if let service = reader.read(calendars, zone: zone, blackouts: blackouts) {
        services.append(service)
      }
    }
    let receivers = readReceivers(top.table("notify"), serviceTable.keys)
    refuseClashes(of: services)
    let endpoints = readEndpoints(top.table("endpoints"))
    for service in services { refuseUnknownEndpoints(service, plans, endpoints) }
    // The kernel limits the path of a Unix socket to 107 bytes (sun_path), and Nginx refuses longer
    // ones.
    if run.probe.utf8.count > 107 {
      faults.add(
        "run", .text(run.path), "must be a path of at most 96 characters: it holds a Unix socket")
    }
    for service in services where service.proxying.scheme == .tcp {
      if service.pools.contains(where: { run.relay(service.name, $0.name).utf8.count > 107 }) {
        faults.add(
          "services.\(service.name)", nil,
          "must have shorter names (its own and those of its pools), or `run` a shorter path: together they name a Unix socket"
        )
      }
    }
    let operators = readOperators(top)
    guard faults.problems.isEmpty else { throw faults.problems }
    var config = Config(
      file: file, nginx: nginx, state: state, run: run, templates: templates, services: services,
      plans: plans, endpoints: endpoints)
    config.receivers = receivers
    (config.operators, config.page, config.metrics) = (operators, page, metrics)
    config.environment = environment
    return config
  }

  private func metrics(_ top: TableReader) -> String? {
    let metrics = path(top, "metrics")
    // node_exporter silently ignores files with other names.
    if let metrics, !metrics.hasSuffix(".prom") {
      top.fault("metrics", "must be a file that ends in .prom: node_exporter reads no other")
    }
    return metrics
  }

  private func readOperators(_ top: TableReader) -> String? {
    top.text("operators", "must be the name of a group of this host") {
      ApprovalRule.Approver(parsing: "group:\($0)") != nil
    }
  }

  private func readReceivers(_ table: TableReader, _ services: [String]) -> [Receiver] {
    table.keys.compactMap { key in
      guard Label(key) != nil else {
        table.fault(key, "must have a name of \(Label.rule)")
        return nil
      }
      return ReceiverReader(table.table(key), name: key).read(services: services)
    }
  }

  private func readNginx(_ table: TableReader) -> NginxSettings {
    table.refuseUnknown(.nginx)
    let config = path(table, "config") ?? "/etc/nginx/nginx.conf"
    var nginx = NginxSettings(
      config: config,
      include: path(table, "include") ?? "/etc/nginx/canary",
      test: argv(table, "test") ?? ["nginx", "-t", "-c", config],
      reload: argv(table, "reload") ?? ["nginx", "-s", "reload", "-c", config],
      logs: path(table, "logs") ?? "/var/log/nginx",
      verify: table.span("verify", atLeast: .seconds(1)) ?? .seconds(15))
    nginx.zone = table.name("zone")
    return nginx
  }

  private func readEndpoints(_ table: TableReader) -> [Endpoint] {
    var endpoints = Endpoint.usual
    for key in table.keys {
      guard Label(key) != nil else {
        table.fault(key, "must have a name of \(Label.rule)")
        continue
      }
      let endpoint = EndpointReader(table.table(key), name: key) { path($0, $1) }.read()
      endpoints.removeAll { $0.name == key }
      endpoints.append(endpoint)
    }
    return endpoints
  }

  /// Reports endpoints that a check names and the config lacks, or that have no `url` where the
  /// check needs one.
  private func refuseUnknownEndpoints(
    _ service: Service, _ plans: [String: Plan], _ endpoints: [Endpoint]
  ) {
    let plan = service.plan
    let named =
      plans.keys.contains(plan.name) ? "plans.\(plan.name)" : "services.\(service.name).plan"
    let all = plan.checks + plan.stages.flatMap { $0.checks ?? [] } + plan.before
    for (place, check) in all.map({ (named, $0) })
      + service.guards.map({ ("services.\(service.name).guards", $0.check) })
    {
      guard let name = check.endpoint else { continue }
      guard let endpoint = endpoints.first(where: { $0.name == name }) else {
        let near = Spelling.nearest(to: name, among: endpoints.map(\.name)).map {
          "; did you mean '\($0)'?"
        }
        faults.add(
          "\(place): \(check.name).endpoint", .text(name), "must be one of `endpoints`\(near ?? "")"
        )
        continue
      }
      if endpoint.url == nil, check.source.needsURL {
        faults.add(
          "endpoints.\(name)", nil, "must have a url: check \(check.name) asks it for a path")
      }
    }
  }

  private func argv(_ table: TableReader, _ key: String) -> [String]? {
    let rule = "must be a text without control characters"
    let words = table.texts(key, rule) { word in !word.unicodeScalars.contains { $0.value < 32 } }
    if let words, words.first?.isEmpty ?? true {
      if table.has(key), table.list(key)?.isEmpty == true {
        table.fault(key, "must name a program and its arguments")
      }
      return nil
    }
    return words
  }

  /// Reads a path and makes it absolute, relative to the folder of the config; nil without the key
  /// or after a fault.
  private func path(_ table: TableReader, _ key: String) -> String? {
    let rule =
      "must be a path of letters, digits and ._-/+@,=~: without '..' steps that leave the folder"
    guard let text = table.text(key, rule, where: { !$0.isEmpty }) else { return nil }
    let absolute = Self.normal(text.hasPrefix("/") ? text : "\(folder)/\(text)")
    guard let absolute, Address.isPlainPath(absolute) else {
      table.fault(key, rule)
      return nil
    }
    return absolute
  }

  /// Returns the absolute path without `.`, `..` and double slashes; nil when it leaves the root.
  package static func normal(_ path: String) -> String? {
    var steps: [Substring] = []
    for step in path.split(separator: "/") where step != "." {
      if step == ".." {
        guard steps.popLast() != nil else { return nil }
      } else {
        steps.append(step)
      }
    }
    return "/" + steps.joined(separator: "/")
  }

  /// Reports services that share an Nginx variable, or an address that they listen on under the same
  /// name, of which Nginx would serve the first alone.
  ///
  /// With different server_names, several services may listen on one address.
  private func refuseClashes(of services: [Service]) {
    var variables: [String: ServiceName] = [:]
    var listens: [String: Service] = [:]
    for service in services {
      if let other = variables.updateValue(
        service.name, forKey: service.name.variable.lowercased())
      {
        faults.add(
          "services.\(service.name)", nil,
          "has a name that Nginx cannot tell from '\(other)': '-' and '_', and 'A' and 'a', are the same in a variable"
        )
      }
      for (index, listen) in service.listen.enumerated() {
        refuse(listen, "services.\(service.name).listen[\(index)]", of: service, &listens)
      }
    }
  }

  private func refuse(
    _ listen: String, _ path: String, of service: Service, _ listens: inout [String: Service]
  ) {
    let address = Address.canonicalListen(listen)
    // A name has no space: so this is no key of a service with names.
    let own = listens.updateValue(service, forKey: "\(address) of \(service.name)")
    if own != nil { return faults.add(path, .text(listen), "says the same address once more") }
    let speaksTCP = service.proxying.scheme == .tcp
    // An address is HTTP's or that of one TCP service; what Nginx does with both depends on its start.
    if let other = listens[address], speaksTCP || other.proxying.scheme == .tcp {
      return faults.add(
        path, .text(listen),
        "is already listened on by '\(other.name)', and one of the two speaks tcp; give it another address"
      )
    }
    listens[address] = service
    for name in service.serverNames.isEmpty ? [""] : service.serverNames {
      let key = "\(address) \(name.lowercased())"
      guard let other = listens.updateValue(service, forKey: key), other.name != service.name
      else { continue }
      return faults.add(
        path, .text(listen),
        name.isEmpty
          ? "is already listened on by '\(other.name)'; give the services server_names or other addresses"
          : "is already listened on by '\(other.name)' with the name \(name), and Nginx would serve that one alone; give them different server_names or addresses"
      )
    }
  }
}
