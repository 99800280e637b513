/// The part of invented traffic that changes with time: faults of both pools, stops of servers,
/// caches that fill, and load.
struct Turbulence: Sendable {
  private let kind: TrafficKind
  /// The incidents of both pools, by their first second.
  private var incidents: [Int64]
  private var weight = -1.0
  /// When the weight last changed, in milliseconds since the traffic began.
  private var changed: Int64 = 0
  /// Until when each server is stopped; the first is the canary's only one.
  private var stopped = [Int64](repeating: 0, count: 4)
  private var troubled: Range<Int64>?

  private static let incidentLength: Int64 = 20
  /// Stable has three servers, the canary one: the usual shape of a small service.
  private static let stableServers = 3

  init(_ scenario: Scenario, seconds: Int, dice: inout Dice) {
    kind = scenario.kind
    let count = max(scenario.incidents, scenario.kind == .incidents ? 3 : 0)
    incidents = (0..<count).map { _ in Int64(dice.below(seconds)) }
    if kind == .users {
      let begin = Int64(dice.below(max(1, seconds - 600))) * 1000
      troubled = begin..<(begin + 600_000)
    }
  }

  /// Moves on to half a second that begins at `start`.
  mutating func move(to start: Int64, weight: Double, dice: inout Dice) {
    if weight != self.weight {
      self.weight = weight
      changed = start
      // At 100 % nothing tells a fault of both pools from one of the canary.
      if kind == .incidents, weight < 1, dice.share() < 0.5 {
        incidents.append(start / 1000 + 2 + Int64(dice.below(10)))
      }
    }
    guard kind == .stalls else { return }
    for server in stopped.indices where stopped[server] <= start && dice.share() < 0.5 / 600 {
      stopped[server] = start + 500 + Int64(dice.below(1500))
    }
  }

  func isIncident(at milliseconds: Int64) -> Bool {
    let second = milliseconds / 1000
    guard weight < 1 || kind != .incidents else { return false }
    return incidents.contains { second >= $0 && second < $0 + Self.incidentLength }
  }

  /// The load of a day's ramp, by which rates and waits are multiplied; 1 otherwise.
  func load(at milliseconds: Int64) -> Double {
    guard kind == .ramp else { return 1 }
    let hours = Double(milliseconds) / 7_200_000
    let place = hours - hours.rounded(.down)
    // A parabola from half to three halves and back.
    return 0.5 + 4 * place * (1 - place)
  }

  /// Whether this request is one of the heavy user's that fail.
  func isTroubled(at milliseconds: Int64, dice: inout Dice) -> Bool {
    guard kind == .users, troubled?.contains(milliseconds) == true else { return false }
    return dice.share() < 0.1 / 3
  }

  /// The latency of a request that would take `latency` on a server that knows no trouble.
  func latency(_ latency: Int64, isCanary: Bool, at now: Int64, dice: inout Dice) -> Int64 {
    switch kind {
    case .tails:
      guard dice.share() < 0.0005 else { return latency }
      return Int64(min(60_000, 1001 / max(0.001, dice.share())))
    case .stalls:
      let server = isCanary ? 0 : 1 + dice.below(Self.stableServers)
      return latency + max(0, stopped[server] - now)
    case .warmups:
      let age = now - changed
      guard isCanary, age < 60_000 else { return latency }
      return Int64(Double(latency) * (1 + 2 * (1 - Double(age) / 60_000)))
    case .ramp: return Int64(Double(latency) * load(at: now))
    case .steady, .incidents, .retries, .users: return latency
    }
  }
}
