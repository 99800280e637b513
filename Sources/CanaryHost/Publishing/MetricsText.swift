internal import CanaryCore
internal import CanaryDriver

/// Metrics in Prometheus' text format (0.0.4).
///
/// The families are in a fixed order, each with its help and type.
struct MetricsText {
  enum Family: String, CaseIterable {
    case build = "canary_build_info"
    case published = "canary_published_timestamp_seconds"
    case phase = "canary_phase_info"
    case rollout = "canary_rollout_info"
    case weight = "canary_weight_ratio"
    case stage = "canary_stage"
    case stages = "canary_stages"
    case generation = "canary_generation"
    case brake = "canary_brake"
    case frozen = "canary_frozen"
    case undriven = "canary_undriven"
    case check = "canary_check_verdict"
    case requests = "canary_pool_requests_total"
    case failures = "canary_pool_failures_total"
    case latency = "canary_pool_latency_seconds"
    case rollouts = "canary_rollouts_total"
    case reverts = "canary_revert_duration_seconds"
    case detection = "canary_last_detection_seconds"
    case sourceErrors = "canary_source_errors_total"
    case leaving = "canary_nginx_workers_shutting_down"

    var type: String {
      switch self {
      case .latency, .reverts: "histogram"
      case .requests, .failures, .rollouts, .sourceErrors: "counter"
      case .build, .published, .phase, .rollout, .weight, .stage, .stages, .generation, .brake,
        .frozen, .undriven, .check, .detection, .leaving:
        "gauge"
      }
    }

    var help: String {
      switch self {
      case .build: "The version of canary that wrote this; always 1."
      case .published: "When this was written, in seconds since 1970."
      case .phase: "The phase that a service is in; always 1."
      case .rollout: "The newest rollout of a service, its pools and release; always 1."
      case .weight: "The share of the requests that the canary gets, as Nginx last confirmed it."
      case .stage: "The stage that is held, from 1 on; 0 without one."
      case .stages: "How many stages the plan of the running rollout has; 0 without one."
      case .generation: "The number of the configuration that Nginx last confirmed to serve."
      case .brake: "1 while the brake sends every new request to stable."
      case .frozen: "1 while a freeze lets nothing grow."
      case .undriven: "1 while a rollout is running that no process drives."
      case .check: "1 for the verdict that a check of the running rollout gives."
      case .requests:
        "Tries on a pool that were answered or failed, counted from the access log while a rollout is watched."
      case .failures: "Of these, tries that ended in 5xx, a refused connection or a timeout."
      case .latency: "How long tries on a pool took, counted like its requests."
      case .rollouts: "Rollouts that have ended, by how."
      case .reverts:
        "From the decision to go back until running workers answered without the canary."
      case .detection:
        "Of the last rollout that a gate sent back: from the first failed try on the canary to the decision."
      case .sourceErrors: "How often the source of a check did not answer."
      case .leaving: "Former workers of Nginx that still serve their last clients."
      }
    }
  }

  private var samples: [Family: [String]] = [:]

  /// Adds one sample; `suffix` extends the family's name, for the parts of a histogram.
  mutating func add(
    _ family: Family, _ labels: [(String, String)] = [], _ value: Double, suffix: String = ""
  ) {
    let inside = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
    let number =
      value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    samples[family, default: []].append(
      "\(family.rawValue)\(suffix)\(inside.isEmpty ? "" : "{\(inside)}") \(number)")
  }

  mutating func add(_ family: Family, _ labels: [(String, String)], _ histogram: Buckets) {
    for (bound, count) in zip(histogram.bounds, histogram.cumulative) {
      add(family, labels + [("le", "\(bound)")], Double(count), suffix: "_bucket")
    }
    add(family, labels + [("le", "+Inf")], Double(histogram.count), suffix: "_bucket")
    add(family, labels, histogram.sum, suffix: "_sum")
    add(family, labels, Double(histogram.count), suffix: "_count")
  }

  mutating func add(_ other: MetricsText) {
    for (family, lines) in other.samples { samples[family, default: []] += lines }
  }

  var text: String {
    var out = ""
    for family in Family.allCases {
      guard let lines = samples[family], !lines.isEmpty else { continue }
      out += "# HELP \(family.rawValue) \(family.help)\n# TYPE \(family.rawValue) \(family.type)\n"
      out += lines.joined(separator: "\n") + "\n"
    }
    return out
  }

  /// The value of a label: backslash and quote are escaped; `sanitized` leaves no line feed.
  private static func escaped(_ text: String) -> String {
    Text.sanitized(text, limit: 200).replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
  }
}

/// A histogram with fixed upper bounds, in seconds.
struct Buckets {
  let bounds: [Double]
  private(set) var cumulative: [Int]
  private(set) var count = 0
  private(set) var sum = 0.0

  static let latency = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
  static let revert = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60]

  init(_ bounds: [Double]) {
    self.bounds = bounds
    cumulative = Array(repeating: 0, count: bounds.count)
  }

  mutating func add(_ value: Double, times: Int = 1) {
    count += times
    sum += value * Double(times)
    for index in bounds.indices where value <= bounds[index] { cumulative[index] += times }
  }
}
