internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// A rollout cut into columns for the charts of the status page.
///
/// When there are too many columns, twice as long ones are made anew from the store: quantiles cannot be merged.
struct PageSeries {
  /// Requests, failures, and p50, p95 and p99 in milliseconds; nil: no requests.
  private struct Point {
    var requests: Int
    var failures: Int
    var quantiles: [Double?]

    init(_ counts: PoolCounts) {
      requests = counts.requests
      failures = counts.failures
      quantiles = [0.5, 0.95, 0.99].map { q in counts.latency.quantile(q).map { $0 * 1000 } }
    }

    var json: JSON {
      let late = quantiles.map { $0.map { JSON.number(($0 * 10).rounded() / 10) } ?? .null }
      return .list([.int(requests), .int(failures)] + late)
    }
  }

  let rollout: Int
  private let from: PoolName
  private let to: PoolName
  private let start: Int64
  private(set) var length: Int64 = 1
  private var canary: [Point] = []
  private var stable: [Point] = []

  static let most = 240
  /// The log is read, and what was read is saved, within this time.
  private static let settling: Int64 = 2

  init(_ rollout: Rollout) {
    self.rollout = rollout.number
    from = rollout.from
    to = rollout.to
    start = rollout.started.second
  }

  /// Reads what has come, up to that time, as whole columns: half of one would look like half of the requests.
  ///
  /// The last ones are read again each time, as they may still grow; `isOver` ends with what there is.
  mutating func grow(
    _ store: any LogStore, _ service: ServiceName, until now: Instant, isOver: Bool
  ) async {
    while (now.second - start) / length >= Int64(Self.most) {
      length *= 2
      canary = []
      stable = []
    }
    let complete = (now.second - (isOver ? 0 : Self.settling) - start) / length
    let last = isOver ? complete : complete - 1
    var next = max(0, min(Int64(canary.count), last - Self.settling / length))
    canary.removeLast(max(0, canary.count - Int(next)))
    stable.removeLast(max(0, stable.count - Int(next)))
    // A long rollout is read in pieces: others wait for the store as well.
    while next <= last {
      let end = min(last, next + max(0, 600 / length - 1))
      // What cannot be read now is no stretch without requests: it is read at the next look.
      guard
        let slices = try? await store.slices(
          service, since: start + next * length, through: start + (end + 1) * length - 1
        ).slices
      else { return }
      var counts = Array(repeating: (PoolCounts(), PoolCounts()), count: Int(end - next + 1))
      for slice in slices {
        let index = Int((slice.second - start) / length - next)
        if slice.pool == to { counts[index].0.merge(slice.counts) }
        if slice.pool == from { counts[index].1.merge(slice.counts) }
      }
      canary += counts.map { Point($0.0) }
      stable += counts.map { Point($0.1) }
      next = end + 1
    }
  }

  var json: String {
    JSON.table([
      ("rollout", .int(rollout)), ("start", .int(Int(start))), ("length", .int(Int(length))),
      ("canary", .list(canary.map(\.json))), ("stable", .list(stable.map(\.json))),
    ]).line
  }
}
