internal import CanaryCore

/// A number from a JSON API, or the status of any HTTP address.
struct HTTPSource {
  let client: EndpointClient
  let endpoint: Endpoint?
  let facts: PlaceholderValues
  let now: @Sendable () -> Instant

  func measure(_ request: Request, _ check: Check, freshFor: Span) async -> Measurement.Reading {
    var url = Placeholder.fill(request.url, with: facts, in: .url)
    if url.hasPrefix("/") { url = (endpoint?.url ?? "") + url }
    var headers = request.headers
    if request.body != nil, !headers.keys.contains(where: { $0.lowercased() == "content-type" }) {
      headers["Content-Type"] = Secret(.plain("application/json"))
    }
    let body = request.body.map { Placeholder.fill($0, with: facts, in: .json) }
    let expected = check.expected ?? Expected()
    guard let pointer = request.pointer else {
      // Without a pointer to a number, the status decides.
      return await client.request(
        url, method: request.method, headers: headers, body: body, limit: check.timeout,
        accepts: { _ in true }
      ) { answer, _ in
        // With a bound, the time that the answer took is the value.
        if check.condition.hasBound, Expectation.fault(answer, expected) == nil {
          return .value(answer.seconds, requests: nil)
        }
        return Expectation.reading(answer, expected)
      }
    }
    return await client.request(
      url, method: request.method, headers: headers, body: body, limit: check.timeout,
      accepts: { expected.statuses.isEmpty ? (200...299).contains($0) : expected.accepts($0) }
    ) { answer, secrets in
      read(answer, pointer, request.timePointer, freshFor, secrets)
    }
  }

  private func read(
    _ answer: HTTPAnswer, _ pointer: String, _ timePointer: String?, _ freshFor: Span,
    _ secrets: Secrets
  ) -> Measurement.Reading {
    guard let root = JSONAnswer.parse(answer.body) else {
      return .failed(
        "the answer is not JSON: \(secrets.excerpt(answer.body))")
    }
    if let old = Freshness.fault(answer, freshFor) { return .nothing(old) }
    if let timePointer {
      guard let time = JSONAnswer.at(timePointer, in: root).flatMap(JSONAnswer.time) else {
        return .failed("the answer has no time at \(timePointer)")
      }
      if let old = Freshness.fault(time, now: now(), freshFor) { return .nothing(old) }
    }
    guard let node = JSONAnswer.at(pointer, in: root), node != .null else {
      return .nothing("the answer has nothing at \(pointer)")
    }
    guard let value = JSONAnswer.number(node) else {
      return .failed(
        "the answer has no number at \(pointer), but \(secrets.excerpt(node.shown, limit: 80))")
    }
    return .value(value, requests: nil)
  }
}

/// Compares an HTTP answer with what a check expects.
enum Expectation {
  static func reading(_ answer: HTTPAnswer, _ expected: Expected) -> Measurement.Reading {
    if let fault = fault(answer, expected) { return .answer(false, fault) }
    return .answer(true, "answered \(answer.status)")
  }

  /// Why the answer is not as expected; nil when it is.
  ///
  /// `question` are the words on what was asked, where the reader cannot know that.
  static func fault(
    _ answer: HTTPAnswer, _ expected: Expected, to question: String = ""
  ) -> String? {
    let words = "answered \(answer.status)\(question)"
    guard expected.accepts(answer.status) else { return words }
    if let body = expected.body, !ByteSearch.contains(answer.body, body) {
      return "\(words) without '\(Text.sanitized(body, limit: 40))' in it"
    }
    return nil
  }
}

/// Whether an answer is recent enough to count as data.
enum Freshness {
  /// Why the answer is too old, by its own `Age` and `Date`; nil when it is not, or does not say.
  static func fault(_ answer: HTTPAnswer, _ limit: Span) -> String? {
    guard let age = answer.age, age > limit else { return nil }
    return
      "the answer is \(age) old by its own header, and no more than \(limit) counts (or the clocks differ)"
  }

  /// Why a value of that time is too old; nil when it is not.
  static func fault(_ time: Instant, now: Instant, _ limit: Span) -> String? {
    let age = now - time
    // Of a clock that is ahead, each value is new, however old it is.
    if age < .zero - max(limit, .seconds(5)) {
      return
        "the value is from \((.zero - age).inWholeSeconds) in the future: the clocks differ; set both by NTP (timedatectl)"
    }
    guard age > limit else { return nil }
    return
      "the value is \(age.inWholeSeconds) old, and no more than \(limit) counts (or the clocks differ: timedatectl)"
  }
}
