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
  private let failures: Int?

  /// The newest generation seen, and the stage that began last.
  package private(set) var generation = 0
  private var stage = -1
  private var began: Int64?
  var stageBegan: Int64?
  private var stageCanaries = 0
  /// Stable's latencies during the rollout, collected where there is no baseline.
  private(set) var learning = Histogram()
  private var isLearned = false
  var trailing = Trailing()
  private(set) var newest: Int64 = 0

  // The bet against an absolute bound.
  let bound: Double
  let boundCapital: Double
  var boundWealth: Wealth
  let goodFactors: [Double]
  let badFactors: [Double]
  private(set) var suspendedSince: Int64?
  var isAlone = false

  private var silence: Silence
  private let silenceCapital: Double

  /// The first alarm of each check; none is ever withdrawn.
  package private(set) var alarms: [Alarm] = []

  /// What was known when the evidence was enough for a revert.
  package struct Alarm: Hashable, Sendable, Codable {
    package var check: CheckName
    package var evidence: Double
    package var canary: BadCount
    package var stable: BadCount
    package var milliseconds: Int64
    /// How many requests the canary should have answered; nil unless its silence raised the alarm.
    package var due: Int?
  }

  /// Prepares the comparisons of a plan that has this many stages.
  ///
  /// `baseline` is what stable did before the rollout, `most` the highest failure rate that you accept.
  package init(
    rollout: Int, checks: [ComparisonSpec], stages: Int, alpha: Double, baseline: PoolCounts,
    most: Double
  ) {
    self.rollout = rollout
    self.alpha = alpha
    let gating = checks.filter { !$0.advisory }
    let hasFailures = gating.contains { $0.compare == .failures }
    boundCapital = hasFailures ? 0.2 : 0
    silenceCapital = hasFailures ? 0.05 : 0
    silence = Silence(stages: stages)
    let slow = gating.filter { $0.compare != .failures }.reduce(0) { $0 + $1.compare.capital }
    let failing = gating.count { $0.compare == .failures }
    // Capital that no latency uses goes to the failures; without those the latencies share it all.
    let rest = hasFailures ? (0.75 - slow) / Double(failing) : 0
    subjects = checks.map { check in
      let capital =
        check.advisory
        ? 1
        : check.compare == .failures
          ? rest : hasFailures ? check.compare.capital : check.compare.capital / slow
      return Subject(check, capital: capital, stages: stages)
    }
    failures = subjects.firstIndex { !$0.check.advisory && $0.check.compare == .failures }
    let known = BadCount(baseline.requests, bad: baseline.failures)
    stableRate = known.requests >= SlowLimits.least ? known.rate : nil
    bound = Bound.automatic(stableRate: Bound.upperRate(known), most: most)
    boundWealth = Wealth(effects: 4, stages: stages)
    (goodFactors, badFactors) = Bound.factors(bound)
    setLimits(baseline.latency)
    isLearned = subjects.contains { $0.isSlow && $0.limits == nil }
  }

  private mutating func setLimits(_ latency: Histogram) {
    for index in subjects.indices where subjects[index].limits == nil {
      if case .slow(let quantile) = subjects[index].check.compare {
        subjects[index].limits = SlowLimits(latency, quantile: quantile)
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
    guard stage > self.stage else { return }
    if began == nil { began = now.milliseconds }
    self.stage = stage
    for index in subjects.indices { subjects[index].wealth.beginStage() }
    boundWealth.beginStage()
    silence.wealth.beginStage()
  }

  private mutating func turn(to generation: Int) {
    self.generation = generation
    if isLearned {
      // Limits change only between stages.
      for index in subjects.indices { subjects[index].limits = nil }
      setLimits(learning)
    }
    for index in subjects.indices { subjects[index].turn() }
    stageBegan = nil
    stageCanaries = 0
  }

  // MARK: requests

  /// Adds one request by its first try; `latency` is in milliseconds, nil: unknown.
  ///
  /// `failed` is nil when the client left before the answer: only a wait above the limit counts then.
  package mutating func add(
    generation: Int, milliseconds: Int64, isCanary: Bool, failed: Bool?, latency: Int64?
  ) {
    if generation > self.generation { turn(to: generation) }
    if milliseconds > newest { move(to: milliseconds) }
    let isLate = generation < self.generation
    if !isLate {
      if stageBegan == nil { stageBegan = milliseconds }
      if isCanary { stageCanaries += 1 }
    }
    if let failed {
      trailing.add(isCanary: isCanary, isBad: failed, second: milliseconds / 1000)
      if isCanary { betOnBound(failed) } else if failed { watchStable(milliseconds) }
    }
    let isWarm = isLate || stageCanaries > 100 || milliseconds - (stageBegan ?? 0) >= 30_000
    var mayAlarm = isCanary && failed == true
    if !isLate, failures != nil {
      silence.count(isCanary: isCanary, at: milliseconds)
      if silenceCapital * silence.wealth.total >= 0.5 / alpha { mayAlarm = true }
    }
    for index in subjects.indices {
      let isBad: Bool
      if subjects[index].isSlow {
        guard isWarm, let latency, let limits = subjects[index].limits else { continue }
        isBad = latency > (isCanary ? limits.canary : limits.stable)
        if failed == nil, !isBad { continue }
      } else {
        guard let failed else { continue }
        isBad = failed
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
      }
    }
    if suspendedSince != nil {
      trailing.forget(upTo: milliseconds / 1000)
      watchStable(milliseconds)
    }
  }

  /// Without a baseline, stable's first requests of the rollout set the limits of what is slow.
  private mutating func learn(_ latency: Int64) {
    guard isLearned, learning.count < 2000 else { return }
    learning.record(milliseconds: latency)
    if learning.count == SlowLimits.least { setLimits(learning) }
  }

  // MARK: the absolute bound

  private mutating func betOnBound(_ failed: Bool) {
    guard failures != nil, suspendedSince == nil else { return }
    boundWealth.scale(failed ? badFactors : goodFactors)
  }

  /// Suspends this bet and gives away what it earned while stable breaks the bound itself.
  private mutating func watchStable(_ milliseconds: Int64) {
    let isBroken =
      trailing.stable.bad >= 2
      && Double(trailing.stable.bad) >= bound * Double(trailing.stable.requests)
    if isBroken, suspendedSince == nil {
      suspendedSince = milliseconds
      boundWealth.drop()
    } else if !isBroken {
      suspendedSince = nil
    }
  }

  // MARK: the decision

  /// The evidence: a canary that is no worse ever reaches it in at most 1 of this many rollouts.
  package var evidence: Double {
    compared + boundCapital * boundWealth.total + silenceCapital * silence.wealth.total
  }

  private var compared: Double {
    subjects.reduce(0) { $1.check.advisory ? $0 : $0 + $1.capital * $1.wealth.total }
  }

  /// The gating check that raised the alarm; nil: none did.
  package var accused: CheckName? {
    alarms.first { alarm in
      subjects.contains { $0.check.name == alarm.check && !$0.check.advisory }
    }?.check
  }

  /// Raises the alarms for which the evidence is enough; the gating checks together raise one.
  private mutating func soundAlarm(_ milliseconds: Int64) {
    for subject in subjects where subject.check.advisory {
      if subject.wealth.total >= 1 / alpha, subject.canaryBad >= Self.leastBad {
        sound(subject, subject.wealth.total, milliseconds)
      }
    }
    guard accused == nil else { return }
    let silent = silenceCapital * silence.wealth.total
    let ratio = compared + silent
    let all = ratio + boundCapital * boundWealth.total
    guard all >= 1 / alpha, let leader else { return }
    if silent > weight(leader), let failures {
      return sound(subjects[failures], all, milliseconds, due: silence.due)
    }
    // A fault may be shared: where only the bound speaks, the last minute must lean against the canary too.
    let leans =
      ratio >= 1 / alpha || isAlone
      || Stratum(stable: trailing.stable, canary: trailing.canary).lean >= 1 / alpha
    guard leans, subjects[leader].canaryBad >= Self.leastBad else { return }
    sound(subjects[leader], all, milliseconds)
  }

  private mutating func sound(
    _ subject: Subject, _ evidence: Double, _ milliseconds: Int64, due: Int? = nil
  ) {
    guard !alarms.contains(where: { $0.check == subject.check.name }) else { return }
    var (canary, stable) = countsToShow(subject)
    if due != nil {
      canary = BadCount(silence.answered)
      stable = BadCount(silence.requests - silence.answered)
    }
    alarms.append(
      Alarm(
        check: subject.check.name, evidence: evidence, canary: canary, stable: stable,
        milliseconds: milliseconds, due: due))
  }

  /// Two failures may be a coincidence.
  private static let leastBad = 3

  /// Whether the gating comparison of this name contributes most to the evidence.
  func leads(_ check: CheckName) -> Bool {
    leader.map { subjects[$0].check.name == check } ?? false
  }

  /// The gating comparison that contributes most; nil: there is none.
  private var leader: Int? {
    subjects.indices.filter { !subjects[$0].check.advisory }.max {
      weight($0) < weight($1)
    }
  }

  private func weight(_ index: Int) -> Double {
    subjects[index].capital * subjects[index].wealth.total
      + (index == failures ? boundCapital * boundWealth.total : 0)
  }

  /// The counts to show: the stage's, or the last minute's where they say more.
  func countsToShow(_ subject: Subject) -> (canary: BadCount, stable: BadCount) {
    guard subject.check.compare == .failures else { return (subject.canary, subject.stable) }
    let minute = Stratum(stable: trailing.stable, canary: trailing.canary)
    let whole = Stratum(stable: subject.stable, canary: subject.canary)
    return minute.lean > whole.lean && minute.canary.bad > 0
      ? (minute.canary, minute.stable) : (whole.canary, whole.stable)
  }
}
