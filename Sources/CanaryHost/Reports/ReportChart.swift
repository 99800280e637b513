internal import CanaryCore

/// The charts of a report, as SVG that needs no script; `columns` must not be empty.
struct ReportChart {
  let columns: [RolloutReport.Column]
  let report: RolloutReport

  private static let width = 960.0
  private static let height = 150.0
  private static let left = 56.0
  private static let top = 10.0
  private static let bottom = 22.0

  private var begin: Instant { columns[0].at }
  private var span: Double { max(1, (columns[columns.count - 1].at - begin).seconds) }

  private func x(_ instant: Instant) -> Double {
    let share = (instant - begin).seconds / span
    return Self.left + (Self.width - Self.left - 8) * min(1, max(0, share))
  }

  private func y(_ value: Double, _ most: Double) -> Double {
    Self.height - Self.bottom - (Self.height - Self.bottom - Self.top) * value / most
  }

  /// The canary's weight over time.
  var weights: String {
    let steps = report.steps
    var points: [String] = []
    for (index, step) in steps.enumerated() {
      let until = index + 1 < steps.count ? steps[index + 1].at : columns[columns.count - 1].at
      let height = y(step.weight.percent, 100)
      points += [Self.point(x(step.at), height), Self.point(x(until), height)]
    }
    let floor = y(0, 100)
    let area =
      [Self.point(x(begin), floor)] + points + [Self.point(x(columns[columns.count - 1].at), floor)]
    let said = steps.map { "\($0.weight)% from \($0.at.clockTime)" }.joined(separator: ", ")
    return figure(
      "Weight of the canary", "%", 100, said,
      "<polygon class=\"weight\" points=\"\(area.joined(separator: " "))\"/>")
  }

  /// A chart of both pools; a stretch without requests is a gap, not a zero.
  func lines(
    _ title: String, _ unit: String, _ canary: (RolloutReport.Column) -> Double?,
    _ stable: (RolloutReport.Column) -> Double?
  ) -> String {
    let (canaries, stables) = (columns.map(canary), columns.map(stable))
    let ceiling = Self.ceiling((canaries + stables).compactMap(\.self).max() ?? 0)
    let said = [("canary", canaries), ("stable", stables)].map { name, values in
      values.compactMap(\.self).max().map { "\(name): at most \(Self.number($0))\(unit)" }
        ?? "\(name): no requests"
    }
    return figure(
      title, unit, ceiling, said.joined(separator: "; "),
      draw("stable", stables, ceiling) + draw("canary", canaries, ceiling))
  }

  private func draw(_ name: String, _ values: [Double?], _ most: Double) -> String {
    var runs: [[String]] = [[]]
    for (column, value) in zip(columns, values) {
      if let value {
        runs[runs.count - 1].append(Self.point(x(column.at), y(value, most)))
      } else if !runs[runs.count - 1].isEmpty {
        runs.append([])
      }
    }
    return runs.filter { !$0.isEmpty }.map { run in
      // A line of one point would be invisible.
      let points = run.count == 1 ? run + run : run
      return
        "<polyline class=\"\(name)\" stroke-linecap=\"round\" points=\"\(points.joined(separator: " "))\"/>"
    }.joined()
  }

  private func figure(
    _ title: String, _ unit: String, _ most: Double, _ said: String, _ inside: String
  ) -> String {
    let floor = y(0, most)
    let times = (0...4).map { part in
      let at = Instant(milliseconds: begin.milliseconds + Int64(span * 250) * Int64(part))
      let anchor = part == 4 ? "end" : part == 0 ? "start" : "middle"
      return
        "<text x=\"\(Self.coordinate(x(at)))\" y=\"\(Self.height - 6)\" text-anchor=\"\(anchor)\">\(at.clockTime)</text>"
    }.joined()
    let mark =
      report.decided.map {
        "<line class=\"mark\" x1=\"\(Self.coordinate(x($0)))\" x2=\"\(Self.coordinate(x($0)))\" y1=\"\(Self.top)\" y2=\"\(Self.coordinate(floor))\"><title>decided to go back</title></line>"
      } ?? ""
    let label = ReportPage.escaped("\(title): \(said)")
    return """
      <figure><figcaption>\(title)</figcaption>
      <svg viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" role="img" aria-label="\(label)">\
      <line class="axis" x1="\(Self.left)" x2="\(Self.width - 8)" y1="\(Self.coordinate(floor))" y2="\(Self.coordinate(floor))"/>\
      <text x="\(Self.left - 6)" y="\(Self.top + 8)" text-anchor="end">\(Self.number(most))\(unit)</text>\
      <text x="\(Self.left - 6)" y="\(Self.coordinate(floor))" text-anchor="end">0</text>\(times)\(inside)\(mark)</svg></figure>
      """
  }

  /// The smallest of 1, 2, 5 times a power of ten that is not below `value`; 1 for zero, at least
  /// 0.001.
  static func ceiling(_ value: Double) -> Double {
    guard value > 0 else { return 1 }
    var unit = 0.001
    while unit < value {
      for step in [1.0, 2, 5] where unit * step >= value { return unit * step }
      unit *= 10
    }
    return unit
  }

  private static func number(_ value: Double) -> String {
    ValueFormat.decimal(value, places: value < 10 ? 2 : 0)
  }

  private static func coordinate(_ value: Double) -> String {
    ValueFormat.decimal(value, places: 1)
  }
  private static func point(_ x: Double, _ y: Double) -> String {
    "\(coordinate(x)),\(coordinate(y))"
  }
}
