/// Random numbers that are the same on every machine for the same seed (SplitMix64, by Sebastiano Vigna).
package struct Dice: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  @inline(__always)
  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  /// A uniform number from 0 up to, but not including, 1.
  @inline(__always)
  package mutating func share() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A random count of events with this mean (Knuth; the mean is halved while it is large).
  package mutating func poisson(_ mean: Double) -> Int {
    guard mean < 30 else { return poisson(mean / 2) + poisson(mean / 2) }
    let limit = Mathematics.exp(-mean)
    var count = 0
    var product = share()
    while product > limit {
      count += 1
      product *= share()
    }
    return count
  }
}
