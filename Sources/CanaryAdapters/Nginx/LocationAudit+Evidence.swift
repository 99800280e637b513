package import CanaryCore

/// Requests that end in another location, whose log is not canary's.
extension LocationAudit {
  mutating func lookAtEvidence(_ site: Site) {
    guard let server = server(site) else { return }
    let line = evidence(in: server.opened ?? 0)[site.target.service].map { all[$0] }
    for page in effective("error_page", site) where page.words.count >= 3 {
      let codes = page.words.dropFirst().dropLast().compactMap(Int.init)
      let end = page.words[page.words.count - 1]
      guard let first = end.first, "/@$".contains(first) else { continue }
      let isFailure = codes.contains { (500...599).contains($0) }
      let isIntercepted = effective(intercepting(site), site).last?.words.last == "on"
      guard isFailure || isIntercepted && codes.contains(where: { $0 < 500 }) else { continue }
      let what =
        isIntercepted
        ? "ends answers of the pools with these codes" : "ends failures that Nginx itself reports"
      let deaf = line == nil ? nil : deafLocation(end, server, site.target.service)
      if let deaf {
        add(
          site.target.service, deaf,
          "is the log where \(page.place) \(what), so canary's log has none of them",
          "take it out, or add the log of canary there: `\(Self.line(line ?? deaf))`",
          isFault: isFailure, hidesFailures: isFailure)
      } else if line == nil {
        add(
          site.target.service, page,
          "\(what) in another location (\(Text.sanitized(end))), and canary's log has none of them",
          words(missing(site, server)), isFault: isFailure, hidesFailures: isFailure,
          missing: missing(site, server))
      }
    }
    if line == nil { lookAtInternal(site, server) }
  }

  private func intercepting(_ site: Site) -> String {
    site.said.contains { $0.name == "grpc_pass" }
      ? "grpc_intercept_errors" : "proxy_intercept_errors"
  }

  /// The lines by which a server logs what ends in other locations, by service; as indices of all
  /// statements.
  mutating func evidence(in server: Int) -> [ServiceName: Int] {
    if let known = evidenceLines[server] { return known }
    var lines: [ServiceName: Int] = [:]
    for index in indices(server, "include") {
      for target in targets(of: all[index]) where target.suffix == "server" {
        lines[target.service] = lines[target.service] ?? index
      }
    }
    for index in indices(server, "access_log") {
      for word in all[index].words.dropFirst(2) where word.hasPrefix("canary.") {
        guard let service = ServiceName(String(word.dropFirst(7))) else { continue }
        lines[service] = lines[service] ?? index
      }
    }
    evidenceLines[server] = lines
    return lines
  }

  /// What to add, where, and what it displaces.
  private func missing(_ site: Site, _ server: NginxStatement) -> Missing {
    let path = site.target.path.dropLast(site.target.suffix.count) + "server"
    return Missing(
      server: server, lines: ["include \(path);"] + inheritedLogs(server).map(Self.line))
  }

  private func words(_ missing: Missing) -> String {
    var text =
      "once `canary apply` has written it, add `\(missing.lines[0])` "
      + "to the server {} at \(Text.sanitized(missing.server.place, limit: 400))"
    let logs = missing.lines.dropFirst()
    if !logs.isEmpty {
      let lines = logs.map { "`\($0)`" }.joined(separator: " ")
      text += ", and beside it, because it takes the place of what the server inherits: \(lines)"
    }
    return text
  }

  /// What a location that proxies now would need, once it includes `file` in the place of its
  /// `proxy_pass`, so that canary's log sees what ends elsewhere; nil: nothing.
  package static func missing(
    once file: String, of service: ServiceName, replaces proxy: NginxInventory.Proxy,
    among all: [NginxStatement]
  ) -> Missing? {
    let pass = proxy.statement
    let audit = LocationAudit(
      all.map { $0 == pass ? pass.saying(["include", file]) : $0 },
      targets: { $0 == file ? [Target(service: service, suffix: "location", path: file)] : [] },
      generated: { _ in [pass.saying(pass.words, outside: true)] })
    return audit.found.lazy.compactMap(\.missing).first
  }

  /// The access logs that a server inherits; empty when it has its own.
  private func inheritedLogs(_ server: NginxStatement) -> [NginxStatement] {
    guard inside(server.opened ?? 0, "access_log").isEmpty else { return [] }
    return inside(server.blocks.last?.number ?? 0, "access_log").filter { $0.words.last != "off" }
  }

  /// The access log of the location in which a URI ends, when it is not canary's.
  private mutating func deafLocation(
    _ uri: String, _ server: NginxStatement, _ service: ServiceName
  ) -> NginxStatement? {
    let key = Key(block: server.opened ?? 0, name: uri)
    let end = ends[key] ?? location(of: uri, in: key.block)
    ends[key] = end
    guard let end else { return nil }
    let logs = inside(end.opened ?? 0, "access_log")
    let isOurs = inside(end.opened ?? 0, "include").contains {
      targets(of: $0).contains { $0.service == service }
    }
    if isOurs || logs.contains(where: { $0.words.contains("canary.\(service)") }) { return nil }
    return logs.first
  }

  /// The location that a URI leads to, by name, exactly or by its longest prefix; regular
  /// expressions are not tried.
  private func location(of uri: String, in server: Int) -> NginxStatement? {
    let locations = inside(server, "location").filter(\.opensBlock)
    let exact = locations.first {
      $0.words.dropFirst() == ["=", uri] || uri.hasPrefix("@") && $0.words.dropFirst() == [uri]
    }
    if let exact { return exact }
    let prefixes = locations.filter { location in
      guard (2...3).contains(location.words.count), let prefix = location.words.last else {
        return false
      }
      let isPrefix = location.words.count == 2 || location.words[1] == "^~"
      return isPrefix && prefix.hasPrefix("/") && uri.hasPrefix(prefix)
    }
    return prefixes.max { $0.words[$0.words.count - 1].count < $1.words[$1.words.count - 1].count }
  }

  /// Internal locations that an answer's X-Accel-Redirect may lead to.
  private mutating func lookAtInternal(_ site: Site, _ server: NginxStatement) {
    for location in internals(of: server) {
      add(
        site.target.service, location,
        "is internal: if the pools lead there by X-Accel-Redirect, canary's log has none of those requests",
        words(missing(site, server)), isFault: false, missing: missing(site, server))
    }
  }

  /// The internal locations of a server that nothing in its configuration leads to.
  private mutating func internals(of server: NginxStatement) -> [NginxStatement] {
    let number = server.opened ?? 0
    if let known = internals[number] { return known }
    let everything = inside(server)
    let led = Set(
      (everything + everything.flatMap(inside)).filter {
        ["error_page", "auth_request", "mirror", "try_files", "post_action"].contains($0.name)
      }.flatMap(\.words))
    let found = inside(number, "location").filter { location in
      guard let opened = location.opened, let end = location.words.last else { return false }
      return !led.contains(end) && !end.hasPrefix("@") && !inside(opened, "internal").isEmpty
    }
    internals[number] = found
    return found
  }
}
