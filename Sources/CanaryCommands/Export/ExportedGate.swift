internal import CanaryCore

/// A check of a plan as a query of Prometheus with a bound, or why it has none.
struct ExportedGate {
  let check: Check
  let query: String
  /// What the result must be, such as `result[0] <= 0.05`.
  let condition: String

  /// The gates of a plan that have a counterpart; notes each that has none.
  static func all(of plan: Plan, _ name: String, _ manifest: inout Manifest) -> [ExportedGate] {
    var gates: [ExportedGate] = []
    for check in plan.checks where !check.advisory {
      switch gate(check, name) {
      case .success(let gate): gates.append(gate)
      case .failure(let why): manifest.note("not carried over: check \(check.name): \(why.fact)")
      }
    }
    for check in plan.before {
      manifest.note("not carried over: \(check.name) of `before`: ask it before you begin")
    }
    return gates
  }

  private static func gate(_ check: Check, _ name: String) -> Result<ExportedGate, Fault> {
    guard check.condition.versus == nil else {
      return .failure(Fault("a comparison with stable, request by request"))
    }
    let window = Manifest.seconds(check.window)
    let own = "exported_service=\"\(name)-canary\""
    let query: String
    switch check.source {
    case .metric(.errorRate):
      let all = "sum(rate(nginx_ingress_controller_requests{\(own)}[\(window)]))"
      query = all.replacing("{\(own)}", with: "{\(own),status=~\"5..\"}") + " / \(all)"
    case .metric(let metric) where metric.quantile != nil:
      query =
        "histogram_quantile(\(metric.quantile ?? 0), sum by (le) (rate(nginx_ingress_controller_request_duration_seconds_bucket{\(own)}[\(window)])))"
    case .metric(let metric): return .failure(Fault("\(metric.rawValue) of canary's own log"))
    case .prometheus(let own, _):
      guard !own.contains("{{") else {
        return .failure(Fault("its query has placeholders of canary's: \(own)"))
      }
      query = own
    case .probe(let path):
      return .failure(Fault("say it as readinessProbe of the pods: GET \(path)"))
    case .shadow: return .failure(Fault("copied requests"))
    case .command, .http, .alerts, .certificate, .checksum:
      return .failure(Fault("a source of canary's own"))
    }
    let bounds = [
      check.condition.max.map { "result[0] <= \($0)" },
      check.condition.min.map { "result[0] >= \($0)" },
    ].compactMap(\.self)
    guard !bounds.isEmpty else { return .failure(Fault("no bound")) }
    return .success(
      ExportedGate(check: check, query: query, condition: bounds.joined(separator: " && ")))
  }
}
