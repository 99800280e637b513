/// Whether the canary's share of the lines fits its weight, where the draw is ours.
///
/// With each line it bets that the canary's share is some part of its weight, against "at least
/// four fifths of it": what is missing may have failed where no line tells. It reverts nothing, so it
/// shares no capital with the comparisons: too few lines hold the stage until they come.
package struct SampleRatio: Hashable, Sendable, Codable {
  /// The capital on each part of the weight.
  private var placed: [Double]
  private var weight = 0.0
  private var from: Int64 = 0
  private var canaryFactors: [Double] = []
  private var stableFactors: [Double] = []
  /// Since the stage began.
  private(set) var requests = 0
  private(set) var canaries = 0
  /// From this wealth on, lines are missing.
  private let alarm: Double

  /// The parts of the weight that are bet on.
  private static let parts = [0.6, 0.25, 0.05]
  /// The part of it that is as good as all.
  private static let enough = 0.8
  /// What has been won beyond this is given away, so that lines that come again end the hold.
  private static let most = 100.0

  /// One share of `alpha` for each stage, each of which is a bet of its own.
  init(stages: Int, alpha: Double) {
    placed = Self.parts.map { _ in 1 }
    alarm = Double(stages) / alpha
  }

  /// Whether its parts fit together.
  var isSound: Bool {
    placed.count == Self.parts.count && canaryFactors.count == stableFactors.count
      && [0, Self.parts.count].contains(canaryFactors.count)
      && (weight == 0 || !canaryFactors.isEmpty)
  }

  /// Begins a stage, or goes on with it; at weight 0 nothing is bet.
  ///
  /// Requests that ended before `from` were routed by something else, such as the brake.
  mutating func begin(weight: Double, from: Int64) {
    self.from = from
    guard weight != self.weight else { return }
    self.weight = weight
    requests = 0
    canaries = 0
    placed = Self.parts.map { _ in 1 }
    canaryFactors = Self.parts.map { $0 / Self.enough }
    stableFactors = Self.parts.map { (1 - $0 * weight) / (1 - Self.enough * weight) }
  }

  @inline(__always)
  mutating func count(isCanary: Bool, at milliseconds: Int64) {
    guard weight > 0, weight < 1, milliseconds >= from else { return }
    requests &+= 1
    if isCanary { canaries &+= 1 }
    for index in placed.indices {
      let factor = isCanary ? canaryFactors[index] : stableFactors[index]
      placed[index] = min(Self.most * alarm, placed[index] * factor)
    }
  }

  /// What is missing; nil: nothing, as far as chance can tell.
  var missing: Missing? {
    guard placed.reduce(0, +) >= alarm * Double(Self.parts.count), requests > 0 else { return nil }
    return Missing(share: Double(canaries) / Double(requests), weight: weight)
  }

  /// The share of the lines that are the canary's, and the share that was sent to it.
  package struct Missing: Hashable, Sendable, Codable {
    var share: Double
    var weight: Double

    var words: String {
      "\(ComparisonReport.percent(share)) of the requests are the canary's where \(ComparisonReport.percent(weight)) were sent: their failures may be logged elsewhere"
    }
  }
}
