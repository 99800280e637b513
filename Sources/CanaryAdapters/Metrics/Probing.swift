internal import CanaryCore

/// Asks the servers of a pool themselves, past Nginx.
enum Probing {
  /// Asks all servers side by side; nil when all answered with a status from 200 to 399, else who did not, and how.
  static func ask(_ servers: [Server], path: String?, limit: Span) async -> String? {
    let faults = await withTaskGroup(of: (Int, String?).self) { group in
      for (index, server) in servers.enumerated() {
        group.addTask { (index, await Blocking.run { ask(server, path: path, limit: limit) }) }
      }
      var found: [Int: String] = [:]
      for await (index, fault) in group { found[index] = fault }
      return found
    }
    if faults.isEmpty { return nil }
    return faults.sorted { $0.key < $1.key }.map { "\(servers[$0.key].address) \($0.value)" }
      .joined(separator: "; ")
  }

  private static func ask(_ server: Server, path: String?, limit: Span) -> String? {
    let isSocket = server.address.hasPrefix("unix:")
    let host = isSocket ? "localhost" : server.address
    do throws(HTTPError) {
      let answer = try HTTPClient().get(
        "http://\(host)\(path ?? "/")",
        unixSocket: isSocket ? String(server.address.dropFirst(5)) : nil, limit: limit)
      // Without a path of its own, any answer shows that the server is up.
      return path == nil || (200...399).contains(answer.status) ? nil : "answered \(answer.status)"
    } catch {
      return error.isRefused ? "refuses connections" : error.description
    }
  }
}
