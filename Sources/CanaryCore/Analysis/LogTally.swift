/// What one pool did in some stretch of time.
///
/// A try is one request passed to one server of the pool.
package struct PoolCounts: Hashable, Sendable {
  /// Tries that were answered or failed.
  package var requests = 0
  /// Tries that ended in 5xx; a refused connection is 502 and a timeout 504.
  package var failures = 0
  /// Tries that the client ended before the server answered: neither good nor bad.
  package var aborted = 0
  /// Requests that were first tried on this pool and that the client saw fail, whatever was tried afterwards; nil: some
  /// of them were counted by a version that did not look.
  package var hurt: Int? = 0
  package var latency = Histogram()

  package init() {}

  /// One try that was answered or failed.
  @inline(__always)
  package mutating func count(failed: Bool, milliseconds: Int64?) {
    requests &+= 1
    if failed { failures &+= 1 }
    if let milliseconds { latency.record(milliseconds: milliseconds) }
  }

  package mutating func merge(_ other: PoolCounts) {
    requests += other.requests
    failures += other.failures
    aborted += other.aborted
    hurt = hurt.flatMap { own in other.hurt.map { own + $0 } }
    latency.merge(other.latency)
  }

  package var isEmpty: Bool { requests == 0 && aborted == 0 }
}

/// The pools of a service by the addresses that Nginx writes into its log.
package struct PoolTable: Hashable, Sendable {
  package let pools: [PoolName]
  /// Index of the pool by the hash of an address; two addresses of one hash are told apart by `addresses`.
  private let byHash: [UInt64: Int]
  private let addresses: [String: Int]
  /// Index of the copies' own pool; nil where nothing is copied.
  package let shadow: Int?

  /// The pool that copies are counted under; no pool of a config has its name.
  package static let shadowName: PoolName = "shadow"

  /// What stands between Nginx and a pool, and logs its own tries.
  private let relay: UInt64?

  package init(
    _ entries: [(address: String, pool: PoolName)], copies: Bool = false, relay: String? = nil
  ) {
    var pools: [PoolName] = []
    var byHash: [UInt64: Int] = [:]
    var addresses: [String: Int] = [:]
    for (address, pool) in entries {
      let index = pools.firstIndex(of: pool) ?? pools.count
      if index == pools.count { pools.append(pool) }
      addresses[address] = index
      byHash[Array(address.utf8).withUnsafeBufferPointer { Self.hash($0[...]) }] = index
    }
    self.relay = relay.map { Array($0.utf8).withUnsafeBufferPointer { Self.hash($0[...]) } }
    shadow = copies ? pools.count : nil
    if copies { pools.append(Self.shadowName) }
    self.pools = pools
    self.byHash = byHash
    self.addresses = addresses
  }

  /// The index of the pool that the address belongs to.
  @inline(__always)
  package func index(_ address: Slice<UnsafeBufferPointer<UInt8>>) -> Int? {
    byHash[Self.hash(address)]
  }

  @inline(__always)
  package func isRelay(_ address: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
    relay == Self.hash(address)
  }

  /// FNV-1a.
  ///
  /// The addresses of a log are written by Nginx, so that nobody can choose them to collide.
  @inline(__always)
  private static func hash(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
  }
}

/// A comparison, and which of a tally's pools it compares.
package struct TallyComparison: Sendable {
  package var comparer: ComparisonJudge
  package let canary: Int
  package let stable: Int

  /// Nil unless both are pools of the table.
  package init?(_ comparer: ComparisonJudge, pools: [PoolName], canary: PoolName, stable: PoolName)
  {
    guard let canary = pools.firstIndex(of: canary), let stable = pools.firstIndex(of: stable)
    else { return nil }
    self.comparer = comparer
    self.canary = canary
    self.stable = stable
  }
}

/// What a stretch of log says: counts a second and pool, so that any window can be asked for.
package struct LogTally: Sendable {
  package let pools: [PoolName]
  /// By second since 1970, then by index of the pool.
  package private(set) var slices: [Int64: [PoolCounts]] = [:]
  /// Lines that are not of our format.
  package var unreadable = 0
  /// Tries at an address of no pool.
  package var unattributed = 0
  package var lines = 0
  /// What compares the canary with stable, request by request, while lines are read.
  package var duel: TallyComparison?
  /// Requests that chance drew, by generation, where they are asked for.
  package var census: [Int: Census]?
  /// When the newest line that was read ended, in milliseconds since 1970.
  package private(set) var newest: Int64 = 0

  /// The second that lines are being added to; merged into `slices` when another one begins.
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

  /// Takes note of the first try of a request that chance drew, and hands it to the comparison, if there is one.
  @inline(__always)
  package mutating func compare(
    generation: Int, milliseconds: Int64, pool: Int, failed: Bool?, latency: Int64?, isDrawn: Bool
  ) {
    if milliseconds > newest { newest = milliseconds }
    guard isDrawn else { return }
    if census != nil { enrol(generation, milliseconds, pool) }
    guard let canary = duel?.canary, let stable = duel?.stable, pool == canary || pool == stable
    else { return }
    duel?.comparer.add(
      generation: generation, milliseconds: milliseconds, isCanary: pool == canary, failed: failed,
      latency: latency)
  }

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

  /// Merges the open second; to be called before `slices` is read.
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

  /// Adds all that another tally of the same pools counted.
  package mutating func merge(_ other: LogTally) {
    var other = other
    other.close()
    close()
    for (second, counts) in other.slices { merge(counts, at: second) }
    unreadable += other.unreadable
    unattributed += other.unattributed
    lines += other.lines
  }

  /// The counts of a pool over the seconds from `from`, up to and with the one that `to` lies in.
  package mutating func total(pool: PoolName, from: Int64, through to: Int64) -> PoolCounts {
    close()
    var sum = PoolCounts()
    guard let index = pools.firstIndex(of: pool), from <= to else { return sum }
    // A window longer than what is kept must not walk through seconds that are not there.
    if to - from > Int64(slices.count) {
      for (second, counts) in slices where second >= from && second <= to {
        sum.merge(counts[index])
      }
    } else {
      for second in from...to { if let counts = slices[second] { sum.merge(counts[index]) } }
    }
    return sum
  }

  /// Forgets what is older than a second.
  package mutating func drop(before second: Int64) {
    close()
    slices = slices.filter { $0.key >= second }
  }

  package var isEmpty: Bool { slices.isEmpty && !isOpenUsed && lines == 0 && unreadable == 0 }
}
