/// A quantity that canary computes for a pool from the access log that the generated configuration
/// writes.
package enum Metric: String, Hashable, Sendable, Codable, CaseIterable {
  /// 5xx, failed, cut off and abandoned tries.
  case errorRate = "error_rate"
  /// 4xx, and what gRPC says in their place.
  case rejectedRate = "rejected_rate"
  /// 3xx but 304.
  case redirectRate = "redirect_rate"
  /// Answers that ended before their end.
  case cutOffRate = "cut_off_rate"
  /// Answers whose body is empty, or far smaller than stable's.
  case tinyRate = "tiny_rate"
  case latencyP50 = "latency_p50"
  case latencyP95 = "latency_p95"
  case latencyP99 = "latency_p99"
  case requests
  case requestRate = "request_rate"

  /// The config's name for this metric measured on copied requests, such as `shadow_error_rate`.
  package var shadowName: String { "shadow_\(rawValue)" }

  /// The metrics that copies have: what nobody receives is not cut off, and has no size.
  package static let ofCopies = allCases.filter { $0 != .cutOffRate && $0 != .tinyRate }

  /// Whether it is a share of the requests, from 0 to 1.
  package var isShare: Bool {
    switch self {
    case .errorRate, .rejectedRate, .redirectRate, .cutOffRate, .tinyRate: true
    case .latencyP50, .latencyP95, .latencyP99, .requests, .requestRate: false
    }
  }

  /// The quantile of a latency metric, from 0 to 1; nil for the others.
  package var quantile: Double? {
    switch self {
    case .latencyP50: 0.5
    case .latencyP95: 0.95
    case .latencyP99: 0.99
    case .errorRate, .rejectedRate, .redirectRate, .cutOffRate, .tinyRate, .requests,
      .requestRate:
      nil
    }
  }
}

/// How a metric of the canary is compared with the same metric of stable at the same time.
package struct Versus: Hashable, Sendable, Codable {
  /// The share of its requests by which the canary may be worse; nil: the metric's default margin.
  package var worseBy: Double?
  /// How much longer than stable's the canary's latency may be; nil: by the built-in tenth.
  package var longerBy: Span?
  /// Whether the stage is held until the data exclude a regression larger than the margin.
  package var demandsEvidence: Bool

  package init(worseBy: Double? = nil, longerBy: Span? = nil, demandsEvidence: Bool = true) {
    self.worseBy = worseBy
    self.longerBy = longerBy
    self.demandsEvidence = demandsEvidence
  }
}

/// The threshold or comparison that a measured value must meet; a value equal to a bound passes.
///
/// With neither a bound nor a comparison, the source's own yes or no decides.
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

/// One thing that is measured, and the condition it must meet.
package struct Check: Hashable, Sendable, Codable {
  package var name: CheckName
  package var source: Source
  package var condition: Condition
  /// The time between two measurements; nil: the default of `interval(soak:)`.
  package var every: Span?
  /// How far back a `metric` looks, but never past the start of its stage; a query knows it as
  /// `{{window}}`.
  package var window: Span
  /// How long the condition must be violated without interruption before the check fails (`for` in
  /// a config).
  package var lasting: Span
  /// How many measurements in a row must violate the condition before the check fails.
  package var failures: Int
  /// How long after the start of a stage the first measurement is made, at the earliest.
  ///
  /// What comes before that is not counted either.
  package var warmup: Span
  /// How many canary requests of a stage a comparison leaves out; nil: the default of its metric.
  package var warmupRequests: Int?
  /// How many canary requests the window must contain for a verdict other than `inconclusive`.
  package var minRequests: Int
  /// How long one measurement may take; after that its verdict is `error`.
  package var timeout: Span
  /// Whether the check is only measured and shown, and never gates.
  package var advisory: Bool
  /// What an HTTP answer must look like; nil: a status from 200 to 399.
  package var expected: Expected?
  /// The name of the endpoint that answers the check; nil: the source's `usualEndpoint`.
  package var endpoint: String?
  /// The kind of servers (`backend=`) that a probe asks; nil: all of them.
  package var backend: Label?
  /// Whether a violated bound is weighed against stable before the check fails.
  ///
  /// A bound that stable violates too is `inconclusive`: a fault of both. One that chance may have
  /// violated is `pending`.
  @Sparse package var weighsStable = false
  /// How long a rollout may wait before its first stage until the check passes; zero: not at all.
  @Sparse package var within = Span.zero
  /// Whether `warmup` was given, which a comparison then has instead of its default.
  @Sparse package var hasOwnWarmup = false

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

  /// The time between two measurements in a stage with this soak time.
  ///
  /// That is `every`, if it is set. Otherwise 10 s, or for a comparison 1/1800 of the soak (0.5 s
  /// to 2 s, so 1 s in half an hour); at most a third of the soak, and at least 0.2 s.
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

  /// The comparison with stable that the check asks for; nil without one, and for a metric that has
  /// none.
  package var compared: ComparisonSpec? {
    guard condition.versus != nil, case .metric(let metric) = source,
      let compare = ComparisonKind(metric)
    else { return nil }
    var warmUp = compare.warmup
    if hasOwnWarmup { warmUp.span = warmup }
    if let warmupRequests { warmUp.requests = warmupRequests }
    return ComparisonSpec(
      name: name, compare: compare, advisory: advisory, worseBy: condition.versus?.worseBy,
      longerBy: condition.versus?.longerBy?.milliseconds, warmup: warmUp)
  }
}
