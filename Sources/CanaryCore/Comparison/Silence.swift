/// A bet that the canary hardly answers at all: requests that hang leave no line in a log.
///
/// With each request that ends, it bets that the canary's share is a twentieth of its weight,
/// against "at least half of it" (docs/judge.md, "Silence"). About twenty missing requests are
/// enough at any weight.
struct Silence: Hashable, Sendable, Codable {
  var wealth: Wealth
  private var weight = 0.0
  private var from: Int64 = 0
  private var canaryFactor = 1.0
  private var stableFactor = 1.0
  /// Requests since the weight was set.
  private(set) var requests = 0
  /// The canary's requests among them.
  private(set) var answered = 0

  init(stages: Int) { wealth = Wealth(effects: 1, stages: stages) }

  /// How many of these requests the canary should have answered.
  var due: Int { Int((Double(requests) * weight).rounded()) }

  /// Sets the weight that is served; at 0 nothing is bet.
  ///
  /// Requests that ended before `from` were routed by something else, such as the brake.
  mutating func begin(weight: Double, from: Int64) {
    if weight != self.weight {
      requests = 0
      answered = 0
    }
    self.weight = weight
    self.from = from
    canaryFactor = 0.1
    stableFactor = (1 - weight / 20) / (1 - weight / 2)
  }

  @inline(__always)
  mutating func count(isCanary: Bool, at milliseconds: Int64) {
    // At 100 % there are no answers of stable that would show what is missing.
    guard weight > 0, weight < 1, milliseconds >= from else { return }
    requests &+= 1
    if isCanary { answered &+= 1 }
    wealth.scale(isCanary ? canaryFactor : stableFactor)
  }
}
