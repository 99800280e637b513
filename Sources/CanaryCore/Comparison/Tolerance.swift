/// A share of its requests by which the canary may be worse before it is bet against.
///
/// So many of stable's good requests count as bad ones in a bet, each by chance: then a canary that
/// is worse by no more than that is no worse than what it is compared with, whatever stable's own
/// rate is. A factor of the odds could not say so: nothing is many times worse than none.
struct Tolerance: Hashable, Sendable, Codable {
  private let share: Double
  private var dice: UInt64
  /// How many more good requests pass before the next one counts as bad.
  private var left: Int
  private var pardoned = 0

  init(_ share: Double, seed: UInt64) {
    self.share = share
    dice = seed
    left = 0
    left = gap()
  }

  /// Counts a request of stable.
  @inline(__always)
  mutating func add(_ isBad: Bool) {
    if isBad { return }
    if left > 0 {
      left &-= 1
    } else {
      pardoned &+= 1
      left = gap()
    }
  }

  /// How many requests count as bad since the last call.
  @inline(__always)
  mutating func take() -> Int {
    defer { pardoned = 0 }
    return pardoned
  }

  /// The number of requests before one that chance chooses (geometric).
  private mutating func gap() -> Int {
    var chance = Dice(seed: dice)
    // The store reads back no whole number of more than 16 digits.
    dice = chance.next() >> 11
    let share = max(chance.share(), 1e-12)
    let gap = Mathematics.log(share) / Mathematics.log1p(-self.share)
    return gap.isFinite ? Int(max(0, min(gap, 1e9))) : 0
  }
}

extension ComparisonKind {
  /// By what share of its requests the canary may be worse before it is bet against; nil: nothing.
  ///
  /// An ordinary release moves a page, adds a rule for a form, or says more in fewer words.
  var tolerated: Double? {
    switch self {
    case .failures, .slow, .cutOffs: nil
    case .rejections, .redirects, .tiny, .abandoned: 0.01
    }
  }
}
