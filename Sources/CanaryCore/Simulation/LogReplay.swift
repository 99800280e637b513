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
  private var lastLook: Int64 = 0
  /// When the next step begins, in milliseconds since 1970; after the last one, never.
  private var nextBegan: Int64 = .max
  package private(set) var tally: LogTally

  /// Finds the steps: the last run of generations in which the canary's share rises.
  ///
  /// `isOneRollout` says that all generations are stages of one rollout, whatever their shares.
  /// `baseline` is what stable did before the rollout.
  package init(
    _ census: [Int: Census], pools: [PoolName], plan: Plan, stable: PoolName, canary: PoolName,
    baseline: PoolCounts, isOneRollout: Bool = false
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
          began: Instant(milliseconds: found.first), ended: Instant(milliseconds: found.last),
          canaryShare: share, requests: both))
    }
    nextBegan = steps.first?.began.milliseconds ?? .max
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

  /// Counts one line, then judges what is due by the time of that line.
  @inline(__always)
  package mutating func read(_ line: Slice<UnsafeBufferPointer<UInt8>>, _ parser: LogParser) {
    parser.parse(line, into: &tally)
    let newest = tally.newest
    // A step begins with its first request: its comparison misses whatever is compared before.
    guard newest - lastLook >= 1000 || newest >= nextBegan else { return }
    lastLook = newest
    look(Instant(milliseconds: newest))
  }

  /// Judges what is left at the end of the log.
  package mutating func finish() { look(Instant(milliseconds: tally.newest)) }

  private mutating func look(_ now: Instant) {
    let next = steps.lastIndex { $0.began <= now }
    if let next, next != current {
      current = next
      nextBegan = steps.dropFirst(next + 1).first?.began.milliseconds ?? .max
      let context = context(steps[next])
      steps[next].states = plan.checks(stage: steps[next].stage).map(CheckState.init)
      tally.comparison?.judge.begin(
        stage: next, generation: steps[next].generation, weight: steps[next].canaryShare,
        trusted: context.since, at: context.since)
    }
    guard let current, now <= steps[current].ended + .seconds(2) else { return }
    let context = context(steps[current])
    let reading = LogReading(context, at: now, tally.comparison?.judge)
    for check in plan.checks(stage: steps[current].stage) where check.source.isFromLog {
      guard let index = steps[current].states.firstIndex(where: { $0.name == check.name }) else {
        continue
      }
      let before = steps[current].states[index]
      let after = Judge.fold(before, check, reading.measure(check, &tally))
      steps[current].states[index] = after
      guard after.verdict != before.verdict else { continue }
      steps[current].changes.append((now, check.name, after.verdict, after.detail))
      if after.verdict == .fail, !check.advisory, steps[current].reverted == nil {
        steps[current].reverted = (now, "check \(check.name) failed: \(after.detail)")
      }
    }
    tally.drop(before: now.second - 3600)
  }
}
