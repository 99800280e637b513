internal import CanaryCore

/// The windows of low traffic, for people and for programs.
struct WindowsReport {
  let week: TrafficWeek
  let traffic: Traffic
  let zone: Zone
  let notes: [String]

  private static let order = [1, 2, 3, 4, 5, 6, 0]

  private func name(_ weekday: Int) -> String {
    let name = Weekdays.names[weekday]
    return name.prefix(1).uppercased() + name.dropFirst()
  }

  private func times(_ stretch: TrafficWeek.Stretch) -> String {
    let end = stretch.start + stretch.length
    let over =
      end / 1440 % 7 != stretch.weekday && end % 1440 != 0 ? "\(name(end / 1440 % 7)) " : ""
    return
      "\(name(stretch.weekday)) \(TrafficWeek.clock(stretch.start % 1440)) to \(over)\(TrafficWeek.clock(end % 1440))"
  }

  var text: String {
    var lines = [
      "\(traffic.requests) requests, \(week.days.count) whole days by the clock of \(zone.name)"
    ]
    lines += notes.map { "  ! \($0)" }
    lines += week.leftOut.map { "  ! \(CivilDay(number: $0.day).text) is left out: \($0.why)" }
    lines += heatMap
    for burst in week.bursts {
      let on =
        burst.recurs
        ? "on \(burst.days.count) of \(week.days.count) days"
        : "on \(burst.days.map { CivilDay(number: $0).text }.joined(separator: ", ")) only"
      lines.append(
        "  burst \(TrafficWeek.clock(burst.from)) to \(TrafficWeek.clock(burst.to)) \(on): up to \(Int(burst.perMinute)) a minute, usually \(Int(burst.usual))"
      )
    }
    if week.stretches.isEmpty {
      lines.append("no stretch of 15 minutes stays under 10 % of the day's mean")
    }
    for (index, stretch) in week.stretches.prefix(10).enumerated() {
      let share = Int((stretch.requests * 0.05).rounded())
      let seen = "seen on \(stretch.days) \(stretch.days == 1 ? "day" : "days")"
      let length = Span.minutes(Int64(stretch.length))
      lines.append(
        "\(index + 1). \(times(stretch)), \(length), \(seen): about \(Int(stretch.requests.rounded())) requests, \(share) of them in a 5% stage; \(verdict(stretch))"
      )
    }
    return lines.joined(separator: "\n")
  }

  private func verdict(_ stretch: TrafficWeek.Stretch) -> String {
    guard let soak = stretch.soak else { return "no soak can say anything without requests" }
    let length = Span.minutes(Int64(stretch.length))
    return soak <= length
      ? "a soak of \(soak) sees the 20 that a check needs"
      : "the 20 that a check needs would take \(soak): too quiet for 5%"
  }

  /// Requests per minute by hour and weekday, as shades.
  private var heatMap: [String] {
    let shades = Array(" ░▒▓█")
    let most = week.hours.map(\.requestsPerMinute).max() ?? 0
    let axis = "      " + (0..<24).map { $0 % 3 == 0 ? Digits.two($0) + "    " : "" }.joined()
    let rows = Self.order.map { weekday in
      let cells = (0..<24).map { hour -> String in
        let value = week.hours[weekday * 24 + hour].requestsPerMinute
        guard most > 0, value > 0 else { return "  " }
        // By the square root, so that a tenth of the highest value still differs from nothing.
        let shade = min(4, 1 + Int((value / most).squareRoot() * 3.999))
        return String(repeating: shades[shade], count: 2)
      }
      return "  \(name(weekday)) \(cells.joined()) \(facts(weekday))"
    }
    let head =
      axis.padded(to: 55) + ["a minute", "errors", "p95"].map { $0.padded(to: -9) }.joined()
    return [head] + rows + ["      █ is \(Int(most.rounded())) requests a minute"]
  }

  /// The weekday's mean requests per minute, its error rate, and the p95 of its slowest hour.
  private func facts(_ weekday: Int) -> String {
    let hours = week.hours[weekday * 24..<weekday * 24 + 24]
    let sum = hours.map(\.requestsPerMinute).reduce(0, +)
    guard sum > 0 else { return String(repeating: "-".padded(to: -9), count: 3) }
    let failed = hours.compactMap { hour in hour.errorRate.map { $0 * hour.requestsPerMinute } }
    let errors = failed.isEmpty ? nil : failed.reduce(0, +) / sum
    return [
      ValueFormat.decimal(sum / 24, places: sum < 240 ? 1 : 0),
      errors.map { ValueFormat.decimal($0 * 100, places: 2) + "%" } ?? "-",
      hours.compactMap(\.p95).max().map { ValueFormat.decimal($0, places: 2) + "s" } ?? "-",
    ].map { $0.padded(to: -9) }.joined()
  }

  var json: JSON {
    .table([
      ("zone", .text(zone.name)), ("requests", .int(traffic.requests)),
      ("unreadable", .int(traffic.unreadable)),
      ("days", .list(week.days.map { .text(CivilDay(number: $0).text) })),
      (
        "left_out",
        .list(
          week.leftOut.map {
            .table([("day", .text(CivilDay(number: $0.day).text)), ("why", .text($0.why))])
          })
      ),
      ("notes", .list(notes.map(JSON.text))),
      (
        "windows",
        .list(
          week.stretches.map { stretch in
            .table([
              ("weekday", .text(Weekdays.names[stretch.weekday])),
              ("from", .text(TrafficWeek.clock(stretch.start % 1440))),
              ("to", .text(TrafficWeek.clock((stretch.start + stretch.length) % 1440))),
              ("minutes", .int(stretch.length)), ("days_seen", .int(stretch.days)),
              ("requests", .number(stretch.requests)),
              ("canary_requests", .number(stretch.requests * 0.05)),
              ("soak_seconds", stretch.soak.map { .number($0.seconds) } ?? .null),
            ])
          })
      ),
      (
        "bursts",
        .list(
          week.bursts.map { burst in
            .table([
              ("from", .text(TrafficWeek.clock(burst.from))),
              ("to", .text(TrafficWeek.clock(burst.to))), ("recurs", .bool(burst.recurs)),
              ("days", .list(burst.days.map { .text(CivilDay(number: $0).text) })),
              ("per_minute", .number(burst.perMinute)), ("usual", .number(burst.usual)),
            ])
          })
      ),
      (
        "hours",
        .list(
          Self.order.flatMap { weekday in
            (0..<24).map { hour in
              let one = week.hours[weekday * 24 + hour]
              return .table([
                ("weekday", .text(Weekdays.names[weekday])), ("hour", .int(hour)),
                ("requests_per_minute", .number(one.requestsPerMinute)),
                ("error_rate", one.errorRate.map(JSON.number) ?? .null),
                ("p95_seconds", one.p95.map(JSON.number) ?? .null),
              ])
            }
          })
      ),
    ])
  }
}
