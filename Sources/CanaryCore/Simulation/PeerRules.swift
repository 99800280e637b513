/// Models of how other tools decide with their usual settings (docs/judge.md, last section).
///
/// All see the same requests, and each looks at the canary's last minute.
package enum PeerRule: String, CaseIterable, Sendable {
  /// A check fails below a success rate of 99 % or without data; reverts a tick after the fifth.
  case flagger
  /// A measurement fails below a success rate of 95 % or without data; the fourth reverts.
  case argo
  /// Reverts above 5 % of 5xx in a minute; looks every five seconds after the first minute.
  case seed

  package var title: String {
    switch self {
    case .flagger: "Flagger (1 m, 99 %, 5 failed checks)"
    case .argo: "Argo Rollouts (1 m, 95 %, limit 3)"
    case .seed: "5xx > 5 % for a minute"
    }
  }
}

/// The rules of all peers over one stream of requests.
package struct PeerRules: RequestSink {
  /// When each rule reverted, in milliseconds, and how many canary requests had failed by then.
  package private(set) var decided: [PeerRule: (at: Int64, hurt: Int)] = [:]
  private var seconds = [BadCount](repeating: BadCount(), count: 60)
  private var second: Int64 = 0
  private var hurt = 0
  private var failures: [PeerRule: Int] = [:]

  package init() {}

  package var isDone: Bool { decided.count == PeerRule.allCases.count }

  package mutating func take(milliseconds: Int64, isCanary: Bool, failed: Bool, latency: Int64) {
    guard isCanary else { return }
    seconds[Int(milliseconds / 1000 % 60)].add(failed)
    if failed { hurt += 1 }
  }

  /// Ends a second: every rule that looks now decides.
  package mutating func tick(_ over: Int64) {
    second = over
    var last = BadCount()
    for one in seconds {
      last.requests += one.requests
      last.bad += one.bad
    }
    if over % 60 == 0 {
      judge(.flagger, isBad: last.requests == 0 || last.rate > 0.01, goesBackAt: 6)
      judge(.argo, isBad: last.requests == 0 || last.rate > 0.05, goesBackAt: 4)
    }
    if over >= 60, over % 5 == 0, last.requests > 0, last.rate > 0.05 { decide(.seed) }
    seconds[Int(over % 60)] = BadCount()
  }

  private mutating func judge(_ rule: PeerRule, isBad: Bool, goesBackAt limit: Int) {
    // Flagger reverts one tick after its threshold was reached, whatever that tick measures.
    let waits = rule == .flagger && failures[rule, default: 0] >= limit - 1
    if isBad || waits { failures[rule, default: 0] += 1 }
    if failures[rule, default: 0] >= limit { decide(rule) }
  }

  private mutating func decide(_ rule: PeerRule) {
    if decided[rule] == nil { decided[rule] = (second * 1000, hurt) }
  }
}
