/// Formats the values of a source for people: shares in percent, latencies in ms or s, certificates
/// in days.
package struct ValueFormat {
  private enum Unit { case share, time, days, plain }
  private let unit: Unit

  package init(_ source: Source) {
    switch source {
    case .metric(let metric), .shadow(let metric):
      unit = metric.isShare ? .share : metric.quantile == nil ? .plain : .time
    case .probe: unit = .time
    case .http(let request): unit = request.pointer == nil ? .time : .plain
    case .certificate: unit = .days
    case .command, .prometheus, .alerts, .checksum: unit = .plain
    }
  }

  package func text(_ value: Double) -> String {
    switch unit {
    case .share: Self.decimal(value * 100, places: 2) + "%"
    case .time:
      value < 1
        ? Self.decimal(value * 1000, places: 0) + "ms" : Self.decimal(value, places: 2) + "s"
    case .days: Self.decimal((value / 86_400).rounded(.down), places: 0) + "d"
    case .plain: Self.decimal(value, places: 3)
    }
  }

  /// The number with at most `places` decimals (0 to 3), without trailing zeros.
  package static func decimal(_ value: Double, places: Int) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    let scale = [1.0, 10, 100, 1000][min(max(places, 0), 3)]
    let scaled = (value * scale).rounded()
    let whole = Int64(abs(scaled) / scale)
    let rest = Int64(abs(scaled)) - whole * Int64(scale)
    var text = (scaled < 0 ? "-" : "") + "\(whole)"
    if rest > 0 {
      var digits = "\(rest)"
      while digits.utf8.count < places { digits = "0" + digits }
      while digits.hasSuffix("0") { digits.removeLast() }
      text += "." + digits
    }
    return text
  }
}
