/// What one comparison with stable says at one moment: everything that its verdict rests on.
package struct ComparisonReport: Hashable, Sendable, Codable {
  package var compare: ComparisonKind
  /// The counts of this stage, or of the last minute where they say more.
  package var canary: BadCount
  package var stable: BadCount
  /// A canary that is no worse ever shows evidence this strong in at most 1 of this many rollouts.
  package var evidence: Double
  /// The evidence that reverts the rollout: 1 / alpha.
  package var alarm: Double
  /// Whether the evidence was enough and this comparison raised the alarm.
  package var isWorse: Bool
  /// Whether this comparison contributes most to the evidence, which all comparisons share.
  package var leads: Bool
  /// How much worse the canary is at most, as a share of its requests, at 95 %; nil: not known yet.
  package var upper: Double?
  /// How much worse the canary may be, as a share of its requests.
  package var margin: Double
  /// How many more canary requests will exclude the margin at this rate; nil: none will.
  package var needed: Int?
  /// How long those requests take at this traffic; nil: unknown.
  package var neededTime: Span?
  /// How long stable itself has been breaking the bound; nil: it does not.
  package var sharedFor: Span?
  /// Stable's failure rate in the last minute, while it breaks the bound.
  package var sharedRate: Double?
  /// Whether all requests go to the canary, which leaves nothing to compare it with.
  package var isAlone: Bool
  /// The latency in seconds above which a request is slow.
  ///
  /// Nil while stable's latency is being learned, and for a comparison of failures.
  package var edge: Double?
  /// How many requests the canary should have answered; nil unless its silence raised the alarm.
  package var due: Int?
  /// The bound that it broke; nil unless all requests were the canary's when the alarm was raised.
  package var bound: Double?
  /// Whether the canary fails as stable does, or has too few requests to tell; nil: stable does not.
  package var isSharing: Bool?
  /// Whether most of what failed on the canary was cut off; nil: it was not.
  package var isCut: Bool?
  /// The share of the lines that are the canary's, where it is too small.
  package var missing: SampleRatio.Missing?
  /// The most bytes that a tiny body has; nil unless bodies are compared.
  package var most: Int64?
  /// The value over the check's window, for a check that has a bound too.
  package var windowed: Double?
  package var windowedRequests: Int?
  /// The evidence on that bound; nil: it is not watched.
  package var keys: LimitKeys?
  /// What is left of the warm-up, in words; nil: it is over.
  package var warming: String?

  package init(
    compare: ComparisonKind, canary: BadCount, stable: BadCount, evidence: Double, alarm: Double,
    isWorse: Bool, leads: Bool = true, upper: Double? = nil, margin: Double, needed: Int? = nil,
    neededTime: Span? = nil, isAlone: Bool, edge: Double? = nil
  ) {
    self.compare = compare
    self.canary = canary
    self.stable = stable
    self.evidence = evidence
    self.alarm = alarm
    self.isWorse = isWorse
    self.leads = leads
    self.upper = upper
    self.margin = margin
    self.needed = needed
    self.neededTime = neededTime
    self.isAlone = isAlone
    self.edge = edge
  }

  /// Whether the data exclude a canary that is worse by the margin.
  package var isProven: Bool { (upper ?? .infinity) < margin }
}

extension ComparisonJudge {
  /// What the comparison of a check says; nil when the plan has none of this name.
  ///
  /// `margin` is the one that the check demands; nil: the default of its metric.
  package func report(_ check: CheckName, margin: Double?, at now: Instant) -> ComparisonReport? {
    guard let subject = subjects.first(where: { $0.check.name == check }) else { return nil }
    let margin = margin ?? subject.check.compare.margin(stableRate: stableRate)
    let alarm = alarms.first { $0.check == check }
    let counts = alarm.map { ($0.canary, $0.stable) } ?? countsToShow(subject)
    var report = ComparisonReport(
      compare: subject.check.compare, canary: counts.0, stable: counts.1,
      evidence: alarm?.evidence ?? (subject.check.advisory ? subject.wealth.total : evidence),
      alarm: 1 / alpha, isWorse: alarm != nil, leads: subject.check.advisory || leads(check),
      upper: subject.excess.upper, margin: margin,
      isAlone: isAlone, edge: subject.limits.map { $0.edge / 1000 })
    report.warming = warming(subject, at: now)
    report.due = alarm?.due
    report.bound = alarm?.bound
    report.compare = alarm?.compare ?? subject.check.compare
    report.isCut = subject.isCut ? true : nil
    report.missing = subject.check.compare == .failures ? ratio?.missing : nil
    report.most = subject.bodies?.most
    let excess = subject.excess
    if excess.excludes(margin: margin) {
      // The mixture of all terms may exclude the margin where no single term does.
      report.upper = min(excess.upper ?? margin, margin * (1 - 1e-9))
    } else if let upper = excess.upper {
      report.upper = max(upper, margin)
    }
    if !report.isProven, let strata = excess.strataNeeded(margin: margin) {
      let more = Double(max(1, strata - excess.count))
      let each = excess.count > 0 ? Double(subject.canary.requests) / Double(excess.count) : 1
      report.needed = Int(min(1e12, more * max(1, each)).rounded(.up))
      if let began = stageBegan, newest > began, subject.canary.requests > 0 {
        let spent = Double(newest - began) / Double(subject.canary.requests)
        report.neededTime = Span(
          milliseconds: Int64(min(1e13, Double(report.needed ?? 0) * spent)))
      }
    }
    if let suspendedSince {
      report.sharedFor = Span(milliseconds: max(0, now.milliseconds - suspendedSince))
      report.sharedRate = stableMinute.stable.rate
      report.isSharing = isSharing
    }
    return report
  }

  /// What is left of a comparison's warm-up; nil: it is over.
  private func warming(_ subject: Subject, at now: Instant) -> String? {
    let warmup = subject.check.warmup
    let age = stageBegan.map { max(newest, now.milliseconds) - $0 } ?? 0
    guard !isWarm(warmup, age) else { return nil }
    let left = Span(milliseconds: (warmup.span.milliseconds - age + 999) / 1000 * 1000)
    if left > .zero { return "\(left) of the warm-up left" }
    return "\(stageCanaries) of the warm-up's \(warmup.requests) canary requests"
  }

  /// Whether the canary breaks the bound as well as stable does, as far as can be told.
  private var isSharing: Bool {
    if trailing.canary.requests >= Self.leastTelling { return breaks(trailing.canary) }
    guard let failures else { return true }
    let stage = subjects[failures].canary
    return stage.requests < Self.leastTelling || breaks(stage)
  }

  private func breaks(_ count: BadCount) -> Bool {
    count.bad >= 2 && count.rate >= bound
  }

  /// Fewer requests say nothing about whether the canary fails too.
  private static let leastTelling = 20
}

extension ComparisonReport {
  /// The counts of both pools in one line.
  ///
  /// For example `canary 5xx 4.1 % (33 of 805) against stable 0.3 % (46 of 15,310)`.
  package var line: String {
    if let due {
      return
        "the canary answered \(Self.grouped(canary.requests)) of \(Self.grouped(canary.requests + stable.requests)) requests where \(Self.grouped(due)) were due"
    }
    switch compare {
    case .rejections: return "canary 4xx \(Self.side(canary)) against stable \(Self.side(stable))"
    case .redirects:
      return "canary redirects \(Self.side(canary)) against stable \(Self.side(stable))"
    case .cutOffs:
      return "canary cut off \(Self.side(canary)) against stable \(Self.side(stable))"
    case .tiny:
      let tiny = most.map {
        $0 > 0 ? "of at most \(Self.grouped(Int($0))) bytes" : "without a body"
      }
      return
        "canary answers \(tiny ?? "without a body") in \(Self.side(canary)) against stable \(Self.side(stable))"
    case .abandoned:
      return
        "clients gave up waiting for the canary in \(Self.side(canary)) against stable \(Self.side(stable))"
    case .failures:
      let what = isCut == true ? "failed, most of it cut off," : "5xx"
      return "canary \(what) \(Self.side(canary)) against stable \(Self.side(stable))"
    case .slow(let quantile):
      guard let edge else { return "canary \(Self.quantile(quantile)) against stable" }
      let what = "slower than stable's \(Self.quantile(quantile)) of \(Self.time(edge)) (+10 %)"
      if canary.requests == 0 { return "no canary request yet to be \(what)" }
      return "canary \(what) in \(Self.side(canary)) against \(Self.side(stable))"
    }
  }

  /// The evidence in words, for example `1 in 12,000 if they were alike`.
  package var odds: String {
    let number = "1 in \(Self.odds(evidence))"
    guard let bound else { return "\(number) if they were alike" }
    return "\(number) if no more than \(Self.percent(bound)) failed"
  }

  private static func side(_ count: BadCount) -> String {
    count.requests == 0
      ? "– (no requests)"
      : "\(percent(count.rate)) (\(grouped(count.bad)) of \(grouped(count.requests)))"
  }

  /// A share in percent with one decimal, or with two or three where it is small.
  static func percent(_ share: Double) -> String {
    let value = share * 100
    let places = value == 0 || value >= 0.1 ? 1 : value >= 0.01 ? 2 : 3
    return ValueFormat.decimal(value, places: places) + " %"
  }

  /// The difference of two shares, in percentage points.
  static func points(_ share: Double) -> String { ValueFormat.decimal(share * 100, places: 2) }

  static func time(_ seconds: Double) -> String {
    seconds < 1
      ? ValueFormat.decimal(seconds * 1000, places: 0) + " ms"
      : ValueFormat.decimal(seconds, places: 2) + " s"
  }

  static func quantile(_ quantile: Double) -> String {
    "p" + ValueFormat.decimal(quantile * 100, places: 1)
  }

  /// Two significant digits, rounded down: a bound must not claim more than it holds.
  package static func odds(_ evidence: Double) -> String {
    guard evidence < 1e12 else { return "more than 1,000,000,000,000" }
    var whole = Int(max(1, evidence))
    var scale = 1
    while whole >= 100 {
      whole /= 10
      scale *= 10
    }
    return grouped(whole * scale)
  }

  /// A number with its thousands separated: `15,310`.
  package static func grouped(_ number: Int) -> String {
    var digits = Substring("\(number.magnitude)")
    var groups: [Substring] = []
    while digits.count > 3 {
      groups.insert(digits.suffix(3), at: 0)
      digits = digits.dropLast(3)
    }
    return (number < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
  }
}
