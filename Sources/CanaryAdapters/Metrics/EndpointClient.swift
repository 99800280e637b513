internal import CanaryCore
internal import FoundationEssentials

/// Sends a request to an endpoint with its credentials, retries once, and redacts secrets in all
/// texts.
package struct EndpointClient: Sendable {
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
  /// A status that `accepts` refuses, or no answer, is a failed reading. `read` gets the secrets that
  /// the texts of an answer may repeat, and runs on another thread than the drivers' where the
  /// answer is long.
  func request(
    _ url: String, method: String = "GET", headers: [String: Secret] = [:], body: String? = nil,
    limit: Span, accepts: (Int) -> Bool = { (200...299).contains($0) },
    _ read: @escaping @Sendable (HTTPAnswer, Secrets) -> Measurement.Reading
  ) async -> Measurement.Reading {
    let clock = ContinuousClock()
    let start = clock.now
    var secrets = Secrets(environment: environment)
    secrets.hide(url: url)
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
    case .failure(let error):
      reading = .failed("\(Self.host(url)): \(secrets.excerpt(error.description, limit: 300))")
    case .success(let answer) where accepts(answer.status):
      reading = await Self.reading(answer, secrets, read)
    case .success(let answer):
      reading = .failed("\(Self.host(url)) \(Self.refusal(answer, secrets))")
    }
    // Whatever is read too late is as good as no answer.
    if Span(clock.now - start) > limit + Self.grace {
      return .failed("\(Self.host(url)): the answer was not read within \(limit)")
    }
    return Self.redacted(reading, secrets)
  }

  /// How much later than its limit an answer may be read.
  private static let grace = Span.seconds(1)
  /// A shorter answer is read at once: another thread costs more.
  private static let short = 4 << 10

  private static func reading(
    _ answer: HTTPAnswer, _ secrets: Secrets,
    _ read: @escaping @Sendable (HTTPAnswer, Secrets) -> Measurement.Reading
  ) async -> Measurement.Reading {
    if answer.body.utf8.count <= short { return read(answer, secrets) }
    return await Blocking.run { read(answer, secrets) }
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
      question.headers.append((name, try secrets.header(name, secret)))
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

  /// Says that a status is not the expected one, with the start of the body.
  package static func refusal(_ answer: HTTPAnswer, _ secrets: Secrets) -> String {
    let hint: String
    switch answer.status {
    case 300...399: hint = " (a redirect, which is not followed; use the address it leads to)"
    case 401, 403: hint = " (the credentials of the endpoint are missing or not accepted)"
    default: hint = ""
    }
    let body = secrets.excerpt(answer.body)
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
