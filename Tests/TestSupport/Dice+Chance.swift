package import CanaryCore

extension Dice {
  /// True in so many of a hundred throws.
  package mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}
