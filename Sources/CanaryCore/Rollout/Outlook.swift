/// What a plan can show at the traffic that stable has now: whether each stage can pass, and how
/// long it takes at least.
///
/// It assumes a canary that is as good as stable, and traffic that stays as it is.
package struct Outlook: Sendable {
  /// What stable did in the last minutes.
  package struct Recent: Sendable {
    package var requests = 0
    package var failures = 0
    package var latency = Histogram()
    /// How long a time the counts are of.
    package var span: Span

    package init(span: Span) { self.span = span }

    /// Requests a second.
    package var rate: Double { Double(requests) / max(1, span.seconds) }
    package var errorRate: Double { requests == 0 ? 0 : Double(failures) / Double(requests) }
  }

  package struct Step: Sendable {
    package var stage: Int
    /// Canary requests a second.
    package var rate: Double
    /// How long the stage lasts at least; nil: it can't pass.
    package var takes: Span?
    /// What keeps it from passing, or makes it longer than its soak.
    package var cause: String?
  }

  package let recent: Recent
  package private(set) var steps: [Step] = []
  /// The bounds that stable itself breaks, as sentences.
  package private(set) var broken: [String] = []

  package init(_ plan: Plan, _ recent: Recent) {
    self.recent = recent
    for (index, stage) in plan.stages.enumerated() {
      steps.append(Self.step(index, stage, plan.checks(stage: index), recent))
    }
    broken = plan.checks.compactMap { Self.broken($0, recent) }
  }

  /// Whether every stage can pass.
  package var canPass: Bool { steps.allSatisfy { $0.takes != nil } }

  /// The least requests a second, of both pools together, at which every check of every stage has
  /// what it needs in its window.
  package static func leastRate(_ plan: Plan) -> Double {
    plan.stages.indices.flatMap { index in
      plan.checks(stage: index).map { check in
        let share = plan.stages[index].weight.percent / 100
        guard counts(check), share > 0 else { return 0 }
        return Double(check.minRequests) / (share * max(1, check.window.seconds))
      }
    }.max() ?? 0
  }

  /// Whether the check needs requests in its window.
  private static func counts(_ check: Check) -> Bool {
    check.source.isFromLog && !check.source.isShadow && !check.advisory && check.minRequests > 0
      && check.condition.versus == nil
  }

  private static func step(_ index: Int, _ stage: Stage, _ checks: [Check], _ recent: Recent)
    -> Step
  {
    let share = stage.weight.percent / 100
    let rate = recent.rate * share
    var step = Step(stage: index, rate: rate, takes: stage.soak)
    for check in checks where counts(check) && share > 0 {
      let comes = rate * check.window.seconds
      guard comes < Double(check.minRequests) else { continue }
      step.takes = nil
      step.cause =
        "\(check.name) needs \(check.minRequests) canary requests in \(check.window), about \(Int(comes)) come"
      return step
    }
    for check in checks where !check.advisory {
      guard let needed = needed(check, share, recent) else { continue }
      guard needed <= stage.deadline else {
        step.takes = nil
        step.cause =
          "\(check.name) needs about \(Judge.rough(needed)), the deadline is \(stage.deadline)"
        return step
      }
      if needed > step.takes ?? .zero {
        step.takes = needed
        step.cause = "\(check.name) needs about \(Judge.rough(needed))"
      }
    }
    return step
  }

  /// How long a comparison needs until it can exclude its margin; nil: it holds no stage.
  ///
  /// Formula 4 of docs/judge.md, for strata of one canary and four stable requests.
  private static func needed(_ check: Check, _ share: Double, _ recent: Recent) -> Span? {
    guard let compared = check.compared, check.condition.versus?.demandsEvidence == true,
      share > 0, share < 1
    else { return nil }
    let bad: Double
    switch compared.compare {
    case .failures: bad = recent.errorRate
    case .slow(let quantile): bad = 1 - quantile
    // What an answer is says the log of a rollout alone.
    case .rejections, .redirects, .cutOffs, .tiny, .abandoned: bad = 0
    }
    let canary = recent.rate * share
    let stable = recent.rate * (1 - share)
    // A stratum closes with four stable requests or, after a second, with one.
    let strata = min(canary, max(stable / 4, min(1, stable)))
    guard strata > 0 else { return .hours(24 * 365) }
    let spread = bad * (1 - bad) * (1 + strata / max(strata, stable))
    let sample = Excess(count: 1000, sum: 0, variation: 1000 * spread)
    let margin =
      check.condition.versus?.worseBy ?? compared.compare.margin(stableRate: recent.errorRate)
    guard let count = sample.strataNeeded(margin: margin) else { return .hours(24 * 365) }
    let least = max(Double(count) / strata, Double(Judge.leastEvidence) / canary)
    return .seconds(min(least, 3e7))
  }

  /// The bound that stable breaks by itself, as a sentence; nil: none.
  private static func broken(_ check: Check, _ recent: Recent) -> String? {
    guard let metric = check.source.logMetric, !check.source.isShadow,
      let most = check.condition.max
    else { return nil }
    let value: Double?
    switch metric.quantile {
    case let quantile?: value = recent.latency.quantile(quantile)
    case nil: value = metric == .errorRate && recent.requests > 0 ? recent.errorRate : nil
    }
    guard let value, value > most else { return nil }
    let shown = ValueFormat(check.source)
    return
      "stable itself is at \(shown.text(value)), and \(check.name) allows \(shown.text(most)): a canary as good would not pass"
  }
}
