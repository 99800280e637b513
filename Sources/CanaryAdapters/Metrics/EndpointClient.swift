internal import CanaryCore
internal import FoundationEssentials

/// Sends a request to an endpoint with its credentials, retries once, and redacts secrets in all
/// texts.
package struct EndpointClient {
  private let endpoint: Endpoint?
  private let environment: [String: String]

  init(_ endpoint: Endpoint?, environment: [String: String]) {
    self.endpoint = endpoint
    self.environment = environment
  }

  /// The longest answer that is read, in bytes.
  private static let bodyLimit = 1 << 20

  /// Sends the request within `limit`, and turns the answer into a reading by `read`.
  ///
  /// A status that `accepts` refuses, or no answer, is a failed reading. Secrets are removed from
  /// its text.
  func request(
    _ url: String, method: String = "GET", headers: [String: Secret] = [:], body: String? = nil,
    limit: Span, accepts: (Int) -> Bool = { (200...299).contains($0) },
    _ read: (HTTPAnswer) -> Measurement.Reading
  ) async -> Measurement.Reading {
    var secrets = Secrets(environment: environment)
    var question = HTTPRequest(url, limit: limit)
    question.method = method
    question.body = body
    question.bodyLimit = Self.bodyLimit
    do throws(SourceError) {
      try addCredentials(&question, headers, &secrets)
    } catch {
      return .failed(secrets.redacted(error.description))
    }
    let reading: Measurement.Reading
    switch await answer(question) {
    case .failure(let error): reading = .failed("\(Self.host(url)): \(error.description)")
    case .success(let answer) where accepts(answer.status): reading = read(answer)
    case .success(let answer): reading = .failed("\(Self.host(url)) \(Self.refusal(answer))")
    }
    return Self.redacted(reading, secrets)
  }

  private func addCredentials(
    _ question: inout HTTPRequest, _ headers: [String: Secret], _ secrets: inout Secrets
  ) throws(SourceError) {
    question.authority = endpoint?.authority
    question.certificate = endpoint?.certificate
    question.key = endpoint?.key
    var all = endpoint?.headers ?? [:]
    all.merge(headers) { $1 }
    for (name, secret) in all.sorted(by: { $0.key < $1.key }) {
      question.headers.append((name, try secrets.value(secret)))
    }
    if let bearer = endpoint?.bearer {
      question.headers.append(("Authorization", "Bearer " + (try secrets.value(bearer))))
    }
    if let user = endpoint?.user, let password = endpoint?.password {
      let encoded = Data("\(user):\(try secrets.value(password))".utf8).base64EncodedString()
      secrets.hide(encoded)
      question.headers.append(("Authorization", "Basic \(encoded)"))
    }
  }

  /// The answer; retried once, within the deadline, when the server could not be reached, fails or
  /// is overloaded.
  private func answer(_ question: HTTPRequest) async -> Result<HTTPAnswer, HTTPError> {
    let clock = ContinuousClock()
    let start = clock.now
    let first = await HTTPLoop.shared.send(question)
    switch first {
    case .success(let answer) where answer.status < 500 && answer.status != 429: return first
    case .failure(let error) where error.isTooLong: return first
    case .success, .failure: break
    }
    let left = question.limit - Span(clock.now - start)
    guard left > Self.pause * 2 else { return first }
    try? await clock.sleep(for: .milliseconds(Self.pause.milliseconds))
    var again = question
    again.limit = left - Self.pause
    let second = await HTTPLoop.shared.send(again)
    // The first answer says more than that the retry had too little time.
    if case .failure = second, case .success = first { return first }
    return second
  }

  private static let pause = Span(milliseconds: 200)

  /// The start of a body, on one line.
  package static func excerpt(_ body: String) -> String {
    Text.sanitized(
      body.prefix(2000).split(whereSeparator: \.isWhitespace).joined(separator: " "), limit: 160)
  }

  /// Says that a status is not the expected one, with the start of the body.
  package static func refusal(_ answer: HTTPAnswer) -> String {
    let hint: String
    switch answer.status {
    case 300...399: hint = " (a redirect, which is not followed; use the address it leads to)"
    case 401, 403: hint = " (the credentials of the endpoint are missing or not accepted)"
    default: hint = ""
    }
    let body = excerpt(answer.body)
    return "answered \(answer.status)\(hint)" + (body.isEmpty ? "" : ": \(body)")
  }

  /// Scheme, host and port of a URL: its path or query may hold a secret.
  static func host(_ url: String) -> String {
    guard let scheme = url.firstRange(of: "://") else { return url }
    let rest = url[scheme.upperBound...]
    return String(url[..<scheme.upperBound]) + rest.prefix { !"/?#".contains($0) }
  }

  private static func redacted(_ reading: Measurement.Reading, _ secrets: Secrets)
    -> Measurement.Reading
  {
    switch reading {
    case .failed(let text): .failed(secrets.redacted(text))
    case .nothing(let text): .nothing(secrets.redacted(text))
    case .answer(let good, let text): .answer(good, secrets.redacted(text))
    case .noted(let value, let text): .noted(value, secrets.redacted(text))
    case .value, .beside, .compared: reading
    }
  }
}
