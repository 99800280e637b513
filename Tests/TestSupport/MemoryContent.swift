internal import CanaryCore
internal import CanaryDriver

/// What a store in memory holds, and how it changes.
struct MemoryContent {
  /// One check in one stage.
  struct CheckKey: Hashable {
    var service: ServiceName
    var rollout: Int
    var stage: Int
    var name: CheckName
  }

  var states: [ServiceName: Saved<ServiceState>] = [:]
  var freeze: Freeze?
  var rollouts: [ServiceName: [Int: Rollout]] = [:]
  var links: [ChainLink] = []
  var checks: [CheckKey: CheckRecord] = [:]
  var places: [String: ReceiverPlace] = [:]
  var slices: [ServiceName: [LogSlice]] = [:]
  var positions: [ServiceName: [LogPosition]] = [:]
  var judges: [ServiceName: ComparisonJudge] = [:]
  var unreadable: [ServiceName: Int] = [:]
  /// Calls of `load` and `save`.
  var calls = 0
  /// Changes of whatever kind.
  var version = 0

  mutating func append(_ entry: Entry, _ service: ServiceName?) {
    let id = Int64(links.count + 1)
    links.append(ChainLink(id: id, service: service, entry: entry, hash: "hash-\(id)"))
  }

  func record(_ service: ServiceName, _ rollout: Rollout) -> RolloutRecord {
    RolloutRecord(
      rollout: rollout,
      entries: links.filter { $0.service == service && $0.entry.rollout == rollout.number }
        .map(\.entry))
  }

  /// A measurement takes the place of the one with its number, and an end that of the one before.
  mutating func keep(_ kept: KeptMeasurement, of service: ServiceName) {
    let name =
      switch kept.what {
      case .measured(let measurement, _, _, _): measurement.check
      case .end(let state): state.name
      }
    let key = CheckKey(service: service, rollout: kept.rollout, stage: kept.stage, name: name)
    var record = checks[key] ?? CheckRecord(stage: kept.stage, name: name)
    switch kept.what {
    case .measured(let measurement, let number, let grounds, let verdict):
      record.rows.removeAll { $0.number == number }
      record.rows.append(
        CheckRecord.Row(
          number: number, grounds: grounds, measurement: measurement, verdict: verdict))
      record.rows.sort { $0.number < $1.number }
    case .end(let state): record.end = state
    }
    checks[key] = record
    guard case .end = kept.what else { return }
    for key in checks.keys where key.service == service && key.rollout <= kept.rollout - 100 {
      checks[key]?.rows = []
    }
  }

  mutating func add(_ tally: LogTally, of service: ServiceName) {
    var sums = slices[service] ?? []
    for (second, pools) in tally.slices {
      for (pool, counts) in zip(tally.pools, pools) where !counts.isEmpty {
        if let known = sums.firstIndex(where: { $0.second == second && $0.pool == pool }) {
          sums[known].counts.merge(counts)
        } else {
          sums.append(LogSlice(second: second, pool: pool, counts: counts))
        }
      }
    }
    if let newest = tally.slices.keys.max() {
      sums.removeAll { $0.second < newest - 8 * 86_400 }
    }
    slices[service] = sums.sorted { ($0.second, $0.pool) < ($1.second, $1.pool) }
    unreadable[service, default: 0] += tally.unreadable + tally.unattributed
  }
}
