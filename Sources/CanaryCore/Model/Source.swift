/// The source of a check's measurements.
package indirect enum Source: Hashable, Sendable, Codable {
  case metric(Metric)
  /// A metric of the copied requests that the canary got as a shadow.
  case shadow(Metric)
  /// A GET of this path on every server of the canary pool.
  case probe(path: String)
  /// A program and its arguments; its exit status, or with a bound the last number it prints, is
  /// the measurement.
  case command([String])
  /// An instant query of Prometheus, which may contain placeholders such as `{{pool}}`.
  case prometheus(query: String, reduce: Reduce?)
  /// An HTTP request; its status, its time or a number in its JSON answer is the measurement.
  case http(Request)
  /// Matchers of Alertmanager; no alert that all of them match may fire.
  case alerts([String])
  /// The TLS certificate at `host:port`; the measurement is how many seconds it is still valid.
  case certificate(String)
  /// The path of a file, and the SHA-256 that it must have in lower-case hexadecimal digits.
  case checksum(path: String, sha256: String)

  /// Whether the measurement comes from the access log.
  package var isFromLog: Bool { logMetric != nil }

  /// The metric that is computed from the access log, of users' requests or of copies; nil: not
  /// from the log.
  package var logMetric: Metric? {
    switch self {
    case .metric(let metric), .shadow(let metric): metric
    case .probe, .command, .prometheus, .http, .alerts, .certificate, .checksum: nil
    }
  }

  package var isShadow: Bool { if case .shadow = self { true } else { false } }

  /// Whether it needs the `url` of an endpoint, because it has none of its own.
  package var needsURL: Bool {
    switch self {
    case .prometheus, .alerts: true
    case .http(let request): request.url.hasPrefix("/")
    case .metric, .shadow, .probe, .command, .certificate, .checksum: false
    }
  }

  /// The name of the endpoint for a check that names none; nil: no endpoint.
  package var usualEndpoint: String? {
    switch self {
    case .prometheus: "prometheus"
    case .alerts: "alertmanager"
    case .metric, .shadow, .probe, .command, .http, .certificate, .checksum: nil
    }
  }
}

/// How several series of a query become one number.
package enum Reduce: String, Hashable, Sendable, Codable, CaseIterable {
  case max, min, sum, mean

  /// Reduces the values to one; returns the first value that is not finite, if any.
  ///
  /// Of no values, the sum is 0 and everything else NaN: the caller must handle an empty answer
  /// first.
  package func callAsFunction(_ values: [Double]) -> Double {
    if let odd = values.first(where: { !$0.isFinite }) { return odd }
    switch self {
    case .max: return values.max() ?? .nan
    case .min: return values.min() ?? .nan
    case .sum: return values.reduce(0, +)
    case .mean: return values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
    }
  }
}

/// The HTTP request of a check.
package struct Request: Hashable, Sendable, Codable {
  /// A URL, or a path on the check's endpoint.
  package var url: String
  package var method: String
  package var headers: [String: Secret]
  package var body: String?
  /// The place of the number in the answer (JSON Pointer, RFC 6901); nil: the status decides.
  package var pointer: String?
  /// The place of the number's time in the answer: seconds or milliseconds since 1970, or RFC 3339;
  /// nil: none.
  package var timePointer: String?

  package init(
    url: String, method: String = "GET", headers: [String: Secret] = [:], body: String? = nil,
    pointer: String? = nil, timePointer: String? = nil
  ) {
    self.url = url
    self.method = method
    self.headers = headers
    self.body = body
    self.pointer = pointer
    self.timePointer = timePointer
  }
}

/// What an HTTP answer must look like to be good.
package struct Expected: Hashable, Sendable, Codable {
  /// The good statuses; empty: 200 to 399.
  package var statuses: [Int]
  /// A text that the body must contain; nil: any body.
  package var body: String?

  package init(statuses: [Int] = [], body: String? = nil) {
    self.statuses = statuses
    self.body = body
  }

  package func accepts(_ status: Int) -> Bool {
    statuses.isEmpty ? (200...399).contains(status) : statuses.contains(status)
  }
}

/// A text that may be secret: the text itself, or the place it is kept in.
///
/// A secret in a variable or file is read when it is used; it is never saved and never shown.
package struct Secret: Hashable, Sendable, Codable {
  package enum Place: Hashable, Sendable, Codable {
    case plain(String)
    case environment(String)
    /// The path of a file that only its owner may read; any other mode is an error when it is read.
    case file(String)
  }
  package var place: Place
  /// The text before the secret, as in `Token ‹secret›`.
  package var prefix: String

  package init(_ place: Place, prefix: String = "") {
    self.place = place
    self.prefix = prefix
  }
}

/// A server that answers measurements: its address and the credentials for it.
package struct Endpoint: Hashable, Sendable {
  package var name: String
  package var url: String?
  /// The PEM file of the certificate authority to trust; nil: the system's.
  package var authority: String?
  /// The file of the client certificate, with its `key`; nil: none.
  package var certificate: String?
  package var key: String?
  package var bearer: Secret?
  package var user: String?
  package var password: Secret?
  package var headers: [String: Secret]

  package init(
    name: String, url: String? = nil, authority: String? = nil, certificate: String? = nil,
    key: String? = nil, bearer: Secret? = nil, user: String? = nil, password: Secret? = nil,
    headers: [String: Secret] = [:]
  ) {
    self.name = name
    self.url = url
    self.authority = authority
    self.certificate = certificate
    self.key = key
    self.bearer = bearer
    self.user = user
    self.password = password
    self.headers = headers
  }

  /// The endpoints of a config that sets none: Prometheus and Alertmanager on loopback.
  package static let usual = [
    Endpoint(name: "prometheus", url: "http://127.0.0.1:9090"),
    Endpoint(name: "alertmanager", url: "http://127.0.0.1:9093"),
  ]
}
