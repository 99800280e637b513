internal import CanaryAdapters
package import CanaryCore
package import CanaryDriver

/// One rollout as a post-mortem needs it: the result, what failed when, and who did what.
///
/// `ReportText` and `ReportPage` print it.
package struct RolloutReport {
  package let service: ServiceName
  package let rollout: Rollout
  package let entries: [Entry]
  package let checks: [CheckRecord]
  /// The service retries failed tries of idempotent requests on stable.
  private let isShielded: Bool
  package let now: Instant
  /// Requests by pool and second, of this rollout's time only, oldest first.
  package let slices: [LogSlice]

  package init(
    service: ServiceName, record: RolloutRecord, checks: [CheckRecord], slices: [LogSlice],
    isShielded: Bool,
    now: Instant
  ) {
    self.service = service
    self.rollout = record.rollout
    self.entries = record.entries
    self.checks = checks
    self.isShielded = isShielded
    self.now = now
    let end = (record.rollout.ended ?? now).second
    self.slices = slices.filter {
      $0.second >= record.rollout.started.second && $0.second <= end
    }.sorted { $0.second < $1.second }
  }

  /// When the rollout ended; now, while it runs.
  package var end: Instant { rollout.ended ?? now }

  // MARK: what was counted

  package func total(_ pool: PoolName) -> PoolCounts {
    slices.reduce(into: PoolCounts()) { if $1.pool == pool { $0.merge($1.counts) } }
  }

  /// The first and the last second in which tries on the canary failed; nil when none did.
  package var failing: (first: Instant, last: Instant)? {
    let seconds = slices.filter { $0.pool == rollout.to && $0.counts.failures > 0 }.map(\.second)
    guard let first = seconds.first, let last = seconds.last else { return nil }
    return (Instant(milliseconds: first * 1000), Instant(milliseconds: last * 1000))
  }

  /// What users saw of the canary's failures; nil: nothing counts the requests of this service.
  package var harm: Harm? {
    slices.isEmpty ? nil : Harm(total(rollout.to), isShielded: isShielded)
  }

  /// When the revert was decided; nil without one.
  package var decided: Instant? { entries.first { $0.event == .reverting }?.time }

  /// The canary's weights and when each began, oldest first, from none at the start.
  package var steps: [(at: Instant, weight: Weight)] {
    var steps: [(Instant, Weight)] = [(rollout.started, .none)]
    for entry in entries {
      switch entry.event {
      case .stage, .promoted: if let weight = entry.weight { steps.append((entry.time, weight)) }
      case .reverting: steps.append((entry.time, .none))
      default: break
      }
    }
    return steps
  }

  // MARK: the first screen

  /// The result, its pools, release and duration in one sentence.
  package var headline: String {
    let took = end - rollout.started
    let most = steps.map(\.weight).max() ?? .none
    let release = rollout.release.map { " (\($0))" } ?? ""
    let way = "\(rollout.from) → \(rollout.to)\(release)"
    switch rollout.phase {
    case .promoted:
      return
        "Promoted: \(way) in \(Self.rough(took)) over \(Text.count(rollout.plan.stages.count, "stage"))."
    case .reverted(let reason), .reverting(_, let reason):
      let who = reason.kind == .person ? "Stopped by a person" : "Reverted"
      return "\(who): \(way) after \(Self.rough(took)), at most \(most)%: \(reason.text)"
    case .starting, .applying, .soaking, .paused, .finishing:
      return "Running: \(way) for \(Self.rough(took)), \(steps.last?.weight ?? .none)% now."
    }
  }

  /// Names and values of what you ask first about a rollout: the harm, the check that failed, then
  /// the rest.
  package var facts: [(name: String, value: String)] {
    let (canary, stable) = (total(rollout.to), total(rollout.from))
    let isCounted = canary.requests + stable.requests > 0
    var facts: [(String, String)] = []
    if let harm { facts.append(("requests hurt", harm.sentence)) }
    for row in checkRows where row.verdict == .fail && !row.advisory {
      facts.append(("failed check", "\(row.name): \(row.detail) (\(row.rule))"))
    }
    facts.append(("started", "\(rollout.started.iso8601) by \(rollout.actor)"))
    if let reason = rollout.reason { facts.append(("why", reason)) }
    if let ended = rollout.ended { facts.append(("ended", ended.iso8601)) }
    guard isCounted else {
      return facts + [("requests", "none were counted, or it is more than eight days ago")]
    }
    facts.append(("canary \(rollout.to)", Self.words(canary)))
    facts.append(("stable \(rollout.from)", Self.words(stable)))
    guard let failing else { return facts }
    facts.append(("first failing second", Self.second(failing.first)))
    if let decided {
      // Requests are counted by the second, so the gap may be one longer.
      let gap = max(.zero, decided - failing.first).milliseconds / 1000 + 1
      facts.append(
        ("decided to go back", "\(decided.iso8601), at most \(Span.seconds(Double(gap))) later"))
    }
    let span = failing.last - failing.first + .seconds(1)
    facts.append(
      (
        "last failing second",
        "\(Self.second(failing.last)): failures came over \(Self.rough(span))"
      ))
    return facts
  }

  private static func second(_ instant: Instant) -> String {
    instant.iso8601.replacing(".000Z", with: "Z")
  }

  package static func words(_ counts: PoolCounts) -> String {
    var words =
      "\(counts.requests) \(Text.noun(counts.requests, "request")), \(counts.failures) failed"
    if counts.requests > 0 {
      let share = Double(counts.failures) / Double(counts.requests) * 100
      words += " (\(ValueFormat.decimal(share, places: 2))%)"
    }
    for (name, q) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
      if let value = counts.latency.quantile(q) {
        words += ", \(name) \(ValueFormat.decimal(value * 1000, places: 0))ms"
      }
    }
    return words
  }

  /// The span to whole seconds from one minute on, where milliseconds do not matter.
  package static func rough(_ span: Span) -> String {
    span < .minutes(1)
      ? "\(span)" : "\(Span(milliseconds: (span.milliseconds + 500) / 1000 * 1000))"
  }

  // MARK: over time

  /// One point of a chart: what both pools did in one stretch of time.
  package struct Column {
    package let at: Instant
    package let length: Span
    package var canary = PoolCounts()
    package var stable = PoolCounts()
  }

  /// The requests cut into at most `most` columns of whole seconds; empty without requests.
  package func columns(_ most: Int) -> [Column] {
    guard let first = slices.first?.second, let last = slices.last?.second else { return [] }
    let length = max(1, (last - first) / Int64(most) + 1)
    var columns = (0...((last - first) / length)).map {
      Column(
        at: Instant(milliseconds: (first + $0 * length) * 1000),
        length: .seconds(Double(length)))
    }
    for slice in slices {
      let index = Int((slice.second - first) / length)
      if slice.pool == rollout.to { columns[index].canary.merge(slice.counts) }
      if slice.pool == rollout.from { columns[index].stable.merge(slice.counts) }
    }
    return columns
  }
}
