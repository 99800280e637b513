/// What is measured for the canary pool, from the access log that the generated configuration writes.
package enum Metric: String, Hashable, Sendable, Codable, CaseIterable {
  case errorRate = "error_rate"
  case latencyP50 = "latency_p50"
  case latencyP95 = "latency_p95"
  case latencyP99 = "latency_p99"
  case requests
  case requestRate = "request_rate"

  /// Its name where it is measured on copies of requests instead of users' own.
  package var shadowName: String { "shadow_\(rawValue)" }

  /// The quantile that a latency metric asks for; nil for the others.
  package var quantile: Double? {
    switch self {
    case .latencyP50: 0.5
    case .latencyP95: 0.95
    case .latencyP99: 0.99
    case .errorRate, .requests, .requestRate: nil
    }
  }
}

/// How a metric is compared with what stable does at the same time.
package struct Versus: Hashable, Sendable, Codable {
  /// By how much of its requests the canary may be worse, as a share; nil: the metric's own margin.
  package var worseBy: Double?
  /// Whether a stage is held until the data can exclude a regression larger than that.
  package var demandsEvidence: Bool

  package init(worseBy: Double? = nil, demandsEvidence: Bool = true) {
    self.worseBy = worseBy
    self.demandsEvidence = demandsEvidence
  }
}

/// What a measured value must keep to; the bound itself passes.
///
/// With neither bound the source's own yes or no decides.
package struct Condition: Hashable, Sendable, Codable {
  package var max: Double?
  package var min: Double?
  package var versus: Versus?

  package init(max: Double? = nil, min: Double? = nil, versus: Versus? = nil) {
    self.max = max
    self.min = min
    self.versus = versus
  }

  package var hasBound: Bool { max != nil || min != nil }
}

/// One thing measured and its condition.
package struct Check: Hashable, Sendable, Codable {
  package var name: CheckName
  package var source: Source
  package var condition: Condition
  /// How often it is measured; nil: ten seconds (half a second for a comparison), or a third of the soak where that is
  /// shorter.
  package var every: Span?
  /// How far back a `metric` looks, but never past the start of its stage.
  package var window: Span
  /// How long without a break the condition must be broken before the check fails.
  package var lasting: Span
  /// How many measurements in a row must break the condition before the check fails.
  package var failures: Int
  /// How long after the start of a stage nothing is measured.
  package var warmup: Span
  /// How many canary requests the window must hold for a verdict.
  package var minRequests: Int
  /// How long one measurement may take before it is an error.
  package var timeout: Span
  /// Measured and shown, but never part of the gate.
  package var advisory: Bool
  /// What an answer over HTTP must be like; nil: a status from 200 to 399.
  package var expected: Expected?
  /// The endpoint of the config that is asked; nil: the one named like the source.
  package var endpoint: String?
  /// The kind of servers that a probe asks; nil: all of them.
  package var backend: Label?
  /// A bound that stable breaks as well is a fault of both, and one that chance may have broken waits.
  @Sparse package var weighsStable = false

  package init(
    name: CheckName, source: Source, condition: Condition = Condition(), every: Span? = nil,
    window: Span = .minutes(1), lasting: Span = .zero, failures: Int = 1, warmup: Span = .zero,
    minRequests: Int = 0, timeout: Span = .seconds(5), advisory: Bool = false
  ) {
    self.name = name
    self.source = source
    self.condition = condition
    self.every = every
    self.window = window
    self.lasting = lasting
    self.failures = failures
    self.warmup = warmup
    self.minRequests = minRequests
    self.timeout = timeout
    self.advisory = advisory
  }

  /// The time between two measurements during a soak of that length.
  ///
  /// A comparison is asked every second in a stage of half an hour, between twice a second and every two seconds.
  package func interval(soak: Span) -> Span {
    if let every { return every }
    let longest: Span
    if condition.versus == nil {
      longest = .seconds(10)
    } else {
      longest = Swift.max(.seconds(0.5), Swift.min(.seconds(2), soak / 1800))
    }
    return Swift.max(.seconds(0.2), Swift.min(longest, soak / 3))
  }

  /// The comparison that the check asks for; nil for a check without one.
  package var compared: ComparisonSpec? {
    guard condition.versus != nil, case .metric(let metric) = source,
      let compare = ComparisonKind(metric)
    else { return nil }
    return ComparisonSpec(name: name, compare: compare, advisory: advisory)
  }
}
