package import CanaryCore

/// A request to an HTTP server, with its limits in time and size.
package struct HTTPRequest: Sendable {
  package var url: String
  package var method = "GET"
  package var headers: [(name: String, value: String)] = []
  package var body: String?
  package var unixSocket: String?
  /// The address to connect to, whatever the URL names.
  package var address: String?
  /// The deadline for the whole answer.
  package var limit: Span
  /// The longest body that is read, in bytes.
  package var bodyLimit = 64 << 10
  /// Uses a new connection, closes it afterwards, and never goes through a proxy.
  package var isFresh = false
  /// The protocol to speak with the server.
  package var wireProtocol = WireProtocol.http

  package enum WireProtocol: Sendable {
    case http
    /// TLS whose certificate is not checked, as Nginx does not check its upstreams' by default.
    case https
    /// HTTP/2 without TLS, and without HTTP/1.1 first.
    case http2
    /// HTTP/2 over such TLS.
    case http2s
    /// Only TLS: the server's certificate is the answer.
    case certificate
    /// None: a connection that opens is the answer.
    case connection
  }

  /// PEM files: the authority to trust, and this client's own certificate and key.
  package var authority: String?
  package var certificate: String?
  package var key: String?

  package init(_ url: String, limit: Span) {
    self.url = url
    self.limit = limit
  }
}

/// A server's answer.
package struct HTTPAnswer: Hashable, Sendable {
  package var status: Int
  package var body: String
  /// What its `Content-Type` says; empty when it has none.
  package var type = ""
  /// How long the transfer took.
  package var seconds = 0.0
  /// How old the answer was on arrival, by its `Age` and `Date`; nil when it has neither.
  package var age: Span?
  /// When the server's certificate expires; only after `wireProtocol` was `.certificate`.
  package var expires: Instant?
  /// The status of a call of gRPC, and its message; nil when the answer has none.
  package var grpc: GRPCStatus?

  package struct GRPCStatus: Hashable, Sendable {
    package var code: Int
    package var message = ""
  }
}

/// Why there is no answer.
package struct HTTPError: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String
  /// Nothing listens: the connection was refused, or the socket does not exist.
  package let isRefused: Bool
  /// The body is longer than the request's limit.
  package var isTooLong = false
  /// The limit of time passed without an answer.
  package var isTimeout = false
  /// The server's certificate is not trusted for its name today.
  package var isUntrusted = false
}
