internal import CanaryAdapters
internal import CanaryCore

/// Each line has its own faults: the input is read as a whole file is.
struct LogLineTarget {
  private static let entries: [(String, PoolName)] = [
    ("127.0.0.1:9001", "blue"), ("127.0.0.1:9003", "blue"), ("127.0.0.1:9002", "green"),
    ("unix:/run/app.sock", "green"), ("[2001:db8::1]:80", "green"),
  ]
  private let table = PoolTable(entries, copies: true)
  private let occasion = StageContext(
    rollout: 1, stage: 0,
    plan: Plan(
      name: "p",
      stages: [Weight(percent: 50)].compactMap { $0.map { Stage(weight: $0, soak: .minutes(1)) } },
      checks: [
        Check(name: "errors", source: .metric(.errorRate), condition: Condition(versus: Versus()))
      ]),
    stable: "blue", canary: "green", generation: Generation(42),
    started: Instant(milliseconds: 1_795_000_000_000),
    since: Instant(milliseconds: 1_795_000_000_000))

  func fault(_ bytes: [UInt8]) -> String? {
    var whole = tally()
    // Stages told by time: the same counts, and whatever is compared is of one of them.
    var timed = tally()
    let times = SwitchTimes([
      StageSwitch(asked: 1_795_000_000_000, seen: 1_795_000_000_020, generation: 42),
      StageSwitch(asked: 1_795_000_010_000, seen: 1_795_000_010_020, generation: 43),
    ])
    var sum = [0, 0, 0]
    let fault: String? = bytes.withUnsafeBufferPointer { buffer in
      for line in buffer.split(separator: 10) {
        LogParser(table, .response).parse(line, into: &whole)
        LogParser(table, .response, times).parse(line, into: &timed)
        var alone = tally()
        LogParser(table, .firstByte).parse(line, into: &alone)
        let counts = Self.counts(&alone)
        if let fault = Self.fault(alone, counts, Array(line)) { return fault }
        sum = [sum[0] + counts.tries, sum[1] + alone.unattributed, sum[2] + alone.unreadable]
      }
      return nil
    }
    if let fault { return fault }
    timed.close()
    whole.close()
    let drawn = { (tally: LogTally) in
      (tally.census ?? [:]).values.reduce(tally.betweenStages) { $0 + $1.pools.reduce(0, +) }
    }
    guard timed.slices == whole.slices, timed.unreadable == whole.unreadable,
      drawn(timed) == drawn(whole),
      (timed.census ?? [:]).keys.allSatisfy({ (41...43).contains($0) })
    else { return "told by time: \(timed.census ?? [:]), else: \(whole.census ?? [:])" }
    let found = [Self.counts(&whole).tries, whole.unattributed, whole.unreadable]
    return found == sum ? nil : "one by one \(sum), all at once \(found)"
  }

  private func tally() -> LogTally {
    var tally = LogTally(pools: table.pools)
    tally.census = [:]
    tally.comparison = LogReading.judge(occasion, baseline: PoolCounts()).flatMap {
      TallyComparison($0, pools: table.pools, canary: "green", stable: "blue")
    }
    return tally
  }

  private static func counts(_ tally: inout LogTally) -> (tries: Int, isSound: Bool) {
    var tries = 0
    var isSound = true
    for pool in tally.pools {
      let counts = tally.total(pool: pool, from: .min / 2, through: .max / 2)
      tries += counts.requests + counts.aborted
      isSound =
        isSound && counts.failures <= counts.requests && counts.latency.count <= counts.requests
        && counts.hurt ?? 0 <= counts.requests + counts.aborted
        && counts.latency.quantile(0.99) ?? 0 >= 0
    }
    return (tries, isSound)
  }

  /// What does not fit the line's own list of addresses.
  private static func fault(
    _ tally: LogTally, _ counts: (tries: Int, isSound: Bool), _ line: [UInt8]
  ) -> String? {
    guard tally.lines == 1, counts.isSound, (0...1).contains(tally.unreadable) else {
      return "\(tally.lines) lines, \(tally.unreadable) unreadable, sound: \(counts.isSound)"
    }
    let counted = counts.tries + tally.unattributed
    if tally.unreadable == 1 { return counted == 0 ? nil : "unreadable, but counted" }
    let addresses = line.split(separator: 9, omittingEmptySubsequences: false)[5]
    if addresses == [UInt8(ascii: "-")] { return counted == 0 ? nil : "counted without a try" }
    let pairs = zip(addresses, addresses.dropFirst())
    let tries = 1 + pairs.count { $1 == 32 && ($0 == 44 || $0 == 58) }
    return counted == tries ? nil : "\(tries) tries, \(counted) counted"
  }
}
