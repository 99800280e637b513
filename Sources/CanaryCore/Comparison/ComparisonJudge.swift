/// Compares the canary with stable over one rollout, request by request.
///
/// All comparisons share one capital of 1. A canary that is no worse is reverted with a probability of at
/// most `alpha` over the whole rollout, however often it is judged (docs/judge.md). Only the first try of a
/// request counts: the weights chose its pool, but a retry follows a failure.
package struct ComparisonJudge: Hashable, Sendable, Codable {
  package let rollout: Int
  let alpha: Double
  /// Stable's own failure rate before the rollout; nil: too few requests to know it.
  let stableRate: Double?
  var subjects: [Subject]
  var watches: [LimitWatch]
  /// Up to which second the watches have counted.
  var watchedTo: Int64?
  let failures: Int?

  /// The newest generation seen, and the stage that began last.
  package private(set) var generation = 0
  private var stage = -1
  private var began: Int64?
  var stageBegan: Int64?
  private(set) var stageCanaries = 0
  /// Stable's latencies during the rollout, collected where there is no baseline.
  private(set) var learning = Histogram()
  private var isLearned = false
  /// The last minute of the stage: one stratum, which ends with the stage's set of seats.
  var trailing = Trailing()
  /// Stable's last minute, whatever the weight was.
  var stableMinute = Trailing()
  /// Requests that ended before this, in milliseconds, met something else, such as a brake.
  private var trusted: Int64 = .min
  private(set) var newest: Int64 = 0

  // The bet against an absolute bound.
  let bound: Double
  let boundCapital: Double
  var boundWealth: Wealth
  let goodFactors: [Double]
  let badFactors: [Double]
  var suspendedSince: Int64?
  var isAlone = false

  private(set) var silence: Silence
  let silenceCapital: Double
  /// Whether lines of the canary are missing; nil where failures are not compared.
  private(set) var ratio: SampleRatio?

  /// The first alarm of each check; none is ever withdrawn.
  package internal(set) var alarms: [Alarm] = []

  /// What was known when the evidence was enough for a revert.
  package struct Alarm: Hashable, Sendable, Codable {
    package var check: CheckName
    package var evidence: Double
    package var canary: BadCount
    package var stable: BadCount
    package var milliseconds: Int64
    /// How many requests the canary should have answered; nil unless its silence raised the alarm.
    package var due: Int?
    /// The bound that it broke; nil unless there was no stable to compare with.
    package var bound: Double?
    /// What was compared; nil: as the check says.
    package var compare: ComparisonKind?
  }

  /// Prepares the comparisons of a plan that has this many stages.
  ///
  /// `baseline` is what stable did before the rollout, `most` the highest failure rate that you accept.
  package init(
    rollout: Int, checks: [ComparisonSpec], limits: [LimitSpec] = [], stages: Int, alpha: Double,
    baseline: PoolCounts, most: Double
  ) {
    self.rollout = rollout
    self.alpha = alpha
    // Whoever compares failures wants to know of clients that give up.
    let failing = checks.first { !$0.advisory && $0.compare == .failures }
    let hidden = failing.map {
      [ComparisonSpec(name: $0.name, compare: .abandoned, advisory: false)]
    }
    let checks = checks + (hidden ?? [])
    let gating = checks.filter { !$0.advisory }
    let hasFailures = failing != nil
    boundCapital = hasFailures ? 0.2 : 0
    silenceCapital = hasFailures ? 0.05 : 0
    silence = Silence(stages: stages)
    ratio = hasFailures ? SampleRatio(stages: stages, alpha: alpha) : nil
    let slow = gating.filter { $0.compare != .failures }.reduce(0) { $0 + $1.compare.capital }
    // However many there are, they leave the failures a third of it.
    let part = hasFailures ? min(1, 0.42 / max(slow, 0.01)) : 1 / slow
    let count = gating.count { $0.compare == .failures }
    // Capital that no latency uses goes to the failures; without those the latencies share it all.
    let rest = hasFailures ? (0.75 - slow * part) / Double(count) : 0
    subjects = checks.map { check in
      let capital =
        check.advisory
        ? 1
        : check.compare == .failures
          ? rest : check.compare.capital * part
      return Subject(check, capital: capital, stages: stages)
    }
    failures = subjects.firstIndex { !$0.check.advisory && $0.check.compare == .failures }
    let known = BadCount(baseline.requests, bad: baseline.failures)
    stableRate = known.requests >= SlowLimits.least ? known.rate : nil
    // A canary that may be worse than stable may be so where stable never fails.
    let allowed = gating.filter { $0.compare == .failures }.compactMap(\.worseBy).max() ?? 0
    let automatic = Bound.automatic(stableRate: Bound.upperRate(known), most: most)
    bound = allowed == 0 ? automatic : min(0.99, max(automatic, (stableRate ?? 0) + allowed))
    watches = limits.map { LimitWatch($0, stages: stages) }
    boundWealth = Wealth(effects: 4, stages: stages)
    (goodFactors, badFactors) = Bound.factors(bound)
    for index in subjects.indices where !subjects[index].isSlow {
      // Where stable never failed, half a failure keeps the ratio finite.
      let least = 0.5 / Double(max(1, known.requests))
      subjects[index].tolerate(worseThan: stableRate == nil ? 0 : max(known.rate, least))
    }
    setLimits(baseline.latency)
    isLearned = subjects.contains { $0.isSlow && $0.limits == nil }
  }

  private mutating func setLimits(_ latency: Histogram) {
    for index in subjects.indices where subjects[index].limits == nil {
      if case .slow(let quantile) = subjects[index].check.compare {
        subjects[index].limits = SlowLimits(
          latency, quantile: quantile, longerBy: subjects[index].check.longerBy)
      }
    }
  }

  /// Begins a stage, or goes on with it: its generation serves requests from now on.
  ///
  /// `weight` is the canary's share, 0 to 1; something else, such as a brake, may route before `trusted`.
  package mutating func begin(
    stage: Int, generation: Int, weight: Double, trusted: Instant, at now: Instant
  ) {
    isAlone = weight > 0.999
    if generation > self.generation { turn(to: generation) }
    silence.begin(weight: weight, from: trusted.milliseconds)
    ratio?.begin(weight: weight, from: trusted.milliseconds)
    if trusted > now { distrust(before: trusted.milliseconds) }
    guard stage > self.stage else { return }
    if began == nil { began = now.milliseconds }
    self.stage = stage
    for index in subjects.indices { subjects[index].wealth.beginStage() }
    boundWealth.beginStage()
    silence.wealth.beginStage()
    for index in watches.indices {
      watches[index].bound.beginStage()
      watches[index].beside.beginStage()
    }
  }

  private mutating func turn(to generation: Int) {
    self.generation = generation
    if isLearned {
      // Limits change only between stages.
      for index in subjects.indices { subjects[index].limits = nil }
      setLimits(learning)
    }
    for index in subjects.indices { subjects[index].turn(at: newest) }
    for index in watches.indices { watches[index].close(at: newest) }
    trailing = Trailing()
    stageBegan = nil
    stageCanaries = 0
  }

  /// Compares nothing with what ended before this: a brake may have been on, so that no chance drew
  /// it.
  private mutating func distrust(before milliseconds: Int64) {
    guard milliseconds > trusted else { return }
    trusted = milliseconds
    for index in subjects.indices { subjects[index].closeAll(at: newest) }
    for index in watches.indices { watches[index].close(at: newest) }
    trailing = Trailing()
  }

  // MARK: requests

  /// Adds one request by its first try; `latency` is in milliseconds, nil: unknown.
  ///
  /// `failed` is nil when the client left before the answer: only a wait above the limit counts then.
  package mutating func add(
    generation: Int, milliseconds: Int64, isCanary: Bool, failed: Bool?, latency: Int64?,
    answer: Answer = Answer()
  ) {
    if generation > self.generation { turn(to: generation) }
    if milliseconds > newest { move(to: milliseconds) }
    let isLate = generation < self.generation
    if !isCanary, let failed {
      stableMinute.add(isCanary: false, isBad: failed, second: milliseconds / 1000)
      if failed { watchStable(milliseconds) }
    }
    guard milliseconds >= trusted else { return }
    if !isLate {
      if stageBegan == nil { stageBegan = milliseconds }
      if isCanary { stageCanaries += 1 }
    }
    if let failed {
      if !isLate { trailing.add(isCanary: isCanary, isBad: failed, second: milliseconds / 1000) }
      if isCanary, isWarmForFailures(milliseconds) { betOnBound(failed) }
    }
    // A request that began in the warm-up met it, however late it ends.
    let age = milliseconds - (latency ?? 0) - (stageBegan ?? 0)
    for index in watches.indices
    where !isLate && isWarm(WarmUp(span: watches[index].spec.warmup), age) {
      watches[index].add(
        isCanary: isCanary, failed: failed, latency: latency, at: milliseconds)
    }
    var mayAlarm = isCanary && failed == true
    if !isLate { ratio?.count(isCanary: isCanary, at: milliseconds) }
    // Who gave up waiting got no answer, and breaks no silence.
    if !isLate, failures != nil, !answer.signs.contains(.abandoned) {
      silence.count(isCanary: isCanary, at: milliseconds)
      if silenceCapital * silence.wealth.total >= 0.5 / alpha { mayAlarm = true }
    }
    for index in subjects.indices {
      let isBad: Bool
      guard isLate || isWarm(subjects[index].check.warmup, age) else { continue }
      if subjects[index].isSlow {
        // What fails is judged as that: a fault that answers fast would make a mended canary slow.
        guard failed != true, let latency, let limits = subjects[index].limits else {
          continue
        }
        isBad = latency > (isCanary ? limits.canary : limits.stable)
        if failed == nil, !isBad { continue }
      } else if subjects[index].check.compare == .failures {
        guard let failed else { continue }
        isBad = failed
        if isCanary, answer.signs.contains(.cutOff) { subjects[index].noteCut() }
      } else {
        isBad = subjects[index].isBad(answer)
        if !isCanary { subjects[index].bodies?.learn(answer.size) }
      }
      let closed =
        isLate
        ? subjects[index].addLate(isCanary: isCanary, isBad: isBad, at: milliseconds)
        : subjects[index].add(isCanary: isCanary, isBad: isBad, at: milliseconds)
      if closed { mayAlarm = true }
    }
    if mayAlarm { soundAlarm(milliseconds) }
    if !isCanary, let latency, failed != nil { learn(latency) }
  }

  /// Whether a stage that is this old has left the warm-up of a comparison behind.
  @inline(__always)
  func isWarm(_ warmup: WarmUp, _ age: Int64) -> Bool {
    (warmup.span <= .zero || age >= warmup.span.milliseconds) && stageCanaries >= warmup.requests
  }

  private func isWarmForFailures(_ milliseconds: Int64) -> Bool {
    guard let failures else { return false }
    return isWarm(subjects[failures].check.warmup, milliseconds - (stageBegan ?? milliseconds))
  }

  /// Places the capital due every ten seconds, and ends a suspension once stable is well again.
  private mutating func move(to milliseconds: Int64) {
    newest = milliseconds
    if let began {
      // Eleven days at most, in case a clock jumps; what would be placed later is negligible.
      let due = Int(min(100_000, (milliseconds - began) / Wealth.restartInterval.milliseconds))
      while boundWealth.restartCount < due {
        boundWealth.restart()
        silence.wealth.restart()
        for index in subjects.indices { subjects[index].wealth.restart() }
        for index in watches.indices {
          watches[index].bound.restart()
          watches[index].beside.restart()
        }
      }
    }
    if suspendedSince != nil {
      stableMinute.forget(upTo: milliseconds / 1000)
      watchStable(milliseconds)
    }
  }

  /// Without a baseline, stable's first requests of the rollout set the limits of what is slow.
  private mutating func learn(_ latency: Int64) {
    guard isLearned, learning.count < 2000 else { return }
    learning.record(milliseconds: latency)
    if learning.count == SlowLimits.least { setLimits(learning) }
  }
}
