/// When somebody must look at a service again.
package enum Pending: Hashable, Comparable, Sendable {
  /// Something is going on: at once.
  case now
  case at(Instant)

  package func isDue(at instant: Instant) -> Bool {
    switch self {
    case .now: true
    case .at(let due): due <= instant
    }
  }
}
