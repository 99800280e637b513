/// The draw of a share of clients, computed as Nginx does.
package enum Draw {
  /// MurmurHash2 of 32 bits with seed 0, as in `split_clients` (Austin Appleby;
  /// `ngx_murmurhash.c`).
  package static func hash(_ text: String) -> UInt32 {
    let data = Array(text.utf8)
    let m: UInt32 = 0x5bd1_e995
    var h = UInt32(truncatingIfNeeded: data.count)
    var at = 0
    while data.count - at >= 4 {
      var k =
        UInt32(data[at]) | UInt32(data[at + 1]) << 8 | UInt32(data[at + 2]) << 16
        | UInt32(data[at + 3]) << 24
      k = k &* m
      k ^= k >> 24
      k = k &* m
      h = h &* m
      h ^= k
      at += 4
    }
    let rest = data[at...]
    if !rest.isEmpty {
      for (index, byte) in rest.enumerated() { h ^= UInt32(byte) << UInt32(8 * index) }
      h = h &* m
    }
    h ^= h >> 13
    h = h &* m
    h ^= h >> 15
    return h
  }

  /// The place in a list of shares that a key is drawn for, as `split_clients` draws.
  ///
  /// The shares are all of the requests together. Nginx rounds the bound of each share by itself,
  /// and gives what is left at the end to the last one.
  package static func place(_ key: String, among shares: [Weight]) -> Int {
    let hash = UInt64(hash(key))
    var bound: UInt64 = 0
    for (index, share) in shares.enumerated() {
      bound += UInt64(share.basisPoints) * 0xffff_ffff / 10_000
      if hash < bound { return index }
    }
    return max(0, shares.count - 1)
  }

  /// Whether a key belongs to the canary's share.
  ///
  /// A key that belongs to it at one weight does so at every higher one.
  package static func isIn(_ key: String, _ weight: Weight) -> Bool {
    if weight == .all { return true }
    // The bound that `split_clients` computes from a percentage with two decimals.
    let bound = UInt64(weight.basisPoints) * 0xffff_ffff / 10_000
    return UInt64(hash(key)) < bound
  }
}
