/// How other tools decide, as their code does with its usual settings (docs/judge.md, section 1).
///
/// They see the same requests; each looks at the canary's last minute.
package enum PeerRule: String, CaseIterable, Sendable {
  /// A success rate below 99 % is a failed check, and so is no data; after the fifth, back at the next tick.
  case flagger
  /// A success rate below 95 % is a failure, and so is no data; the fourth aborts.
  case argo
  /// 5xx above 5 % over a minute, looked at every five seconds after the first one.
  case seed

  package var title: String {
    switch self {
    case .flagger: "Flagger (1 m, 99 %, 5 failed checks)"
    case .argo: "Argo Rollouts (1 m, 95 %, limit 3)"
    case .seed: "5xx > 5 % for a minute"
    }
  }
}

/// All peers' rules, side by side, over one stream of requests.
package struct PeerRules: RequestSink {
  /// When each one went back, in milliseconds, and how many canary requests had failed until then.
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

  /// A second is over; every rule that looks now decides.
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
    // Flagger goes back one tick after its threshold was reached, whatever that tick says.
    let waits = rule == .flagger && failures[rule, default: 0] >= limit - 1
    if isBad || waits { failures[rule, default: 0] += 1 }
    if failures[rule, default: 0] >= limit { decide(rule) }
  }

  private mutating func decide(_ rule: PeerRule) {
    if decided[rule] == nil { decided[rule] = (second * 1000, hurt) }
  }
}
