internal import CanaryCore

/// The ranges that a query looks at, against the minute that each of its values stands for.
struct PrometheusRange {
  private let ranges: [Span]

  init(_ query: String) {
    ranges = query.matches(of: /\[((?:[0-9]+(?:ms|[smhdwy]))+)(?::[^\]]*)?\]/).map { match in
      // Spans end at hours and days here; weeks and years of a query are long, whatever they are.
      Span(parsing: String(match.output.1)) ?? .hours(24 * 7)
    }
  }

  /// What you must know of the values; nil: each stands for its minute.
  var note: String? {
    if let short = ranges.first(where: { $0 < .minutes(1) }) {
      return
        "the query looks at \(short) of each minute, and does not see the requests of the rest: write [1m]"
    }
    if let long = ranges.first(where: { $0 > .minutes(10) }) {
      return
        "the query looks back over \(long) for each minute, so that bursts and edges of windows are smeared: write [1m], or [5m] where Prometheus asks once a minute"
    }
    return nil
  }
}
