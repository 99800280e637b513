package import CanaryCore
package import CanaryDriver

/// The last values of a check in columns of time: those of all checks of a stage stand under each
/// other.
package struct CheckColumns: Sendable {
  /// How near a value is to its bound.
  package enum Level: String, Sendable {
    case quiet, near, over
  }

  package enum Cell: Hashable, Sendable {
    /// Nothing was measured.
    case none
    /// Measured, though not as a number.
    case gap
    case value(Double)
  }

  /// Oldest first.
  package let cells: [Cell]
  package let check: Check
  /// A check without a bound says yes (1) or no (0).
  package var isYesOrNo: Bool { !check.condition.hasBound && check.condition.versus == nil }

  /// The `count` columns until now.
  ///
  /// A value stands until the next one is due.
  package init(
    _ points: [LiveSnapshot.Point], _ check: Check, soak: Span, now: Instant, count: Int
  ) {
    self.check = check
    let step = LiveSnapshot.step(soak: soak)
    let last = now.column(step)
    let interval = check.interval(soak: soak)
    let stays = (interval.milliseconds + step.milliseconds - 1) / step.milliseconds - 1
    var found: [Int64: Cell] = [:]
    for point in points {
      let cell = point.value.map(Cell.value) ?? .gap
      let column = point.at.column(step)
      for later in column...(column + max(0, stays)) where later <= last { found[later] = cell }
    }
    cells = (0..<max(0, count)).map { found[last - Int64(count - 1 - $0)] ?? .none }
  }

  /// The value against the bound; a fifth before it is near.
  package static func level(_ value: Double?, _ condition: Condition?) -> Level {
    guard let value, let condition else { return .quiet }
    if let most = condition.max {
      if value > most { return .over }
      if value > most - abs(most) / 5 { return .near }
    }
    if let least = condition.min {
      if value < least { return .over }
      if value < least + abs(least) / 100 { return .near }
    }
    return .quiet
  }

  package func level(_ cell: Cell) -> Level {
    guard case .value(let value) = cell else { return .quiet }
    if isYesOrNo { return value > 0 ? .quiet : .over }
    return Self.level(value, check.condition)
  }
}
