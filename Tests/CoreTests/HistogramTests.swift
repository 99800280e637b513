import CanaryCore
import TestSupport
import Testing

@Suite(.busy) struct HistogramTests {
  @Test(arguments: [1.0, 30, 1000, 200_000])
  func `any quantile is within one percent of the exact one`(scale: Double) {
    var dice = Dice(seed: 7)
    var histogram = Histogram()
    var exact: [Int64] = []
    for _ in 0..<20_000 {
      // Spread over several powers of two, with a long tail.
      let u = Double(dice.below(1_000_000) + 1) / 1_000_001
      let value = Int64(scale * (1 / u).squareRoot())
      exact.append(value)
      histogram.record(milliseconds: value)
    }
    exact.sort()
    for q in [0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1] {
      let rank = max(1, Int((q * Double(exact.count)).rounded(.up)))
      let truth = Double(exact[rank - 1]) / 1000
      let found = histogram.quantile(q) ?? -1
      #expect(abs(found - truth) <= truth * 0.01 + 1e-9, "q \(q): \(found) for \(truth)")
    }
  }

  @Test func `merging is recording all`() throws {
    var dice = Dice(seed: 3)
    var (left, right, all) = (Histogram(), Histogram(), Histogram())
    for index in 0..<5000 {
      let value = Int64(dice.below(1 << (1 + dice.below(26))))
      index.isMultiple(of: 3) ? left.record(milliseconds: value) : right.record(milliseconds: value)
      all.record(milliseconds: value)
    }
    var merged = left
    merged.merge(right)
    var reversed = right
    reversed.merge(left)
    #expect(merged.encoded == all.encoded && reversed.encoded == all.encoded)
    #expect(merged.count == 5000)
    let stored = try #require(Histogram(encoded: all.encoded))
    #expect(stored.encoded == all.encoded && stored.count == all.count)
  }

  @Test func `impossible values and damaged storage do no harm`() {
    var histogram = Histogram()
    for value in [Int64.min, -1, 0, 1 << 40, .max] { histogram.record(milliseconds: value) }
    #expect(histogram.count == 5)
    #expect(histogram.quantile(0) == 0)
    #expect(Histogram().quantile(0.5) == nil)
    var dice = Dice(seed: 11)
    for _ in 0..<5000 {
      let bytes = (0..<dice.below(40)).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
      if let read = Histogram(encoded: bytes) {
        #expect(Histogram(encoded: read.encoded)?.count == read.count)
      }
    }
  }
}
