internal import CanaryAdapters
internal import CanaryCore

/// The first config for one place that proxies requests, and the lines that you change in Nginx's
/// own files.
struct InitDraft {
  let adoption: Adoption
  let service: ServiceName
  /// The servers of the new version, as in `pools.NAME.servers`.
  let new: [String]
  /// The path of the health check; nil: no server answered any of the usual paths.
  var health: String?
  var isGRPC: Bool { proxy.module == "grpc" }
  /// Lines of the config outside of `services`.
  var top: [String] = []
  var include = "/etc/nginx/canary"
  /// What the commands to type have behind them, where the config is not at its usual place.
  var config = ""
  /// Nginx may run where this program cannot reach it by itself, such as in a container.
  var isElsewhere = false

  var map: NginxInventory { adoption.map }
  var proxy: NginxInventory.Proxy { adoption.proxy }
  var stable: [String] { adoption.servers }

  /// What you should know before you follow the steps.
  var notes: [String] {
    var notes = adoption.notes
    if isElsewhere {
      notes.append(
        "if Nginx runs in a container, say how it is reached: `nginx.test` and `nginx.reload` in docs/config.md; it must see the include folder, `run` and the logs under the same paths"
      )
    }
    if health == nil {
      notes.append(
        isGRPC
          ? "no server says by grpc.health.v1 that it serves, so a connection is enough: name the service to ask for, as in `health: \"shop.v1.Cart\"`, or leave it"
          : "no server answered GET /health, /healthz or / with a good status: say --health PATH, or `health: \"/path\"` in the config"
      )
    }
    return notes
  }

  // MARK: the config

  /// The service's part of the config.
  var block: String {
    let method =
      adoption.upstream?.method.flatMap(Balance.init).map {
        ", balance: \(JSON.text($0.text).line)"
      } ?? ""
    let pool = { (name: String, servers: [String]) in
      "        \(name): { servers: \(JSON.list(servers.map(JSON.text)).line)\(method) },"
    }
    let kept = adoption.keptGroup.map {
      "        blue: { upstream: \(JSON.text($0).line) },"
    }
    var keys: [(String, JSON)] = [("plan", .text(PlanReader.tryName))] + adoption.keys
    if health != (isGRPC ? GRPCHealth.path : "/health") {
      keys.append(("health", health.map(JSON.text) ?? .bool(false)))
    }
    let was = Text.sanitized("\(proxy.statement.text); of \(Self.place(proxy))", limit: 300)
    let lines =
      [
        "    // \(was), as it was",
        "    \"\(service)\": {", "      pools: {", kept ?? pool("blue", stable),
        pool("green", new),
        "      },",
        "      stable: \"blue\",",
      ] + keys.map { "      \($0.0): \($0.1.line)," } + ["    },"]
    return lines.joined(separator: "\n")
  }

  /// The whole config.
  var text: String {
    let keys = top.map { "  \($0),\n" }.joined()
    return "{\n\(keys)  services: {\n\(block)\n  },\n}\n"
  }

  // MARK: what you do

  /// Where the line is after step 1 has added its own.
  private func place(_ file: String, _ line: Int) -> String {
    let isBelow = map.http.map { $0.file == file && $0.endLine < line } ?? false
    return "\(file):\(line + (isBelow ? 1 : 0))"
  }
  private func place(_ statement: NginxStatement) -> String {
    place(statement.file, statement.line)
  }

  static func place(_ proxy: NginxInventory.Proxy) -> String {
    "location \(proxy.location.joined(separator: " ")) of \(proxy.server)"
  }

  /// The lines to remove; for lines from an included file, its `include`.
  private var takenOut: [String] {
    let said = { (statement: NginxStatement) in statement.text + ";" }
    let here = proxy.statement.file
    var lines = proxy.beside.filter { $0.file == here && adoption.mustGo($0) }.map {
      "\(place($0)): \(said($0))"
    }
    for include in proxy.beside where include.words.first == "include" && include.file == here {
      let brought = proxy.beside.filter { $0.via == include.place && $0.file != here }
      guard brought.contains(where: adoption.mustGo) else { continue }
      let rest = brought.filter { !adoption.mustGo($0) }.map(said)
      lines.append(
        "\(place(include)): \(said(include))"
          + (rest.isEmpty ? "" : " but keep what else it says: \(rest.joined(separator: " "))"))
    }
    return lines
  }

  /// Other places that proxy to the same servers.
  private var others: [NginxInventory.Proxy] {
    map.proxies.filter {
      $0.statement != proxy.statement
        && Target.resolved($0, map)?.address == adoption.target.address
    }
  }

  /// What you do next, step by step.
  var steps: String {
    let http = map.http.map { "http {} of \($0.file), below line \($0.endLine)" } ?? "http {}"
    let opener = proxy.opener ?? proxy.statement
    // Of several Nginx, the one that was looked at.
    let which = isElsewhere || map.main == "/etc/nginx/nginx.conf" ? "" : " -c \(map.main)"
    let isIncluded =
      !isElsewhere && NginxMainFile(map.main, generated: include)?.includes(include) == true
    var steps =
      isIncluded
      ? ["1. http {} of \(map.main) includes \(include)/*.conf already."]
      : ["1. Inside \(http), add:", "     include \(include)/*.conf;"]
    steps += [
      "2. Look at everything, and have the files made:",
      "     canary check\(config) && canary apply\(config)",
      "3. In \(Self.place(proxy)), as its first line, right after the { of \(place(opener.file, opener.endLine)):",
      "     include \(include)/\(service).location;",
    ]
    let was = "\(place(proxy.statement)): \(proxy.statement.text);"
    if adoption.added.isEmpty {
      steps += ["   Take this line out:", "     \(was)"]
    } else {
      steps += ["   Take this line out:", "     \(was)", "   and write in its place:"]
      steps += adoption.added.map { "     \($0)" }
    }
    if !takenOut.isEmpty {
      steps.append(
        "   and take these lines out, which Nginx would not take beside ours; the config has what they said:"
      )
      steps += takenOut.map { "     \($0)" }
    }
    steps.append("   Everything else in that location stays as it is.")
    let file = "\(include)/\(service).location"
    let missing = LocationAudit.missing(
      once: file, of: service, replaces: proxy, among: map.all)
    if let missing {
      let server = missing.server
      steps.append(
        "   Some of its requests may end in another location, where canary's log would not see them. In the server {}, right after the { of \(place(server.file, server.endLine)), add:"
      )
      steps += missing.lines.map { "     \($0)" }
    }
    if !others.isEmpty {
      steps.append(
        "   The same servers are reached from \(others.count == 1 ? "one other place" : "\(others.count) other places"), which may take the same line:"
      )
      steps += others.prefix(10).map { "     \(place($0.statement)): \(Self.place($0))" }
    }
    return
      (steps + [
        "4. Let Nginx take it, and look again:",

        "     nginx -t\(which) && nginx -s reload\(which) && canary check\(config)",
      ])
      .joined(separator: "\n")
  }
}
