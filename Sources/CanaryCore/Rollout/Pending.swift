/// When a service needs its driver again.
package enum Pending: Hashable, Comparable, Sendable {
  /// Work is under way: at once.
  case now
  case at(Instant)

  package func isDue(at instant: Instant) -> Bool {
    switch self {
    case .now: true
    case .at(let due): due <= instant
    }
  }
}
