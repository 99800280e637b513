internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// The metrics of one service.
enum ServiceMetrics {
  static func text(
    _ report: StatusReport, _ counts: [PoolName: PoolCounts], _ detection: Double?
  ) -> MetricsText {
    let state = report.state
    let service = [("service", state.service.text)]
    let running = state.running
    var text = MetricsText()
    text.add(.phase, service + [("phase", state.word.rawValue)], 1)
    if let rollout = state.rollout {
      text.add(
        .rollout,
        service + [
          ("rollout", "\(rollout.number)"), ("from", rollout.from.text), ("to", rollout.to.text),
          ("release", rollout.release ?? ""),
        ], 1)
    }
    text.add(.weight, service, report.lastWeight.percent / 100)
    text.add(.stage, service, Double(running?.stage.map { $0 + 1 } ?? 0))
    text.add(.stages, service, Double(running?.plan.stages.count ?? 0))
    text.add(
      .generation, service, Double((state.serving?.generation ?? state.generation).number))
    text.add(.brake, service, report.brake == nil ? 0 : 1)
    text.add(.frozen, service, state.freeze(at: report.now) == nil ? 0 : 1)
    text.add(.undriven, service, running != nil && report.driver?.alive != true ? 1 : 0)
    for check in running?.checks ?? [] {
      text.add(
        .check, service + [("check", check.name.text), ("verdict", check.verdict.rawValue)], 1)
    }
    for (pool, counts) in counts.sorted(by: { $0.key < $1.key }) {
      let labels = service + [("pool", pool.text)]
      text.add(.requests, labels, Double(counts.requests))
      text.add(.failures, labels, Double(counts.failures))
      var buckets = Buckets(Buckets.latency)
      for (seconds, count) in counts.latency.values { buckets.add(seconds, times: count) }
      text.add(.latency, labels, buckets)
    }
    if let detection { text.add(.detection, service, detection) }
    return text
  }
}

/// The metrics over all saved rollouts, and those of the host.
struct PageTotals {
  private let world: World
  /// Totals of ended rollouts; nil: to be read, because a rollout has started or ended.
  private var ended: MetricsText?
  private var errors: [ServiceName: [SourceErrors]] = [:]
  private var leaving: (at: Instant, count: Int)?

  init(_ world: World) { self.world = world }

  /// Forgets the totals of ended rollouts: one has started or ended.
  mutating func forgetEnded() { ended = nil }

  /// The whole text of metrics: these totals, and the metrics of every card.
  mutating func text(_ cards: [PageCard], _ config: Config, at now: Instant) async -> String {
    if ended == nil {
      ended = await readEnded()
      errors = Dictionary(
        grouping: (try? await world.history.sourceErrors(of: nil)) ?? [], by: \.service)
    }
    var all = MetricsText()
    all.add(.build, [("version", Version.current)], 1)
    all.add(.published, [], Double(now.second))
    for card in cards {
      all.add(card.metrics)
      // The card counts the running rollout's own errors: it knows more than the store has.
      var sums = card.errors
      for row in errors[card.service.name] ?? [] where row.rollout != card.running {
        sums[row.check, default: 0] += row.count
      }
      for (check, count) in sums.sorted(by: { $0.key < $1.key }) {
        all.add(
          .sourceErrors, [("service", card.service.name.text), ("check", check)], Double(count))
      }
    }
    if let ended { all.add(ended) }
    if let count = await workers(config, at: now) { all.add(.leaving, [], Double(count)) }
    return all.text
  }

  private func readEnded() async -> MetricsText {
    var text = MetricsText()
    for row in (try? await world.history.results()) ?? [] {
      text.add(
        .rollouts, [("service", row.service.text), ("result", row.result.rawValue)],
        Double(row.count))
    }
    var reverts: [ServiceName: Buckets] = [:]
    for row in (try? await world.history.revertDurations()) ?? [] {
      reverts[row.service, default: Buckets(Buckets.revert)].add(row.took.seconds)
    }
    for (service, buckets) in reverts.sorted(by: { $0.key < $1.key }) {
      text.add(.reverts, [("service", service.text)], buckets)
    }
    return text
  }

  /// How many former workers are shutting down; nil: not known.
  ///
  /// Cached for 15 s, because it looks at every process of the host.
  private mutating func workers(_ config: Config, at now: Instant) async -> Int? {
    if let leaving, now - leaving.at < .seconds(15) { return leaving.count }
    for service in config.services.prefix(5) {
      if let workers = await world.router.observe(service.name, .workers).workers {
        leaving = (now, workers.count(where: \.isShuttingDown))
        return leaving?.count
      }
    }
    return nil
  }
}
