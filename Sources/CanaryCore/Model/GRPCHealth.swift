/// The health check of gRPC servers: grpc.health.v1 (`health.proto` of grpc.io).
package enum GRPCHealth {
  /// The path of its call, which asks for the whole server; `?service=NAME` after it asks for one
  /// of its services.
  package static let path = "/grpc.health.v1.Health/Check"
  private static let question = "?service="

  /// The path that asks for one service of a server.
  package static func path(of service: String) -> String { path + question + service }

  /// The service that a probe's path asks for, empty for the whole server; nil: the path is none of
  /// this call.
  package static func service(_ path: String) -> String? {
    guard path.hasPrefix(Self.path) else { return nil }
    let rest = path.dropFirst(Self.path.count)
    if rest.isEmpty { return "" }
    guard rest.hasPrefix(question) else { return nil }
    let name = String(rest.dropFirst(question.count))
    return isServiceName(name) ? name : nil
  }

  /// Whether a text can be the name of a service, as in `shop.v1.Cart`.
  ///
  /// At most 100 bytes, so that its length is one byte in the message.
  package static func isServiceName(_ text: String) -> Bool {
    (1...100).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
          || "._-".utf8.contains($0)
      }
  }
}
