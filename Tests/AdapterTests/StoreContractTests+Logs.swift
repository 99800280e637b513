import CanaryAdapters
import CanaryCore
import CanaryDriver
import TestSupport
import Testing

// What the access log said.
extension StoreContractTests {
  /// In order: a store may tell them in any.
  private func slices(
    _ store: any Store, since second: Int64 = 0, through last: Int64 = .max
  ) async throws -> [LogSlice] {
    try await store.slices("chat", since: second, through: last).slices.sorted {
      ($0.second, $0.pool) < ($1.second, $1.pool)
    }
  }

  @Test(arguments: Kind.allCases)
  func `slices and the place in the log are saved together and added up`(kind: Kind) async throws {
    let stand = try Stand(kind)
    let (store, other) = (stand.store, stand.other)
    #expect(try await store.slices("chat", since: 0).slices.isEmpty)
    #expect(try await store.slices("chat", since: 0).positions.isEmpty)
    #expect(try await store.unreadable("chat") == 0)
    var tally = Sample.tally()
    tally.unreadable = 2
    let first = LogPosition(device: 1, inode: 2, offset: 300)
    let second = LogPosition(device: .max, inode: 3, offset: 1 << 40)
    try await store.saveSlices("chat", tally, [first], nil)
    tally.unattributed = 1
    tally.add(second: 12, pool: 0) {
      $0.count(failed: true, milliseconds: nil)
      $0.aborted += 1
      $0.hurt = 1
    }
    try await store.saveSlices("chat", tally, [second, first], nil)
    let read = try await slices(other, since: 11)
    #expect(read.map(\.second) == [11, 12, 12] && read.map(\.pool) == ["green", "blue", "green"])
    #expect(read.map(\.counts.requests) == [2, 1, 2])
    #expect(read[1].counts.failures == 1 && read[1].counts.aborted == 1)
    #expect(read.map(\.counts.hurt) == [0, 1, 0])
    #expect(read[0].counts.latency.quantile(0.5) == 0.04)
    #expect(try await other.slices("chat", since: 11).positions == [second, first])
    #expect(try await slices(other, since: 10, through: 11).map(\.second) == [10, 11])
    #expect(try await other.unreadable("chat") == 5)
    #expect(try await other.slices("blog", since: 0).slices.isEmpty)
    #expect(try await other.unreadable("blog") == 0)
  }

  @Test(arguments: Kind.allCases)
  func `what one part of a second did not look for its sum does not know`(kind: Kind) async throws {
    let stand = try Stand(kind)
    var tally = LogTally(pools: ["blue"])
    tally.add(second: 5, pool: 0) {
      $0.count(failed: true, milliseconds: 3)
      $0.hurt = nil
    }
    try await stand.store.saveSlices("chat", tally, [], nil)
    try await stand.store.saveSlices("chat", Sample.tally(from: 5), [], nil)
    let read = try await slices(stand.other, through: 5)
    #expect(read.map(\.pool) == ["blue", "green"] && read.map(\.counts.hurt) == [nil, 0])
  }

  @Test(arguments: Kind.allCases)
  func `slices go when they are eight days older than the newest`(kind: Kind) async throws {
    let stand = try Stand(kind)
    try await stand.store.saveSlices("chat", Sample.tally(from: 10), [], nil)
    try await stand.store.saveSlices("blog", Sample.tally(from: 10), [], nil)
    try await stand.store.saveSlices("chat", Sample.tally(from: 9 + 8 * 86_400), [], nil)
    #expect(try await slices(stand.other, through: 100).map(\.second) == [11, 12])
    #expect(try await stand.other.slices("blog", since: 0).slices.count == 3)
  }

  @Test(arguments: Kind.allCases)
  func `the newest comparison is read back whole, for its rollout`(kind: Kind) async throws {
    let stand = try Stand(kind)
    #expect(try await stand.store.comparison("chat", rollout: 1) == nil)
    let specs = [ComparisonSpec(name: "errors", compare: .failures, advisory: false)]
    var judges = (1...2).map { rollout in
      ComparisonJudge(
        rollout: rollout, checks: specs, stages: 3, alpha: 0.01, baseline: PoolCounts(),
        most: 0.05)
    }
    for index in judges.indices {
      judges[index].begin(
        stage: 0, generation: 2, weight: 0.5, trusted: Sample.time(1), at: Sample.time(1))
      for request in 0..<50 {
        judges[index].add(
          generation: 2, milliseconds: 1000 + Int64(request) * 20,
          isCanary: request.isMultiple(of: 2), failed: request.isMultiple(of: 7), latency: 10)
      }
      try await stand.store.saveSlices("chat", Sample.tally(), [], judges[index])
      // One that comes without does not end the one there is.
      try await stand.store.saveSlices("chat", Sample.tally(), [], nil)
      let rollout = judges[index].rollout
      #expect(try await stand.other.comparison("chat", rollout: rollout) == judges[index])
      #expect(try await stand.other.comparison("chat", rollout: 3 - rollout) == nil)
      #expect(try await stand.other.comparison("blog", rollout: rollout) == nil)
    }
  }
}
