/// The requests that chance drew for each pool under one generation, by first tries.
package struct Census: Hashable, Sendable {
  package var pools: [Int]
  /// When the first and the last of them ended, in milliseconds since 1970.
  package var first: Int64
  package var last: Int64
}

/// What the checks would have decided in each stage of a recorded log.
///
/// The log is read once more, under a clock that follows it.
package struct LogReplay: Sendable {
  /// One generation of the log that gave the canary a share; with seats, one stage.
  package struct Step: Hashable, Sendable {
    package var generation: Int
    /// The stage of the plan whose checks are applied.
    package var stage: Int
    package var began: Instant
    package var ended: Instant
    package var canaryShare: Double
    package var requests: Int
    /// Every change of a verdict, in order.
    package var changes: [(at: Instant, check: CheckName, verdict: Verdict, detail: String)] = []
    /// The checks at the end of the step.
    package var states: [CheckState] = []
    /// When and why the rollout would have been reverted; nil: it would not.
    package var reverted: (at: Instant, why: String)?

    package static func == (left: Step, right: Step) -> Bool { left.generation == right.generation }
    package func hash(into hasher: inout Hasher) { hasher.combine(generation) }
  }

  private let plan: Plan
  private let stable: PoolName
  private let canary: PoolName
  private let baseline: PoolCounts
  package private(set) var steps: [Step]
  private var current: Int?
  /// When a check is due next or the next step begins, in milliseconds since 1970; at last never.
  private var nextLook: Int64 = .max
  package private(set) var tally: LogTally

  /// Finds the steps: the last run of generations in which the canary's share rises.
  ///
  /// `isOneRollout` says that all generations are stages of one rollout, whatever their shares.
  /// `baseline` is what stable did before the rollout, and `began` when stages were seen to be in
  /// force; without it, each begins with its first request.
  package init(
    _ census: [Int: Census], pools: [PoolName], plan: Plan, stable: PoolName, canary: PoolName,
    baseline: PoolCounts, isOneRollout: Bool = false, began: [Int: Instant] = [:]
  ) {
    self.plan = plan
    self.stable = stable
    self.canary = canary
    self.baseline = baseline
    tally = LogTally(pools: pools)
    steps = []
    guard let stableIndex = pools.firstIndex(of: stable),
      let canaryIndex = pools.firstIndex(of: canary)
    else { return }
    var isOver = false
    for (generation, found) in census.sorted(by: { $0.key < $1.key }) {
      let both = found.pools[stableIndex] + found.pools[canaryIndex]
      // A few requests that a fallback brought to the canary are no stage.
      let share = both == 0 ? 0 : Double(found.pools[canaryIndex]) / Double(both)
      guard share >= 0.001 else {
        isOver = true
        continue
      }
      // The share fell: another rollout began.
      if !isOneRollout, isOver || share < (steps.last?.canaryShare ?? 0) { steps = [] }
      isOver = false
      steps.append(
        Step(
          generation: generation, stage: min(steps.count, plan.stages.count - 1),
          began: began[generation] ?? Instant(milliseconds: found.first),
          ended: Instant(milliseconds: found.last),
          canaryShare: share, requests: both))
    }
    nextLook = steps.first?.began.milliseconds ?? .max
    guard let first = steps.first,
      let judge = LogReading.judge(context(first), baseline: baseline)
    else { return }
    tally.comparison = TallyComparison(judge, pools: pools, canary: canary, stable: stable)
  }

  private func context(_ step: Step) -> StageContext {
    StageContext(
      rollout: 1, stage: step.stage, plan: plan, stable: stable, canary: canary,
      generation: Generation(step.generation), started: steps.first?.began ?? step.began,
      since: step.began)
  }

  /// Judges what was due before this line, and then counts it.
  @inline(__always)
  package mutating func read(_ line: Slice<UnsafeBufferPointer<UInt8>>, _ parser: LogParser) {
    if let time = LogCursor.time(of: line), time >= nextLook { look(upTo: time) }
    parser.parse(line, into: &tally)
  }

  /// Judges what is left at the end of the log, once more than was due.
  package mutating func finish() {
    let end = tally.newest
    look(upTo: end)
    measure(at: Instant(milliseconds: end), isLast: true)
  }

  /// Looks whenever a driver would have, up to this time.
  private mutating func look(upTo time: Int64) {
    while nextLook <= time {
      let now = Instant(milliseconds: nextLook)
      enter(at: now)
      measure(at: now)
      nextLook = max(nextDue(after: now), nextLook + Self.shortestPause)
    }
  }

  /// As in a driver, so that a check of no interval ends.
  private static let shortestPause: Int64 = 20

  /// Begins the step that is in force now, unless it has begun.
  private mutating func enter(at now: Instant) {
    guard let next = steps.lastIndex(where: { $0.began <= now }), next != current else { return }
    current = next
    let context = context(steps[next])
    steps[next].states = plan.checks(stage: steps[next].stage).map(CheckState.init)
    tally.comparison?.judge.begin(
      stage: next, generation: steps[next].generation, weight: steps[next].canaryShare,
      trusted: context.since, at: context.since)
  }

  /// When the next check is due or the next step begins.
  private func nextDue(after now: Instant) -> Int64 {
    let next = steps.first { $0.began > now }?.began.milliseconds ?? .max
    guard let current, now <= lastLook(current) else { return next }
    let step = steps[current]
    let dues = zip(plan.checks(stage: step.stage), step.states).compactMap { check, state in
      check.source.isFromLog
        ? (state.nextDue(check, soak: plan.stages[step.stage].soak)
          ?? step.began + check.warmup).milliseconds : nil
    }
    return min(next, dues.min() ?? .max)
  }

  /// What still comes after the last request of a step was waited for this long.
  private func lastLook(_ step: Int) -> Instant { steps[step].ended + .seconds(2) }

  /// Measures and judges the checks that are due; at last, all that may be measured.
  private mutating func measure(at now: Instant, isLast: Bool = false) {
    guard let current, now <= lastLook(current) else { return }
    let context = context(steps[current])
    let stage = plan.stages[steps[current].stage]
    tally.watchLimits(context, at: now)
    let reading = LogReading(context, at: now, tally.comparison?.judge)
    for (index, check) in plan.checks(stage: steps[current].stage).enumerated()
    where check.source.isFromLog && index < steps[current].states.count {
      let before = steps[current].states[index]
      let isDue = before.isDue(check, soak: stage.soak, stageStart: steps[current].began, at: now)
      guard isDue || isLast && now >= steps[current].began + check.warmup else { continue }
      let after = Judge.fold(before, check, reading.measure(check, &tally))
      steps[current].states[index] = after
      guard after.verdict != before.verdict else { continue }
      steps[current].changes.append((now, check.name, after.verdict, after.detail))
      if after.verdict == .fail, !check.advisory {
        goBack(at: now, "check \(check.name) failed: \(after.detail)")
      }
    }
    let holding = steps[current].states.filter {
      !$0.advisory && $0.measurements > 0 && $0.verdict != .pass
    }
    if now - steps[current].began >= stage.deadline, let first = holding.first {
      goBack(
        at: now,
        "it did not pass within its deadline of \(stage.deadline): \(first.name) is \(first.verdict.rawValue): \(first.detail)"
      )
    }
    tally.drop(before: now.second - 3600)
  }

  private mutating func goBack(at now: Instant, _ why: String) {
    guard let current, steps[current].reverted == nil else { return }
    steps[current].reverted = (now, why)
  }
}

extension LogCursor {
  /// When the request of a line ended, in milliseconds since 1970; nil: the line is of no format.
  @inline(__always)
  fileprivate static func time(of line: Slice<UnsafeBufferPointer<UInt8>>) -> Int64? {
    var cursor = LogCursor(line)
    return cursor.version() > 0 ? cursor.time() : nil
  }
}
