internal import CanaryCore

/// The one call of gRPC that canary makes: `Check` of grpc.health.v1, by hand.
///
/// A message is five bytes (0, and its length in four) and its fields; the status stands in the
/// trailers (grpc.io, "gRPC over HTTP2").
enum GRPCCall {
  /// Makes the request a call that asks for the service; empty: for the whole server.
  static func prepare(_ request: inout HTTPRequest, service: String) {
    let name = Array(service.utf8)
    // Field 1 of `HealthCheckRequest`, a text.
    let message = name.isEmpty ? [] : [0x0A, UInt8(clamping: name.count)] + name
    let body = [0, 0, 0, 0, UInt8(clamping: message.count)] + message
    request.method = "POST"
    request.body = String(decoding: body, as: UTF8.self)
    request.headers += [("Content-Type", "application/grpc"), ("TE", "trailers")]
  }

  /// Why the answer does not say that the server serves; nil when it does.
  static func fault(_ answer: HTTPAnswer, service: String) -> String? {
    guard answer.status == 200 else { return "answered \(answer.status) to a call of gRPC" }
    guard let status = answer.grpc else { return "gave no status of gRPC" }
    switch status.code {
    case 0: break
    case 12:
      return
        "has no grpc.health.v1.Health: add that service to the app, or say health: false, and a connection is enough"
    case 5: return "knows no service '\(service)' in its grpc.health.v1.Health"
    default:
      let words = Text.sanitized(status.message, limit: 100)
      return "answered with status \(status.code) of gRPC\(words.isEmpty ? "" : ": \(words)")"
    }
    return switch serving(Array(answer.body.utf8)) {
    case 1: nil
    case 2: "says NOT_SERVING"
    case 3: "says SERVICE_UNKNOWN"
    default: "says that it does not know whether it serves"
    }
  }

  /// Field 1 of a `HealthCheckResponse`; 0 when it is not there, as protobuf leaves out zeros.
  private static func serving(_ bytes: [UInt8]) -> UInt8 {
    bytes.count >= 7 && bytes[0] == 0 && bytes[5] == 0x08 ? bytes[6] : 0
  }
}
