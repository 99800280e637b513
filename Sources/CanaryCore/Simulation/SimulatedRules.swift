/// One stream of invented requests over a plan's stages, and when each rule would have reverted.
///
/// Each stage lasts just its soak, and the weights grow as planned whatever a rule says, so that
/// all rules see the same requests.
package struct SimulatedRules {
  /// When a rule decided and how many canary requests had failed, both since the canary was bad.
  package struct Decision: Hashable, Sendable {
    package var after: Span
    package var hurt: Int
    /// Whether it decided while the canary was still good.
    package var isFalse: Bool
  }

  /// The decision of the comparisons alone; nil: they never reverted.
  package private(set) var compared: Decision?
  /// The decision of each peer's rule that reverted.
  package private(set) var peers: [PeerRule: Decision] = [:]

  private struct Sink: RequestSink {
    var judge: ComparisonJudge
    var answers: AnswerMaker
    var peers = PeerRules()
    var generation = 1
    var withPeers: Bool
    var isBad = false
    var hurt = 0
    var hurtAtAlarm: Int?

    @inline(__always)
    mutating func take(milliseconds: Int64, isCanary: Bool, failed: Bool, latency: Int64) {
      let line = answers.line(isBad: isCanary && isBad, failed: failed, latency: latency)
      if isCanary, isBad, failed || line?.isHurt ?? true { hurt += 1 }
      guard let line else { return }
      judge.add(
        generation: generation, milliseconds: milliseconds, isCanary: isCanary,
        failed: line.failed, latency: line.latency, answer: line.answer)
      if withPeers, let failed = line.failed {
        peers.take(
          milliseconds: milliseconds, isCanary: isCanary, failed: failed, latency: line.latency)
      }
      if hurtAtAlarm == nil, !judge.alarms.isEmpty { hurtAtAlarm = hurt }
    }
  }

  /// Runs until every rule has decided, or the plan is over.
  package init(_ scenario: Scenario, plan: Plan, seed: UInt64, withPeers: Bool = true) {
    // No incidents at 100 %: the bound alone speaks there, and nothing tells a fault of both pools
    // from one of the canary.
    let lasting = plan.stages.reduce(.zero) { $1.weight == .all ? $0 : $0 + $1.soak }
    var maker = TrafficMaker(scenario, seed: seed, lasting: lasting - .seconds(20))
    let judge = ComparisonJudge(
      rollout: 1, checks: plan.comparisons, stages: plan.stages.count,
      alpha: plan.alpha ?? Plan.usualAlpha, baseline: maker.baseline(),
      most: plan.strictestErrorBound)
    var sink = Sink(
      judge: judge, answers: AnswerMaker(scenario, seed: seed), withPeers: withPeers)
    var now: Int64 = 0
    let onset = scenario.onset.milliseconds
    for (index, stage) in plan.stages.enumerated() {
      sink.generation = index + 1
      sink.judge.begin(
        stage: index, generation: index + 1, weight: stage.weight.percent / 100,
        trusted: Instant(milliseconds: now), at: Instant(milliseconds: now))
      let end = now + stage.soak.milliseconds
      while now < end {
        sink.isBad = now >= onset
        maker.half(
          from: now, weight: stage.weight.percent / 100, canaryIsBad: sink.isBad, into: &sink)
        now += 500
        if compared == nil, let alarm = sink.judge.alarms.first {
          compared = Decision(
            after: Span(milliseconds: max(0, alarm.milliseconds - onset)),
            hurt: sink.hurtAtAlarm ?? sink.hurt, isFalse: alarm.milliseconds < onset)
          if !withPeers { return }
        }
        guard withPeers, now % 1000 == 0 else { continue }
        sink.peers.tick(now / 1000)
        for (rule, found) in sink.peers.decided where peers[rule] == nil {
          peers[rule] = Decision(
            after: Span(milliseconds: max(0, found.at - onset)), hurt: sink.hurt,
            isFalse: found.at < onset)
        }
        if compared != nil, sink.peers.isDone { return }
      }
    }
  }
}
