package import CanaryCore
package import CanaryDriver

/// Every source of measurements that a check can name; each answers within its check's timeout.
package final class MetricSources: MetricSource {
  private let config: Config
  private let clock: any WallClock
  private let evidence: [Name: Evidence]

  package init(config: Config, store: SQLiteStore, clock: any WallClock) {
    self.config = config
    self.clock = clock
    evidence = Dictionary(
      uniqueKeysWithValues: config.services.map { service in
        (service.name, Evidence(service: service, log: config.log(of: service.name), store: store))
      })
  }

  package func look(_ service: Name, pool: Name, _ readiness: Readiness) async -> String? {
    await evidence[service]?.begin()
    guard let servers = config.service(service)?.pool(pool)?.servers else {
      return "the config has no pool \(pool)"
    }
    return await Probing.ask(servers, path: readiness.path, limit: .seconds(5))
  }

  package func measure(_ check: Check, _ service: Name, canary: Name, since: Instant) async
    -> Measurement
  {
    let reading: Measurement.Reading
    switch check.source {
    case .metric(let metric): reading = await measure(metric, check, service, canary, since)
    case .probe(let path): reading = await probe(path, check, service, canary)
    case .command(let words): reading = await Blocking.run { Self.run(words, check) }
    }
    return Measurement(check: check.name, at: clock.now(), reading: reading)
  }

  private func measure(
    _ metric: Metric, _ check: Check, _ service: Name, _ canary: Name, _ since: Instant
  ) async -> Measurement.Reading {
    guard let evidence = evidence[service] else {
      return .failed("the config has no service \(service)")
    }
    let now = clock.now()
    // What was measured before the stage began says nothing about this weight.
    let from = max(since, now - check.window)
    do throws(EvidenceError) {
      let counts = try await evidence.counts(pool: canary, from: from, to: now)
      return Judge.reading(
        metric, requests: counts.requests, failures: counts.failures, window: now - from,
        quantile: { counts.latency.quantile($0) })
    } catch {
      return .failed("the access log cannot be read: \(error)")
    }
  }

  private func probe(_ path: String, _ check: Check, _ service: Name, _ canary: Name) async
    -> Measurement.Reading
  {
    guard let servers = config.service(service)?.pool(canary)?.servers else {
      return .failed("the config has no pool \(canary)")
    }
    if let fault = await Probing.ask(servers, path: path, limit: check.timeout) {
      return .answer(false, fault)
    }
    return .answer(
      true, servers.count == 1 ? "the server answers" : "all \(servers.count) servers answer")
  }

  /// Exit 0 is yes; with a bound, the last word on standard output is the number to judge.
  private static func run(_ words: [String], _ check: Check) -> Measurement.Reading {
    let ran: Ran
    do throws(SpawnError) {
      ran = try Spawn.run(words, limit: check.timeout)
    } catch {
      return .failed(error.description)
    }
    let last = Text.shown(
      ran.output.split(whereSeparator: \.isNewline).last.map(String.init) ?? "", limit: 200)
    switch ran.end {
    case .late: return .failed("\(words[0]) did not end within \(check.timeout)")
    case .signal(let number): return .failed("\(words[0]) was ended by signal \(number)")
    case .exit(let code):
      guard check.condition.max != nil || check.condition.min != nil else {
        return .answer(code == 0, "exit \(code)" + (last.isEmpty ? "" : ": \(last)"))
      }
      guard code == 0 else {
        return .failed("\(words[0]) exited with \(code)" + (last.isEmpty ? "" : ": \(last)"))
      }
      guard let number = last.split(separator: " ").last.flatMap({ Double($0) }) else {
        return .failed("\(words[0]) printed no number" + (last.isEmpty ? "" : ": \(last)"))
      }
      return .value(number, requests: nil)
    }
  }
}
