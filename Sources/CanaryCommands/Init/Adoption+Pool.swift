internal import CanaryAdapters
internal import CanaryCore

// What becomes of the upstream group that a `proxy_pass` names.
extension Adoption {
  /// The parameters of a server that a pool of canary takes as they are.
  private static let parameters = ["weight=", "max_conns=", "max_fails=", "fail_timeout="]

  /// The servers of stable, as in `pools.NAME.servers`.
  var servers: [String] {
    guard let upstream else { return [target.address] }
    return upstream.servers.compactMap { words in
      guard let address = words.first else { return nil }
      let kept = words.dropFirst().filter { $0 != "max_conns=0" }.map { word in
        // Nginx takes seconds without a unit.
        word.hasPrefix("fail_timeout=") && word.last?.isNumber == true ? word + "s" : word
      }
      return ([Target.withPort(address)] + kept).joined(separator: " ")
    }
  }

  /// Those that take part, without parameters.
  var addresses: [String] {
    servers.map { $0.split(separator: " ").map(String.init) }
      .filter { !$0.contains("down") && !$0.contains("backup") }.compactMap(\.first)
  }

  /// The name of the upstream group where the stable pool must be that group as it is, since a pool
  /// of canary cannot say all that it says; nil: the pool can.
  var keptGroup: String? {
    guard let upstream, foreignToPool != nil, Pool.isUpstream(upstream.name) else { return nil }
    return upstream.name
  }

  /// Whether Nginx resolves the name of the server while it runs.
  var isResolved: Bool {
    proxy.target.contains("$") && upstream == nil && !target.host.hasPrefix("unix:")
      && !target.host.allSatisfy { $0.isNumber || ".:[]".contains($0) } && !said("resolver").isEmpty
  }

  /// What the upstream group says that a pool of canary cannot; nil: nothing.
  var foreignToPool: String? {
    guard let upstream else { return nil }
    for words in upstream.servers {
      for word in words.dropFirst()
      where !Self.parameters.contains(where: word.hasPrefix) && !["down", "backup"].contains(word) {
        return "`\(word)` of server \(words[0])"
      }
    }
    if let method = upstream.method, Balance(method) == nil { return "`\(method)`" }
    return upstream.others.first { !["keepalive", "zone"].contains($0.first ?? "") }.map {
      "`\($0.joined(separator: " "))`"
    }
  }
}
