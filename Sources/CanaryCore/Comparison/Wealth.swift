/// The capital of one metric's bets, spread over a grid of effects and over the times at which a
/// fault may begin.
///
/// Formula 2 of docs/judge.md: half of it is placed at the start of the rollout, a fifth over the
/// later stages, and the rest every ten seconds, so that good old data never hides a late failure.
/// It starts at 1, and its expectation never rises when the canary is no worse.
package struct Wealth: Hashable, Sendable, Codable {
  /// The capital placed on each effect of the grid, with all that its bets have won and lost.
  package private(set) var placed: [Double]
  /// The capital that is not placed yet.
  package private(set) var unspent = 1.0
  private let stages: Int
  private var stagesBegun = 0
  private var restarts = 0

  /// The capital for a grid of this many effects and a plan of this many stages.
  package init(effects: Int, stages: Int) {
    placed = Array(repeating: 0, count: effects)
    self.stages = stages
  }

  /// C in the weights of the restarts: half of their 0.3 is placed after 360 of them, an hour.
  private static let restartScale = 360.0
  /// The time between two restarts.
  package static let restartInterval = Span.seconds(10)

  package var total: Double { placed.reduce(unspent, +) }

  /// Places the next stage's share: half of the capital for the first, a fifth over the others.
  package mutating func beginStage() {
    guard stagesBegun < stages else { return }
    place(stagesBegun == 0 ? 0.5 : 0.2 / Double(stages - 1))
    stagesBegun += 1
  }

  /// Places the next share for faults that do not begin with a stage.
  package mutating func restart() {
    let c = Self.restartScale
    let i = Double(restarts)
    place(0.3 * c / ((i + c) * (i + c + 1)))
    restarts += 1
  }

  /// The number of restarts made so far.
  package var restartCount: Int { restarts }

  private mutating func place(_ share: Double) {
    unspent -= share
    for index in placed.indices { placed[index] += share / Double(placed.count) }
  }

  /// Applies the bets of a stratum against "at most `psi0` times stable's odds".
  @inline(__always)
  mutating func bet(
    _ stratum: Stratum, _ grid: [Double], psi0: Double = 1, within burst: inout Burst?,
    at milliseconds: Int64
  ) {
    scale(within: &burst, at: milliseconds) { stratum.bet(grid, psi0: psi0, into: &$0) }
  }

  /// Applies factors at once or, with a burst, as far as it lets one moment count.
  @inline(__always)
  mutating func scale(
    within burst: inout Burst?, at milliseconds: Int64, _ change: (inout [Double]) -> Void
  ) {
    if burst == nil { return change(&placed) }
    burst?.apply(to: &placed, at: milliseconds, change)
  }

  /// Applies one bet with the same outcome at every effect.
  @inline(__always)
  mutating func scale(_ factor: Double) {
    for index in placed.indices { placed[index] = min(1e100, placed[index] * factor) }
  }

  /// Applies one bet, given the factor of its outcome at each effect.
  @inline(__always)
  package mutating func scale(_ factors: [Double]) {
    for index in placed.indices { placed[index] = min(1e100, placed[index] * factors[index]) }
  }

  /// Gives away all that was placed and earned, which never makes a false alarm more likely.
  package mutating func drop() {
    for index in placed.indices { placed[index] = 0 }
  }
}
