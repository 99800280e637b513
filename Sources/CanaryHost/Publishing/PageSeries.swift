internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// A rollout cut into columns of equal length, for the charts of the status page.
///
/// When there would be more than `most`, the columns are read again from the store at twice the
/// length: quantiles cannot be merged.
struct PageSeries {
  /// One column of one pool: requests, failures, and p50, p95 and p99 in milliseconds (nil: no
  /// requests).
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
  /// Where the first column starts, in seconds since 1970.
  private let start: Int64
  /// The length of a column in seconds.
  private(set) var length: Int64 = 1
  private var canary: [Point] = []
  private var stable: [Point] = []

  /// The largest number of columns.
  static let most = 240
  /// How many seconds it takes at most until a request is read from the log and saved.
  private static let settling: Int64 = 2

  init(_ rollout: Rollout) {
    self.rollout = rollout.number
    from = rollout.from
    to = rollout.to
    start = rollout.started.second
  }

  /// Reads the columns that are complete by `now`.
  ///
  /// Half a column would look like half of the requests. The last columns are read again each time,
  /// because late lines may still add to them; with `isOver` the last, partial column is read too.
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
    // In pieces, because other processes wait for the store as well.
    while next <= last {
      let end = min(last, next + max(0, 600 / length - 1))
      // A failed read is not a stretch without requests: the next call tries again.
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
