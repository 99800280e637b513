package import CanaryCore
internal import CanaryDriver

/// How the servers of a service are probed.
package struct ProbeWay: Sendable {
  package var wireProtocol = HTTPRequest.WireProtocol.http
  /// The host that is asked for; nil: the server's address.
  package var host: String?
  /// Whether the server speaks gRPC.
  package var isGRPC: Bool { wireProtocol == .http2 || wireProtocol == .http2s }

  package init(_ wireProtocol: HTTPRequest.WireProtocol = .http, host: String? = nil) {
    self.wireProtocol = wireProtocol
    self.host = host
  }
}

/// Probes the servers of a pool directly, past Nginx.
package enum PoolProbe {
  /// The first path that the server answers with a good status; nil when there is none or it does
  /// not answer.
  package static func good(
    _ paths: [String], of server: Server, limit: Span, _ way: ProbeWay = ProbeWay()
  )
    async -> String?
  {
    for path in paths {
      guard
        case .success(let answer) = await HTTPLoop.shared.send(
          question(server, path, limit, way))
      else { return nil }
      if fault(answer, path, Expected(), way) == nil { return path }
    }
    return nil
  }

  /// Probes all servers at once; nil when all answer as expected, otherwise which do not, and how.
  ///
  /// Without a path, a connection that opens shows that a server is up; so it does for a server
  /// that belongs to another backend than the path.
  static func probeAll(
    _ servers: [Server], _ ready: Readiness, limit: Span, _ way: (Server) -> ProbeWay
  ) async -> String? {
    let isAsked = { (server: Server) in
      ready.backend == nil || server.backend == ready.backend
    }
    let answers = await all(servers, limit: limit, way) { isAsked($0) ? ready.path : nil }
    let faults = zip(servers, answers).compactMap { server, answer -> String? in
      let path = isAsked(server) ? ready.path : nil
      let fault =
        switch answer {
        case .success(let answer): fault(answer, path, Expected(), way(server))
        case .failure(let error): text(error, path, way(server))
        }
      return fault.map { "\(server.address) \($0)" }
    }
    return faults.isEmpty ? nil : faults.joined(separator: "; ")
  }

  /// Why none of the servers answers; nil as soon as one does.
  ///
  /// Any answer will do, but for those by which a gateway says that nothing is behind it. Where this
  /// process cannot ask, nothing is known of the pool, and no revert waits for that.
  static func silence(
    of servers: [Server], path: String?, limit: Span, _ way: (Server) -> ProbeWay
  ) async -> String? {
    guard ThisProcess.canOpenFiles else { return nil }
    let (answers, post) = AsyncStream.makeStream(of: String?.self)
    let late = Task {
      try? await Task.sleep(for: .milliseconds(limit.milliseconds + 1000))
      post.yield(nil)
    }
    defer { late.cancel() }
    for server in servers {
      let way = way(server)
      // A server of gRPC need not answer what no client of it asks.
      let isAsked = path != nil && (way.wireProtocol == .http || way.wireProtocol == .https)
      let question = question(server, isAsked ? path : nil, limit, way)
      Task {
        switch await HTTPLoop.shared.send(question) {
        case .success(let answer) where isAsked && (502...504).contains(answer.status):
          post.yield("\(server.address) answers \(answer.status)")
        case .success: post.yield(nil)
        case .failure(let error): post.yield("\(server.address) \(text(error, nil, way))")
        }
      }
    }
    var faults: [String] = []
    for await fault in answers {
      guard let fault else { return nil }
      faults.append(fault)
      if faults.count == servers.count { break }
    }
    return faults.isEmpty ? nil : faults.sorted().joined(separator: "; ")
  }

  /// One measurement of a probe check.
  ///
  /// A server that does not answer as expected, or slower than `max`, fails it.
  static func measure(
    _ servers: [Server], path: String, _ check: Check, _ way: (Server) -> ProbeWay
  ) async -> Measurement.Reading {
    let servers = servers.filter { check.backend == nil || $0.backend == check.backend }
    let answers = await all(servers, limit: check.timeout, way) { _ in path }
    let expected = check.expected ?? Expected()
    var faults: [String] = []
    var slowest = 0.0
    for (server, answer) in zip(servers, answers) {
      switch answer {
      case .success(let answer):
        slowest = max(slowest, answer.seconds)
        if let fault = fault(answer, path, expected, way(server)) {
          faults.append("\(server.address) \(fault)")
        } else if let max = check.condition.max, answer.seconds > max {
          faults.append(
            "\(server.address) took \(ValueFormat(check.source).text(answer.seconds)) > \(ValueFormat(check.source).text(max))"
          )
        }
      case .failure(let error):
        faults.append("\(server.address) \(text(error, path, way(server)))")
      }
    }
    if !faults.isEmpty { return .answer(false, faults.joined(separator: "; ")) }
    let who = servers.count == 1 ? "the server answers" : "all \(servers.count) servers answer"
    guard let max = check.condition.max else { return .answer(true, who) }
    let shown = ValueFormat(check.source)
    return .answer(true, "\(who), the slowest in \(shown.text(slowest)) ≤ \(shown.text(max))")
  }

  private static func all(
    _ servers: [Server], limit: Span, _ way: (Server) -> ProbeWay,
    path: (Server) -> String?
  ) async -> [Result<HTTPAnswer, HTTPError>] {
    await withTaskGroup(of: (Int, Result<HTTPAnswer, HTTPError>).self) { group in
      for (index, server) in servers.enumerated() {
        let question = question(server, path(server), limit, way(server))
        group.addTask { (index, await HTTPLoop.shared.send(question)) }
      }
      var found = [Result<HTTPAnswer, HTTPError>](
        repeating: .failure(HTTPError(description: "was not asked", isRefused: false)),
        count: servers.count)
      for await (index, answer) in group { found[index] = answer }
      return found
    }
  }

  private static func question(
    _ server: Server, _ path: String?, _ limit: Span, _ way: ProbeWay
  ) -> HTTPRequest {
    let isSocket = server.address.hasPrefix("unix:")
    let isTLS = path != nil && (way.wireProtocol == .https || way.wireProtocol == .http2s)
    let host = way.host ?? (isSocket ? "localhost" : server.address)
    var question = HTTPRequest("\(isTLS ? "https" : "http")://\(host)\(path ?? "/")", limit: limit)
    question.wireProtocol = path == nil ? .connection : way.wireProtocol
    if way.isGRPC, let service = path.flatMap(GRPCHealth.service) {
      GRPCCall.prepare(&question, service: service)
      // The service that is asked for stands in the message.
      question.url = String(question.url.prefix { $0 != "?" })
    }
    if isSocket {
      question.unixSocket = String(server.address.dropFirst(5))
    } else if way.host != nil {
      question.address = server.address
    }
    question.isFresh = true
    return question
  }

  /// Why an answer is not as expected; nil when it is, and for a connection that opened, which is
  /// all that can be expected without a path, and of TCP.
  private static func fault(
    _ answer: HTTPAnswer, _ path: String?, _ expected: Expected, _ way: ProbeWay
  ) -> String? {
    guard let path, way.wireProtocol != .connection else { return nil }
    if way.isGRPC, let service = GRPCHealth.service(path) {
      return GRPCCall.fault(answer, service: service)
    }
    if way.isGRPC, let status = answer.grpc, status.code != 0 {
      return "answered GET \(path) with status \(status.code) of gRPC; \(advice)"
    }
    return Expectation.fault(answer, expected, to: " to GET \(path)")
  }

  private static let advice =
    "without `health` its grpc.health.v1.Health is called, with health: false a connection is enough"

  private static func text(_ error: HTTPError, _ path: String?, _ way: ProbeWay) -> String {
    if error.isRefused { return "refuses connections" }
    guard way.isGRPC, let path, !error.isTimeout else { return error.description }
    // One that has no such service may end the stream before its answer is read.
    if GRPCHealth.service(path) != nil {
      return
        "\(error) (call of grpc.health.v1.Health); if the app has no such service, add it, or say health: false, and a connection is enough"
    }
    // Many servers of gRPC reset whatever is no call.
    return "\(error) (GET \(path)); \(advice)"
  }
}
