package import CanaryCore

/// What users saw of the tries that failed on the canary, in one sentence.
package struct Harm: Hashable, Sendable {
  private let requests: Int
  private let failures: Int
  private let hurt: Int?

  package init(_ canary: PoolCounts) {
    requests = canary.requests
    failures = canary.failures
    hurt = canary.hurt
  }

  package var english: String {
    if requests == 0 { return "no request reached the canary" }
    let all = Text.count(requests, "canary request")
    if failures == 0 { return "none of \(all) failed" }
    let failed = ComparisonReport.grouped(failures)
    guard let hurt else { return "\(failed) of \(all) failed; how many users saw is not known" }
    let retried = ComparisonReport.grouped(max(0, failures - hurt))
    if hurt <= 0 { return "no user saw a failure (\(retried) retried on stable)" }
    let seen = "users saw \(Text.count(hurt, "failure")) (of \(all))"
    return hurt < failures ? "\(seen), \(retried) retried on stable" : seen
  }

  package var chinese: String {
    if requests == 0 { return "没有请求到达灰度版本" }
    if failures == 0 { return "\(requests) 个灰度请求全部成功" }
    guard let hurt else { return "\(requests) 个灰度请求中 \(failures) 个失败；用户看到多少未知" }
    if hurt <= 0 { return "没有用户看到失败（\(failures) 个已由稳定版重试）" }
    let seen = "用户看到 \(hurt) 次失败（共 \(requests) 个灰度请求）"
    return hurt < failures ? "\(seen)，\(failures - hurt) 个已由稳定版重试" : seen
  }
}
