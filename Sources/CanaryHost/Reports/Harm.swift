package import CanaryCore

/// What users saw of the tries that failed on the canary, in one sentence.
package struct Harm: Hashable, Sendable {
  private let requests: Int
  private let failures: Int
  private let hurt: Int?
  private let isShielded: Bool

  /// `isShielded`: the service retries failed tries of idempotent requests on stable.
  package init(_ canary: PoolCounts, isShielded: Bool) {
    self.isShielded = isShielded
    requests = canary.requests
    failures = canary.failures
    hurt = canary.hurt
  }

  package var english: String {
    if requests == 0 { return "no request reached the canary" }
    let all = Text.count(requests, "canary request")
    if failures == 0 { return "none of \(all) failed" }
    let failed = ComparisonReport.grouped(failures)
    guard let hurt else { return "\(failed) of \(all) failed; \(triedAgain)" }
    let retried = ComparisonReport.grouped(max(0, failures - hurt))
    if hurt <= 0 { return "no user saw a failure (\(retried) retried on stable)" }
    let seen = "users saw \(Text.count(hurt, "failure")) (of \(all))"
    return hurt < failures ? "\(seen), \(retried) retried on stable" : seen
  }

  /// What is known where nothing recorded who saw a failure.
  private var triedAgain: String {
    isShielded
      ? "all but POST, LOCK and PATCH were tried again on stable"
      : "nothing was tried again on stable"
  }

  /// The same for a report, which has the number of requests beside it; programs may read it by the
  /// words that 0.1.0 had.
  package var sentence: String {
    if failures == 0 { return "none: no try on the canary failed" }
    let tries = "\(failures) \(Text.noun(failures, "try", "tries")) on the canary failed"
    guard let hurt else { return "\(tries); \(triedAgain)" }
    if hurt == 0 { return "\(tries); stable answered instead, and no user saw a failure" }
    let rest = max(0, failures - hurt)
    return
      "\(tries); \(hurt) \(Text.noun(hurt, "user's request", "users' requests")) failed with it"
      + (rest > 0 ? ", stable answered the other \(rest)" : "")
  }

  package var chinese: String {
    if requests == 0 { return "没有请求到达灰度版本" }
    if failures == 0 { return "\(requests) 个灰度请求全部成功" }
    guard let hurt else {
      let retried = isShielded ? "除 POST、LOCK、PATCH 外都" : "都没有"
      return "\(requests) 个灰度请求中 \(failures) 个失败；\(retried)在稳定版上重试"
    }
    if hurt <= 0 { return "没有用户看到失败（\(failures) 个已由稳定版重试）" }
    let seen = "用户看到 \(hurt) 次失败（共 \(requests) 个灰度请求）"
    return hurt < failures ? "\(seen)，\(failures - hurt) 个已由稳定版重试" : seen
  }
}
