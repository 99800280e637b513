/// The counts of one pool over some time.
///
/// A try is one request passed to one server of the pool.
package struct PoolCounts: Hashable, Sendable {
  /// Tries that were answered or failed.
  package var requests = 0
  /// Tries that failed: with a 5xx or a fault of gRPC, or without an answer or a connection.
  ///
  /// A refused connection is 502 and a timeout 504.
  package var failures = 0
  /// Tries that the client ended before the server answered: neither good nor bad.
  package var aborted = 0
  /// Requests that were first tried on this pool and that the client saw fail, whatever came then.
  ///
  /// Nil: some of them were counted by a version that did not record this.
  package var hurt: Int? = 0
  package var latency = Histogram()
  /// Tries that were answered with 4xx, with 3xx but 304, and whose answers were cut off.
  package var rejected = 0
  package var redirected = 0
  package var cutOff = 0
  /// How long those waited that gave up before the first byte.
  package var waits = Histogram()

  package init() {}

  /// Counts one try that was answered or failed; its latency is nil when unknown.
  @inline(__always)
  package mutating func count(failed: Bool, milliseconds: Int64?) {
    requests &+= 1
    if failed { failures &+= 1 }
    if let milliseconds { latency.record(milliseconds: milliseconds) }
  }

  /// Counts what an answer was, beside a failure or none.
  package mutating func note(_ signs: Answer.Signs) {
    if signs.contains(.rejected) { rejected &+= 1 }
    if signs.contains(.redirected) { redirected &+= 1 }
    if signs.contains(.cutOff) { cutOff &+= 1 }
  }

  package mutating func merge(_ other: PoolCounts) {
    requests &+= other.requests
    failures &+= other.failures
    aborted &+= other.aborted
    hurt = hurt.flatMap { own in other.hurt.map { own &+ $0 } }
    latency.merge(other.latency)
    rejected &+= other.rejected
    redirected &+= other.redirected
    cutOff &+= other.cutOff
    waits.merge(other.waits)
  }

  package var isEmpty: Bool { requests == 0 && aborted == 0 }
}

/// A comparison, and the two pools of a tally that it compares.
package struct TallyComparison: Sendable {
  package var judge: ComparisonJudge
  package let canary: Int
  package let stable: Int

  /// Nil unless both pools are in the list.
  package init?(_ judge: ComparisonJudge, pools: [PoolName], canary: PoolName, stable: PoolName) {
    guard let canary = pools.firstIndex(of: canary), let stable = pools.firstIndex(of: stable)
    else { return nil }
    self.judge = judge
    self.canary = canary
    self.stable = stable
  }
}

/// The counts of a stretch of log by second and pool, so that any window can be summed up.
package struct LogTally: Sendable {
  package let pools: [PoolName]
  /// By second since 1970, then by index of the pool.
  package private(set) var slices: [Int64: [PoolCounts]] = [:]
  /// Lines of another format.
  package var unreadable = 0
  /// Tries at an address that belongs to no pool.
  package var unattributed = 0
  /// Drawn requests too near to a change of the stage to be compared; they are counted all the same.
  package private(set) var betweenStages = 0
  package var lines = 0
  /// Seats and pools that must agree; nil: they are not checked.
  package var seats: SeatCheck?
  /// The canary's servers, each by itself; nil: they are not told apart.
  package var servers: ServerBlame?
  /// The comparison that takes each request while lines are read; nil: none.
  package var comparison: TallyComparison?
  /// How many answers on each connection were cut off, by Nginx's error log.
  package var cutConnections: [Int: Int] = [:]
  /// The requests that chance drew, by generation; nil: they are not counted.
  package var census: [Int: Census]?
  /// When the newest request of a known pool ended, in milliseconds since 1970.
  package private(set) var newest: Int64 = 0

  /// The second that is being counted; it is merged into `slices` when another one begins.
  private var second: Int64 = .min
  private var open: [PoolCounts]
  private var isOpenUsed = false

  package init(pools: [PoolName]) {
    self.pools = pools
    open = Array(repeating: PoolCounts(), count: pools.count)
  }

  /// Adds to the counts of one pool in one second.
  @inline(__always)
  package mutating func add(second: Int64, pool: Int, _ change: (inout PoolCounts) -> Void) {
    if second != self.second { turn(to: second) }
    isOpenUsed = true
    change(&open[pool])
  }

  /// Hands the first try of a request to the census and the comparison, if chance drew the request.
  ///
  /// Neither gets one whose `generation` is nil: the stage that drew it cannot be told.
  @inline(__always)
  package mutating func compare(
    generation: Int?, milliseconds: Int64, pool: Int, failed: Bool?, latency: Int64?, isDrawn: Bool,
    answer: Answer = Answer()
  ) {
    if milliseconds > newest { newest = milliseconds }
    guard isDrawn else { return }
    guard let generation else {
      betweenStages &+= 1
      return
    }
    if census != nil { enrol(generation, milliseconds, pool) }
    guard let canary = comparison?.canary, let stable = comparison?.stable,
      pool == canary || pool == stable
    else { return }
    comparison?.judge.add(
      generation: generation, milliseconds: milliseconds, isCanary: pool == canary, failed: failed,
      latency: latency, answer: answer)
  }

  /// Whether the error log says that an answer on this connection was cut off; each is told once.
  mutating func takeCut(_ connection: Int) -> Bool {
    guard let count = cutConnections[connection] else { return false }
    cutConnections[connection] = count > 1 ? count - 1 : nil
    return true
  }

  /// Counts a request that began at `start` whose first try contradicts its seat.
  mutating func check(isMet: Bool, _ pool: Int, from start: Int64) {
    seats?.check(isMet: isMet, pool, from: start)
  }

  /// Notes that a try failed: while the servers of a pool are down, the other one takes over.
  mutating func noteFailure(_ pool: Int, at time: Int64) { seats?.failedAt[pool] = time }

  private mutating func enrol(_ generation: Int, _ milliseconds: Int64, _ pool: Int) {
    let empty = Census(
      pools: Array(repeating: 0, count: pools.count), first: milliseconds, last: milliseconds)
    census?[generation, default: empty].pools[pool] += 1
    census?[generation]?.last = milliseconds
  }

  private mutating func turn(to second: Int64) {
    close()
    self.second = second
  }

  /// Merges the open second into `slices`; to be called before `slices` is read.
  package mutating func close() {
    guard isOpenUsed else { return }
    merge(open, at: second)
    open = Array(repeating: PoolCounts(), count: pools.count)
    isOpenUsed = false
  }

  private mutating func merge(_ counts: [PoolCounts], at second: Int64) {
    guard slices[second] != nil else {
      slices[second] = counts
      return
    }
    for index in counts.indices { slices[second]?[index].merge(counts[index]) }
  }

  /// Adds the counts of another tally of the same pools, but not its comparison and census.
  package mutating func merge(_ other: LogTally) {
    var other = other
    other.close()
    close()
    for (second, counts) in other.slices { merge(counts, at: second) }
    unreadable += other.unreadable
    unattributed += other.unattributed
    betweenStages += other.betweenStages
    lines += other.lines
  }

  /// The counts of a pool from one second through another, both included.
  package mutating func total(pool: PoolName, from: Int64, through to: Int64) -> PoolCounts {
    close()
    var sum = PoolCounts()
    guard let index = pools.firstIndex(of: pool), from <= to else { return sum }
    // A window longer than what is kept must not walk through seconds without counts.
    if to.saturatingSum(from == .min ? .max : -from) > Int64(slices.count) {
      for (second, counts) in slices where second >= from && second <= to {
        sum.merge(counts[index])
      }
    } else {
      for second in from...to { if let counts = slices[second] { sum.merge(counts[index]) } }
    }
    return sum
  }

  /// Drops the counts of all seconds before this one.
  package mutating func drop(before second: Int64) {
    close()
    slices = slices.filter { $0.key >= second }
  }

  package var isEmpty: Bool { slices.isEmpty && !isOpenUsed && lines == 0 && unreadable == 0 }
}
