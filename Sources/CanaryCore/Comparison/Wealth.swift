/// The capital of one metric's bets, spread over a grid of effects and over the times at which a fault may begin.
///
/// Formula 2 of docs/judge.md: half of it is placed at the start of the rollout, a fifth over the later stages, and the rest
/// at every ten seconds, so that good old data never hides a late failure. It starts at 1, and its expectation never
/// rises when the canary is no worse.
package struct Wealth: Hashable, Sendable, Codable {
  /// What is placed on each effect of the grid, grown by all bets since.
  package private(set) var placed: [Double]
  /// What is not placed yet.
  package private(set) var unspent = 1.0
  private let stages: Int
  private var stagesBegun = 0
  private var restarts = 0

  /// For a grid of that many effects and a plan of that many stages.
  package init(effects: Int, stages: Int) {
    placed = Array(repeating: 0, count: effects)
    self.stages = stages
  }

  /// C of the restarts' weights: half of their 0.3 is spent after so many of them, an hour.
  private static let restartScale = 360.0
  /// The time between two restarts.
  package static let restartInterval = Span.seconds(10)

  package var total: Double { placed.reduce(unspent, +) }

  package mutating func beginStage() {
    guard stagesBegun < stages else { return }
    place(stagesBegun == 0 ? 0.5 : 0.2 / Double(stages - 1))
    stagesBegun += 1
  }

  /// Places the next share of what is kept for faults that begin at no stage's start.
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

  @inline(__always)
  mutating func bet(_ stratum: Stratum, _ grid: [Double]) { stratum.bet(grid, into: &placed) }

  /// The outcome of one bet, the same at every effect.
  @inline(__always)
  mutating func scale(_ factor: Double) {
    for index in placed.indices { placed[index] = min(1e100, placed[index] * factor) }
  }

  /// The outcome of one bet at each effect, as factors.
  @inline(__always)
  package mutating func scale(_ factors: [Double]) {
    for index in placed.indices { placed[index] = min(1e100, placed[index] * factors[index]) }
  }

  /// Gives away what the bets have earned; giving wealth away is always allowed.
  package mutating func drop() {
    for index in placed.indices { placed[index] = 0 }
  }
}
