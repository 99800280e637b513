/// The bet that the canary answers hardly at all: requests that hang leave no line in a log.
///
/// For each request that ends, the share of the canary is bet to be a twentieth of its weight, against "at least half of
/// it" (docs/judge.md, section 2.7). About twenty missing requests are enough at any weight.
struct Silence: Hashable, Sendable, Codable {
  var wealth: Wealth
  private var weight = 0.0
  private var from: Int64 = 0
  private var canaryFactor = 1.0
  private var stableFactor = 1.0
  /// Requests since the weight was set, and the canary's among them.
  private(set) var requests = 0
  private(set) var answered = 0

  init(stages: Int) { wealth = Wealth(effects: 1, stages: stages) }

  /// How many of the requests should have been the canary's.
  var due: Int { Int((Double(requests) * weight).rounded()) }

  /// A weight is served; what ended before `from` was routed by something else, such as the brake.
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
    // At 100 % nobody else is there whose answers would tell.
    guard weight > 0, weight < 1, milliseconds >= from else { return }
    requests &+= 1
    if isCanary { answered &+= 1 }
    wealth.scale(isCanary ? canaryFactor : stableFactor)
  }
}
