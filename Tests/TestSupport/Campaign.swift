package import CanaryCore
internal import CanaryAdapters
internal import Glibc

/// A search with invented input: as short as CI needs it, or as long as `scripts/torture` is told.
///
/// Each round has a seed of its own, one above the round's before it, and depends on nothing else. A fault names
/// the seed of its round, and a campaign that begins with that seed meets the fault in its first round.
package struct Campaign: Sendable {
  /// The seed of the first round.
  package let seed: UInt64
  /// Nil for the short part.
  package let limit: Span?

  /// What `CANARY_TORTURE_SEED` and `CANARY_TORTURE_MINUTES` say; without them the short part, always the same.
  package static let current = Campaign(
    seed: number("CANARY_TORTURE_SEED").map { UInt64($0) } ?? 1,
    limit: number("CANARY_TORTURE_MINUTES").map { .seconds($0 * 60) })

  private static func number(_ name: String) -> Double? {
    getenv(name).flatMap { Double(String(cString: $0)) }.flatMap { $0 > 0 ? $0 : nil }
  }

  /// One round of a campaign.
  package struct Round: Sendable, CustomStringConvertible {
    package let seed: UInt64
    package var description: String { "seed \(seed)" }

    /// A place from 0 to 1 for the one thing that differs most from round to round.
    ///
    /// Steps of the golden ratio: rounds in a row spread evenly, however many there are, and none is met twice.
    package var place: Double {
      let turns = Double(seed % 1_000_000_007) * 0.618_033_988_749_895
      return turns - turns.rounded(.down)
    }

    /// Dice for all else.
    package var dice: Dice { Dice(seed: seed) }
  }

  /// Does so many rounds, or as many as there is time for, and tells how many that were.
  ///
  /// What a round throws is told with its seed; what it expects has to name the round itself.
  /// Of several lanes that run at once, each takes its own seeds.
  @discardableResult
  package func rounds(
    _ short: Int, lane: Int = 0, of lanes: Int = 1, _ round: (Round) throws -> Void
  ) throws -> Int {
    let start = SystemClock.now
    var count = 0
    while limit.map({ SystemClock.now - start < $0 }) ?? (count < short) {
      let next = Round(seed: seed &+ UInt64(lane + count * lanes))
      do {
        try round(next)
      } catch {
        throw SandboxError("\(next): \(error)")
      }
      count += 1
    }
    if limit != nil { print("\(count) rounds from seed \(seed &+ UInt64(lane)) on") }
    return count
  }
}
