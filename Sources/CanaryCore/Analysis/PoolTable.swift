/// The pools of a service, found by the addresses that Nginx logs.
package struct PoolTable: Hashable, Sendable {
  package let pools: [PoolName]
  /// The index of the pool by the hash of an address; a lookup trusts the hash alone.
  private let hashes: [UInt64]
  private let owners: [Int]
  /// The same by the address itself; only read when two tables are compared.
  private let addresses: [String: Int]
  /// The index of the pool that copies count under; nil: nothing is copied.
  package let shadow: Int?
  /// Whether an address belongs to two pools, so that it tells none of them.
  let isAmbiguous: Bool

  /// The pool that copies count under; no pool of a config may have this name.
  package static let shadowName: PoolName = "shadow"

  /// The hashes of the addresses of relays.
  ///
  /// A relay stands between Nginx and a pool, and logs its own tries.
  private let relays: [UInt64]

  package init(
    _ entries: [(address: String, pool: PoolName)], copies: Bool = false, relays: [String] = []
  ) {
    var pools: [PoolName] = []
    var byHash: [UInt64: Int] = [:]
    var addresses: [String: Int] = [:]
    var isAmbiguous = false
    for (address, pool) in entries {
      let index = pools.firstIndex(of: pool) ?? pools.count
      if index == pools.count { pools.append(pool) }
      if let other = addresses[address], other != index { isAmbiguous = true }
      addresses[address] = index
      byHash[Array(address.utf8).withUnsafeBufferPointer { AddressHash.of($0[...]) }] = index
    }
    self.relays = relays.map {
      Array($0.utf8).withUnsafeBufferPointer { AddressHash.of($0[...]) }
    }
    shadow = copies ? pools.count : nil
    if copies { pools.append(Self.shadowName) }
    self.pools = pools
    let sorted = byHash.sorted { $0.key < $1.key }
    hashes = sorted.map(\.key)
    owners = sorted.map(\.value)
    self.addresses = addresses
    self.isAmbiguous = isAmbiguous
  }

  /// The index of the pool that the address belongs to; nil: no pool.
  @inline(__always)
  package func index(_ address: Slice<UnsafeBufferPointer<UInt8>>) -> Int? {
    index(hash: AddressHash.of(address))
  }

  /// The index of the pool that the address with this hash belongs to; nil: no pool.
  @inline(__always)
  func index(hash: UInt64) -> Int? {
    hashes.withUnsafeBufferPointer { hashes in
      var (low, high) = (0, hashes.count)
      // A pool has a few servers: most tables are shorter than the first half of a search.
      while high &- low > 8 {
        let middle = (low &+ high) / 2
        if hashes[middle] <= hash { low = middle } else { high = middle }
      }
      while low < high {
        if hashes[low] == hash { return owners[low] }
        low &+= 1
      }
      return nil
    }
  }

  @inline(__always)
  package func isRelay(_ address: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
    !relays.isEmpty && relays.contains(AddressHash.of(address))
  }

  /// The addresses of one pool, by their hashes.
  func names(of pool: Int) -> [UInt64: String] {
    let own = addresses.filter { $0.value == pool }.keys.map { address in
      (Array(address.utf8).withUnsafeBufferPointer { AddressHash.of($0[...]) }, address)
    }
    return Dictionary(own) { first, _ in first }
  }
}
