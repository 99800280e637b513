/// Where a measurement comes from.
package indirect enum Source: Hashable, Sendable, Codable {
  case metric(Metric)
  /// The same of the copies that went to the canary as a shadow.
  case shadow(Metric)
  /// GET this path on every server of the canary pool.
  case probe(path: String)
  /// Run this program; its exit status, or a number on its standard output, is the measurement.
  case command([String])
  /// An instant query; `{{pool}}` and its like are filled in.
  case prometheus(query: String, reduce: Reduce?)
  /// Any JSON API.
  case http(Request)
  /// Matchers of Alertmanager: no alert that they all match may fire.
  case alerts([String])
  /// The certificate that a host and port show for that host; in seconds that it is still good for.
  case certificate(String)
  /// A file and the SHA-256 that it must have.
  case checksum(path: String, sha256: String)

  /// Whether the access log answers it.
  package var isFromLog: Bool { logMetric != nil }

  /// What is asked of the access log, of users or of copies.
  package var logMetric: Metric? {
    switch self {
    case .metric(let metric), .shadow(let metric): metric
    case .probe, .command, .prometheus, .http, .alerts, .certificate, .checksum: nil
    }
  }

  package var isShadow: Bool { if case .shadow = self { true } else { false } }

  /// Whether it has no address of its own.
  package var needsURL: Bool {
    switch self {
    case .prometheus, .alerts: true
    case .http(let request): request.url.hasPrefix("/")
    case .metric, .shadow, .probe, .command, .certificate, .checksum: false
    }
  }

  /// The endpoint that is asked when the check names none.
  package var usualEndpoint: String? {
    switch self {
    case .prometheus: "prometheus"
    case .alerts: "alertmanager"
    case .metric, .shadow, .probe, .command, .http, .certificate, .checksum: nil
    }
  }
}

/// How several series become one number.
package enum Reduce: String, Hashable, Sendable, Codable, CaseIterable {
  case max, min, sum, mean

  /// Not a number as soon as one of them is none.
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

/// A question over HTTP.
package struct Request: Hashable, Sendable, Codable {
  /// A whole URL, or a path of the endpoint.
  package var url: String
  package var method: String
  package var headers: [String: Secret]
  package var body: String?
  /// Where in the answer the number stands (JSON Pointer, RFC 6901); nil: the status decides.
  package var pointer: String?
  /// Where in the answer the time of the number stands: seconds or milliseconds since 1970, or RFC 3339.
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

/// What an answer over HTTP must be like.
package struct Expected: Hashable, Sendable, Codable {
  /// The statuses that are good; empty: 200 to 399.
  package var statuses: [Int]
  /// A text that the body must hold.
  package var body: String?

  package init(statuses: [Int] = [], body: String? = nil) {
    self.statuses = statuses
    self.body = body
  }

  package func accepts(_ status: Int) -> Bool {
    statuses.isEmpty ? (200...399).contains(status) : statuses.contains(status)
  }
}

/// A text that may be a secret: written here, or where it is kept.
///
/// What is kept elsewhere is read when it is used; it is never saved and never shown.
package struct Secret: Hashable, Sendable, Codable {
  package enum Place: Hashable, Sendable, Codable {
    case plain(String)
    case environment(String)
    /// A file that nobody but its owner can read.
    case file(String)
  }
  package var place: Place
  /// Stands before it, as in `Token ‹secret›`.
  package var prefix: String

  package init(_ place: Place, prefix: String = "") {
    self.place = place
    self.prefix = prefix
  }
}

/// A server of measurements: where it is, and how one shows who one is.
package struct Endpoint: Hashable, Sendable {
  package var name: String
  package var url: String?
  /// The certificate authority that is trusted instead of the system's; a PEM file.
  package var authority: String?
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

  /// What is asked when the config says nothing of it.
  package static let usual = [
    Endpoint(name: "prometheus", url: "http://127.0.0.1:9090"),
    Endpoint(name: "alertmanager", url: "http://127.0.0.1:9093"),
  ]
}
