internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// `canary windows`: when little comes, and whether a stage could say anything then.
enum WindowsCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "windows", service: .none,
      summary: "find windows of low traffic in access logs or in Prometheus",
      details: """
        Reads Nginx's combined format and canary's own, plain or .gz. A stretch counts when it lasts 15 minutes, stays under
        10 % of the day's mean on every day of that weekday, and keeps clear of bursts that come back. Days that are not
        whole, have holes, or are as quiet as a holiday are left out, and named.
        """,
      options: [
        Option("--log", "FILE", "an access log; further files may follow", repeats: true),
        Option(
          "--prometheus", "QUERY", "PromQL that gives requests a second, of the endpoint prometheus"
        ),
        Option("--days", "N", "how many days back from the newest request; else 7"),
        Option(
          "--zone", "ZONE", "whose clock counts, such as Asia/Shanghai; else the config's, or UTC"),
        .json,
      ], rest: "FILE")
  ) { arguments, output throws(Failure) in
    guard let days = Int(arguments["--days"] ?? "7"), (1...366).contains(days) else {
      throw Failure(.wrong, "--days must be a whole number from 1 to 366")
    }
    let zone = try zone(arguments)
    let files = arguments.all("--log") + arguments.rest
    guard files.isEmpty != (arguments["--prometheus"] == nil) else {
      throw Failure(.wrong, "say either --log FILE… or --prometheus QUERY")
    }
    var traffic: Traffic
    var notes: [String] = []
    if let query = arguments["--prometheus"] {
      traffic = try await ask(query, arguments, output, days)
    } else {
      (traffic, notes) = try await read(files)
    }
    traffic.keep(days: days)
    guard traffic.lines > 0 else {
      throw Failure(
        .outside, (notes + ["nothing was found to count requests by"]).joined(separator: "\n"))
    }
    let report = WindowsReport(
      week: TrafficWeek(traffic, zone: zone), traffic: traffic, zone: zone, notes: notes)
    output.out(arguments.has("--json") ? report.json.pretty : report.text)
    return .done
  }

  private static func zone(_ arguments: Arguments) throws(Failure) -> Zone {
    guard let name = arguments["--zone"] else {
      let path = try? ConfigFile.find(named: arguments["--config"], environment: Who.environment)
      return path.flatMap { try? ConfigFile.read($0) }?.services.first?.zone ?? .utc
    }
    guard let zone = ZoneFiles.zone(name) else {
      let near =
        Spelling.nearest(to: name, among: ZoneFiles.names).map { "; did you mean '\($0)'?" } ?? ""
      throw Failure(
        .wrong, "--zone must be a zone of the tz database (found '\(Text.shown(name))')\(near)")
    }
    return zone
  }

  private static func read(_ files: [String]) async throws(Failure) -> (Traffic, [String]) {
    let result = await Blocking.run { () -> Result<TrafficLog, FileError> in
      var log = TrafficLog()
      for file in files {
        do throws(FileError) {
          try log.read(file)
        } catch {
          return .failure(error)
        }
      }
      return .success(log)
    }
    switch result {
    case .failure(let error): throw Failure(.wrong, "\(error)")
    case .success(let log):
      var notes = log.notes
      if log.traffic.unreadable > 0 {
        notes.append("\(log.traffic.unreadable) lines are of no known format and were not counted")
      }
      if log.offsets.count > 1 {
        let shown = log.offsets.sorted().map { offset in
          "\(offset < 0 ? "-" : "+")\(Digits.two(abs(offset) / 60))\(Digits.two(abs(offset) % 60))"
        }
        notes.append(
          "lines were written by several clocks (\(shown.joined(separator: ", "))); each was read by its own"
        )
      }
      return (log.traffic, notes)
    }
  }

  private static func ask(
    _ query: String, _ arguments: Arguments, _ output: Output, _ days: Int
  ) async throws(Failure) -> Traffic {
    let world = try World(arguments, output: output)
    guard let endpoint = world.config.endpoint("prometheus") else {
      throw Failure(.wrong, "the config has no endpoint prometheus")
    }
    switch await PrometheusTraffic.read(query, endpoint, days: days, now: world.clock.now()) {
    case .success(let traffic): return traffic
    case .failure(let error): throw Failure(.outside, "\(error)")
    }
  }
}

/// What was found, for people and for programs.
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
      "\(traffic.lines) requests, \(week.days.count) whole days by the clock of \(zone.name)"
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

  /// Requests a minute by hour and weekday, as shades.
  private var heatMap: [String] {
    let shades = Array(" ░▒▓█")
    let most = week.hours.map(\.requestsPerMinute).max() ?? 0
    let axis = "      " + (0..<24).map { $0 % 3 == 0 ? Digits.two($0) + "    " : "" }.joined()
    let rows = Self.order.map { weekday in
      let cells = (0..<24).map { hour -> String in
        let value = week.hours[weekday * 24 + hour].requestsPerMinute
        guard most > 0, value > 0 else { return "  " }
        // By the square root: what is a tenth of the most is still to be told from nothing.
        let shade = min(4, 1 + Int((value / most).squareRoot() * 3.999))
        return String(repeating: shades[shade], count: 2)
      }
      return "  \(name(weekday)) \(cells.joined())"
    }
    return [axis] + rows + ["      █ is \(Int(most.rounded())) requests a minute"]
  }

  var json: JSON {
    .table([
      ("zone", .text(zone.name)), ("requests", .int(traffic.lines)),
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
