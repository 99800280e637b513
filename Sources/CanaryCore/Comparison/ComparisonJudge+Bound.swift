// The bet against an absolute bound, whatever stable does.

extension ComparisonJudge {
  mutating func betOnBound(_ failed: Bool) {
    guard failures != nil, suspendedSince == nil else { return }
    boundWealth.scale(failed ? badFactors : goodFactors)
  }

  /// Suspends this bet and gives away what it earned while stable breaks the bound itself.
  mutating func watchStable(_ milliseconds: Int64) {
    let isBroken =
      stableMinute.stable.bad >= 2
      && Double(stableMinute.stable.bad) >= bound * Double(stableMinute.stable.requests)
    if isBroken, suspendedSince == nil {
      suspendedSince = milliseconds
      boundWealth.drop()
    } else if !isBroken {
      suspendedSince = nil
    }
  }
}
