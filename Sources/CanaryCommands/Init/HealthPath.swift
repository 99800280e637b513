internal import CanaryAdapters
internal import CanaryCore
internal import CanaryHost

/// What a server that is well answers: the path that is given, or the first usual one.
enum HealthPath {
  /// Nil: no server answered any of the usual paths.
  static func find(_ call: Invocation, _ draft: InitDraft) async throws(Failure)
    -> String?
  {
    if let path = call["--health"] {
      guard Address.isRequestPath(path) else {
        throw Failure(
          .wrong, "--health must be a path, as /health (found '\(Text.sanitized(path))')")
      }
      return path
    }
    guard let address = draft.adoption.addresses.first else { return nil }
    let way: HTTPRequest.WireProtocol =
      switch draft.adoption.target.scheme {
      case "https": .https
      case "grpc": .http2
      case "grpcs": .http2s
      default: .http
      }
    return await PoolProbe.good(
      draft.isGRPC ? [GRPCHealth.path] : ["/health", "/healthz", "/"],
      of: Server(address: address), limit: .seconds(3), ProbeWay(way))
  }
}
