package import CanaryCore
internal import Synchronization

/// Requests by minute, from range queries for requests per second.
package enum PrometheusTraffic {
  package struct Fault: Error, CustomStringConvertible {
    package let description: String
  }

  /// Days per query: a server returns 11,000 points at most, and a week has 10,080 minutes.
  private static let step = 7
  /// More requests a second than any service has; what is above is no count of requests.
  private static let most = 1e12

  /// The traffic of the `days` before `now`, by `sum` of the query.
  package static func read(_ query: String, _ endpoint: Endpoint, days: Int, now: Instant) async
    -> Result<Traffic, Fault>
  {
    var traffic = Traffic()
    var end = now
    var left = days
    while left > 0 {
      let part = min(left, step)
      let start = end - .hours(24 * Int64(part))
      switch await queryRange(query, endpoint, from: start, to: end) {
      case .failure(let fault): return .failure(fault)
      case .success(let points):
        for (minute, value) in points { traffic.add(minute: minute, requests: value * 60) }
      }
      end = start - .minutes(1)
      left -= part
    }
    return .success(traffic)
  }

  private static func queryRange(
    _ query: String, _ endpoint: Endpoint, from: Instant, to: Instant
  ) async -> Result<[Int: Double], Fault> {
    let points = Mutex<[Int: Double]>([:])
    let range = from.second / 60...to.second / 60
    // `sum` makes one series of however many the query returns.
    let form = [
      "query=\(PlaceholderValues.percentEncoded("sum(\(query))"))", "start=\(from.second)",
      "end=\(to.second)", "step=60",
    ].joined(separator: "&")
    let reading = await EndpointClient(endpoint, environment: ThisProcess.environment).request(
      "\(endpoint.url ?? "")/api/v1/query_range", method: "POST",
      headers: ["Content-Type": Secret(.plain("application/x-www-form-urlencoded"))], body: form,
      limit: .minutes(1), accepts: { (200...299).contains($0) || $0 == 400 || $0 == 422 }
    ) { answer, secrets in
      guard let root = JSONAnswer.parse(answer.body),
        case .list(let series)? = JSONAnswer.at("/data/result", in: root)
      else { return .failed("the query was refused: \(secrets.excerpt(answer.body))") }
      for one in series {
        guard case .list(let pairs)? = JSONAnswer.at("/values", in: one) else { continue }
        for case .list(let pair) in pairs where pair.count == 2 {
          guard let time = JSONAnswer.time(pair[0]), let value = JSONAnswer.number(pair[1]),
            (0...Self.most).contains(value), range.contains(time.second / 60)
          else { continue }
          points.withLock { $0[Int(time.second / 60)] = value }
        }
      }
      return .answer(true, "")
    }
    if case .failed(let why) = reading { return .failure(Fault(description: why)) }
    return .success(points.withLock { $0 })
  }
}
