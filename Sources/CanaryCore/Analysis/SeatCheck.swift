/// Requests whose first try went to another pool than their seat says.
///
/// Outside of the switches there must be none: each is a fault of a clock, a folder or a cache.
package struct SeatCheck: Sendable {
  private let canary: Int
  private let stable: Int
  /// Requests that began before this met something else by right, such as a brake.
  private let since: Int64
  /// When a pool's last try failed, in milliseconds since 1970, by its index.
  package var failedAt: [Int: Int64] = [:]
  package private(set) var contradictions = 0

  /// While servers are skipped after a failure, a request meets the other pool at its first try.
  private static let recovery: Int64 = 60_000

  /// Nil where the addresses do not tell the two pools apart.
  package init?(_ table: PoolTable, _ context: StageContext) {
    guard !table.isAmbiguous, let canary = table.pools.firstIndex(of: context.canary),
      let stable = table.pools.firstIndex(of: context.stable)
    else { return nil }
    self.canary = canary
    self.stable = stable
    since = context.trusted.milliseconds
  }

  mutating func check(isMet: Bool, _ pool: Int, from start: Int64) {
    let expected = isMet ? canary : stable
    guard start >= since, pool != expected, pool == canary || pool == stable else { return }
    if let failed = failedAt[expected], start < failed + Self.recovery { return }
    contradictions += 1
  }

  /// What an operator must know; nil: nothing.
  package var words: String? {
    guard contradictions > 0 else { return nil }
    let (requests, their) =
      contradictions == 1 ? ("request", "its seat says") : ("requests", "their seats say")
    return
      "\(contradictions) \(requests) met another pool than \(their): a clock that jumps, a cache, or another folder `run` for Nginx"
  }
}
