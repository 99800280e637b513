/// The two generated files of a service.
package struct GeneratedFiles: Hashable, Sendable {
  /// Belongs in `http {}`: upstreams, log format, probe, and the whole `server {}` where the service listens.
  package var http: String
  /// Belongs in a location of the user's own.
  package var location: String
}

/// The templates by file name; a folder of the user's may replace any of them.
package struct TemplateSet: Sendable {
  package static let names = ["http.conf", "location.conf", "server.conf"]
  private let http: Template
  private let location: Template
  private let server: Template

  /// Parses the three templates; throws all their faults.
  package init(_ texts: [String: String]) throws(Problems) {
    var faults = Problems()
    func parse(_ name: String) -> Template? {
      guard let text = texts[name] else {
        faults.add(Problem(name, "is missing among the templates"))
        return nil
      }
      do throws(Problems) {
        return try Template(text, name: name)
      } catch {
        for problem in error.list { faults.add(problem) }
        return nil
      }
    }
    let parsed = (parse("http.conf"), parse("location.conf"), parse("server.conf"))
    guard case (let http?, let location?, let server?) = parsed else { throw faults }
    (self.http, self.location, self.server) = (http, location, server)
  }

  /// The files of one generation; the same arguments give the same bytes.
  package func render(
    _ service: Service, in config: Config, routing: Routing, generation: Generation
  ) throws(Problems) -> GeneratedFiles {
    let values = RenderValues(
      service: service, config: config, routing: routing, generation: generation)
    let locationText = try location.fill(values.location)
    var serverRows: [[String: Template.Value]] = []
    if !service.listen.isEmpty {
      let text = try server.fill(values.server(location: locationText))
      serverRows = [["text": .text(text)]]
    }
    let httpText = try http.fill(values.http(server: serverRows))
    return GeneratedFiles(http: Seal.seal(httpText), location: Seal.seal(locationText))
  }
}

/// What fills the slots, computed once for all three templates.
private struct RenderValues {
  let service: Service
  let config: Config
  let routing: Routing
  let generation: Generation

  private var stable: [Server] { service.pool(routing.stable)?.servers ?? [] }
  private var canary: [Server] { routing.canary.flatMap { service.pool($0)?.servers } ?? [] }

  private var common: [String: Template.Value] {
    [
      "service": .text(service.name.text), "generation": .text("\(generation)"),
      "variable": .text(service.name.variable),
      "brake_file": .text(config.brake(of: service.name)),
    ]
  }

  func http(server: [[String: Template.Value]]) -> [String: Template.Value] {
    let serverNames: Set = ["address", "server_weight", "max_fails", "fail_timeout"]
    var values = common
    values["stable"] = .text(routing.stable.text)
    values["canary"] = .text(routing.canary?.text ?? "-")
    values["weight"] = .text("\(routing.weight)")
    values["brake_pool"] = .text(routing.brake.text)
    values["brake_until"] = .text(routing.brakeUntil.map { "\($0.milliseconds)" } ?? "-")
    values["probe_socket"] = .text(config.probeSocket)
    values["zone"] = .text(zone)
    values["keepalive"] = .text("\(service.proxying.keepalive)")
    values["split"] = .rows(names: serverNames.union(["backup"]), splitRows)
    values["brake"] = .rows(
      names: serverNames,
      (service.pool(routing.brake)?.servers ?? []).map { row($0, weight: $0.weight) })
    values["server"] = .rows(names: ["text"], server)
    return values
  }

  var location: [String: Template.Value] {
    let proxying = service.proxying
    var values = common
    values["retry_on"] = .text(retry.on)
    values["tries"] = .text("\(retry.tries)")
    values["connect_timeout"] = .text("\(proxying.connectTimeout.milliseconds)ms")
    values["timeout"] = .text("\(proxying.timeout.milliseconds)ms")
    values["buffering"] = .text(proxying.buffering ? "on" : "off")
    values["log"] = .text(config.log(of: service.name))
    values["headers"] = .rows(names: ["header", "value"], headerRows)
    // Without a limit of the service's own, only a server {} that is ours lifts Nginx's 1 MiB.
    let limit = proxying.bodyLimit ?? (service.listen.isEmpty ? nil : "0")
    values["body"] = .rows(names: ["limit"], limit.map { [["limit": .text($0)]] } ?? [])
    values["logs"] = .rows(names: ["path"], service.accessLogs.map { ["path": .text($0)] })
    return values
  }

  func server(location: String) -> [String: Template.Value] {
    // An empty line of the location stays empty: no spaces at its end.
    let lines = location.split(separator: "\n", omittingEmptySubsequences: false).filter {
      !$0.isEmpty
    }
    return [
      "listens": .rows(names: ["address"], service.listen.map { ["address": .text($0)] }),
      "names": .rows(
        names: ["name"],
        service.serverNames.isEmpty
          ? [] : [["name": .text(service.serverNames.joined(separator: " "))]]),
      "lines": .rows(names: ["line"], lines.map { ["line": .text(String($0))] }),
    ]
  }

  private var splitRows: [[String: Template.Value]] {
    let weights = Share.weights(
      stable: stable.map(\.weight), canary: canary.map(\.weight), weight: routing.weight)
    var rows = zip(stable, weights.stable).map { splitRow($0, weight: $1) }
    rows += zip(canary, weights.canary).map { splitRow($0, weight: $1) }
    if routing.weight == .all, service.proxying.shield {
      rows += stable.map { splitRow($0, weight: $0.weight, backup: true) }
    }
    if routing.weight == .none, fallsBack {
      rows += canary.map { splitRow($0, weight: $0.weight, backup: true) }
    }
    return rows
  }

  private var fallsBack: Bool { service.proxying.fallback && routing.fallback && !canary.isEmpty }

  /// Which failed tries are tried again, and how many tries there are in all.
  ///
  /// Both pools stand in one upstream group, because only one group gives exact shares. No server is tried twice, so
  /// one try more than the larger pool has servers is sure to reach the other pool.
  private var retry: (on: String, tries: Int) {
    if routing.weight == .none {
      return ("error timeout", stable.count + (fallsBack ? 1 : 0))
    }
    if service.proxying.shield {
      return (
        "error timeout http_500 http_502 http_503 http_504", max(stable.count, canary.count) + 1
      )
    }
    return ("off", 1)
  }

  private func splitRow(_ server: Server, weight: Int, backup: Bool = false) -> [String: Template
    .Value]
  {
    var values = row(server, weight: weight)
    values["backup"] = .text(backup ? " backup" : "")
    return values
  }

  private func row(_ server: Server, weight: Int) -> [String: Template.Value] {
    [
      "address": .text(server.address), "server_weight": .text("\(weight)"),
      "max_fails": .text("\(server.maxFails)"),
      "fail_timeout": .text("\(max(1, server.failTimeout.milliseconds / 1000))s"),
    ]
  }

  private var headerRows: [[String: Template.Value]] {
    let usual = [
      ("Host", "$host"), ("X-Real-IP", "$remote_addr"),
      ("X-Forwarded-For", "$proxy_add_x_forwarded_for"), ("X-Forwarded-Proto", "$scheme"),
    ]
    let own = service.proxying.headers.sorted { $0.key < $1.key }
    let replaced = Set(own.map { $0.key.lowercased() })
    let rows =
      usual.filter { !replaced.contains($0.0.lowercased()) }
      + own.map { ($0.key, "\"\($0.value)\"") }
    return rows.map { ["header": .text($0.0), "value": .text($0.1)] }
  }

  /// Shared memory of a group: Nginx wants eight pages at least; each server takes well under a kilobyte.
  private var zone: String { "\(64 + (stable.count + canary.count) * 2)k" }
}
