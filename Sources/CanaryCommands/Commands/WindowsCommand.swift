internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary windows`: finds times of low traffic, and whether a stage could show anything then.
enum WindowsCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "windows", service: .none,
      summary: "find windows of low traffic in access logs or in Prometheus",
      details: """
        Reads Nginx's combined format and canary's own, plain or .gz. A stretch counts when it lasts 15 minutes, stays under
        10 % of the day's mean on every day of that weekday, and keeps clear of bursts that come back. Days that are not
        whole, have holes, or are as quiet as a holiday are left out, and named. Prometheus is asked for one value a minute: the
        range of a rate should be [1m], and at least two of its scrapes; it says nothing of errors and durations.
        """,
      options: [
        Option("--log", "FILE", "an access log; further files may follow", repeats: true),
        Option(
          "--prometheus", "QUERY",
          "PromQL of the endpoint prometheus that gives requests a second, such as 'sum(rate(nginx_http_requests_total[1m]))'"
        ),
        Option("--days", "N", "how many days back from the newest request; else 7"),
        Option(
          "--zone", "ZONE", "whose clock counts, such as Asia/Shanghai; else the config's, or UTC"),
        Option("--notify", "NAME", "also tell this receiver of the config's `notify`"),
        .json,
      ], rest: "FILE")
  ) { call throws(Failure) in
    let days = try call.number("--days", 1...366) ?? 7
    let zone = try zone(call)
    let files = call.arguments.all("--log") + call.arguments.rest
    guard files.isEmpty != (call["--prometheus"] == nil) else {
      throw Failure(.wrong, "say either --log FILE… or --prometheus QUERY")
    }
    var traffic: Traffic
    var notes: [String] = []
    if let query = call["--prometheus"] {
      traffic = try await ask(query, call, days)
      notes = [PrometheusRange(query).note].compactMap(\.self)
    } else {
      (traffic, notes) = try await read(files)
    }
    traffic.keep(days: days)
    guard traffic.requests > 0 else {
      throw Failure(
        .outside, (notes + ["nothing was found to count requests by"]).joined(separator: "\n"),
        hint: call["--prometheus"] == nil
          ? nil
          : "Ask Prometheus the same: a rate needs two scrapes in its range, so [1m] is empty where one comes each minute; try [2m] or [5m]."
      )
    }
    let report = WindowsReport(
      week: TrafficWeek(traffic, zone: zone), traffic: traffic, zone: zone, notes: notes)
    call.output.out(call.has("--json") ? report.json.pretty : report.text)
    if let receiver = call["--notify"] {
      let advice = WindowsAdvice(report)
      try await WindowsNotice([("windows", report.json)]) { advice.text($0) }
        .send(to: receiver, call.world(.looking))
      call.output.err("\(receiver) was told")
    }
    return .done
  }

  private static func zone(_ call: Invocation) throws(Failure) -> Zone {
    guard let name = call["--zone"] else {
      let path = try? ConfigFile.find(named: call["--config"], environment: ThisProcess.environment)
      return path.flatMap { try? ConfigFile.read($0) }?.services.first?.zone ?? .utc
    }
    guard let zone = ZoneFiles.zone(name) else {
      let near =
        Spelling.nearest(to: name, among: ZoneFiles.names).map { "; did you mean '\($0)'?" } ?? ""
      throw Failure(
        .wrong, "--zone must be a zone of the tz database (found '\(Text.sanitized(name))')\(near)")
    }
    return zone
  }

  private static func read(_ files: [String]) async throws(Failure) -> (Traffic, [String]) {
    let result = await Blocking.run { () -> Result<TrafficLog, FileError> in
      var log = TrafficLog(now: SystemClock.now)
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
    _ query: String, _ call: Invocation, _ days: Int
  ) async throws(Failure) -> Traffic {
    let world = try call.world(.looking)
    guard let endpoint = world.config.endpoint("prometheus") else {
      throw Failure(.wrong, "the config has no endpoint prometheus")
    }
    switch await PrometheusTraffic.read(query, endpoint, days: days, now: world.clock.now()) {
    case .success(let traffic): return traffic
    case .failure(let error): throw Failure(.outside, "\(error)")
    }
  }
}
