// The verdict of a check that compares with stable, and its words.

extension Judge {
  /// The least canary requests of a stage that a comparison which demands evidence lets pass.
  static let leastEvidence = 50
  /// The evidence that makes a canary suspect: too much to go on, too little to revert.
  static let suspicion = 10.0
  /// How long stable must break the bound itself before the fault counts as one of both pools.
  static let sharedAfter = Span.seconds(10)

  /// Judges a comparison: a regression first, then a shared fault, suspicion and missing evidence.
  static func comparison(_ check: Check, _ compared: ComparisonReport) -> Outcome {
    let line = compared.line
    if compared.isWorse { return .broken("\(line): \(compared.odds)") }
    if let missing = compared.missing { return .held("\(missing.words); \(line)") }
    if let shared = compared.sharedFor, shared >= sharedAfter, compared.isSharing ?? true {
      let rate = ComparisonReport.percent(compared.sharedRate ?? 0)
      return .held(
        "stable itself fails (\(rate) in the last minute): a fault of both, the canary is not blamed; \(line)"
      )
    }
    if compared.evidence >= suspicion, !compared.leads {
      return .waiting(
        "\(line); all comparisons together stand at 1 in \(ComparisonReport.odds(compared.evidence))"
      )
    }
    if compared.evidence >= suspicion {
      return .waiting(
        "\(line): \(compared.odds); 1 in \(ComparisonReport.odds(compared.alarm)) reverts")
    }
    let demands = check.condition.versus?.demandsEvidence ?? false
    let least = max(check.minRequests, demands && !compared.isAlone ? leastEvidence : 0)
    if compared.isAlone {
      guard compared.canary.requests >= least else {
        return .held(
          "\(compared.canary.requests) canary \(Text.noun(compared.canary.requests, "request")) in this stage, \(least) needed"
        )
      }
      return .good("all requests are the canary's: nothing to compare with")
    }
    if let warming = compared.warming {
      let text = "not compared yet: \(warming)"
      return demands ? .held(text) : .good(text)
    }
    if case .slow = compared.compare, compared.edge == nil {
      let text = "not enough requests yet to know how fast stable is"
      return demands ? .held(text) : .good(text + ", so slowness could not be judged")
    }
    if demands {
      guard compared.canary.requests >= least, compared.isProven else {
        return .held("\(line); \(forecast(compared, least: least))")
      }
    } else if compared.canary.requests < least {
      return .held("\(line); \(compared.canary.requests) of \(least) canary requests needed")
    }
    let margin = ComparisonReport.points(compared.margin)
    guard compared.isProven, let upper = compared.upper else {
      let known =
        compared.upper.map { "up to \(ComparisonReport.points(min(1, $0))) points worse" }
        ?? "any regression"
      return .good("\(line); \(known) could not be excluded (margin \(margin))")
    }
    return .good(
      "\(line); at most \(ComparisonReport.points(max(0, upper))) points worse (margin \(margin))")
  }

  /// The evidence that is missing, and about how long it takes to collect.
  private static func forecast(_ compared: ComparisonReport, least: Int) -> String {
    let margin = ComparisonReport.points(compared.margin)
    let known =
      compared.upper.map { "up to \(ComparisonReport.points(min(1, $0))) points worse is possible" }
      ?? "nothing is known yet"
    let head = "\(known), the margin is \(margin)"
    guard let needed = compared.needed else {
      if compared.canary.requests < least {
        return
          "\(head): about \(ComparisonReport.grouped(least - compared.canary.requests)) more requests"
      }
      return "\(head): it does not pass as it is going"
    }
    let more = max(needed, least - compared.canary.requests)
    let time = compared.neededTime.map { ", \(rough($0)) at this traffic" } ?? ""
    return "\(head): about \(ComparisonReport.grouped(rounded(more))) more requests\(time)"
  }

  /// Two significant digits, rounded up.
  private static func rounded(_ number: Int) -> Int {
    var scale = 1
    while number / scale >= 100 { scale *= 10 }
    return (number + scale - 1) / scale * scale
  }

  /// `45 s`, `11 min`, `3 h 20 min`.
  package static func rough(_ span: Span) -> String {
    let seconds = Int(min(span.seconds, 1e9).rounded(.up))
    if seconds < 100 { return "\(seconds) s" }
    let minutes = (seconds + 59) / 60
    if minutes < 100 { return "\(minutes) min" }
    if minutes < 100 * 60 { return "\(minutes / 60) h \(minutes % 60) min" }
    return "\(minutes / 1440) days"
  }
}
