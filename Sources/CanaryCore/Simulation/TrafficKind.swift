/// What invented traffic is like, beyond its rate and its failures: each kind has reverted good
/// releases somewhere.
package enum TrafficKind: String, CaseIterable, Sendable {
  case steady
  /// One request in 2,000 of both pools takes over a second, up to a minute.
  case tails
  /// Each server stops for half a second to two seconds, every ten minutes on average.
  case stalls
  /// The canary begins each stage three times as slow, and is as fast as stable a minute later.
  case warmups
  /// Both pools fail 30 % for 20 seconds: three times, and soon after half of the weight changes.
  case incidents
  /// Of the requests that fail, a fifth comes back twice, and fails again.
  case retries
  /// Three times as many requests, failures and waits in the middle of two hours as at their ends.
  case ramp
  /// A tenth of all requests is one user's, every third of which fails for ten minutes.
  case users

  package var title: String {
    switch self {
    case .steady: "steady"
    case .tails: "1 in 2,000 takes over a second"
    case .stalls: "servers that stop for a second or two"
    case .warmups: "caches that fill for a minute"
    case .incidents: "incidents of both pools"
    case .retries: "clients that retry"
    case .ramp: "a day's ramp"
    case .users: "a heavy user who fails"
    }
  }
}
