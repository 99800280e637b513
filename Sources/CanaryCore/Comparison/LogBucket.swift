/// Buckets of latencies in relative steps of 2 %, from one millisecond on.
package enum LogBucket {
  private static let step = Mathematics.log(1.02)

  /// The smallest bucket whose upper edge is no less than the latency: ⌈ln(x / 1 ms) / ln 1.02⌉.
  package static func index(milliseconds: Double) -> Int {
    // The slack keeps an edge in its own bucket, however the logarithm is rounded.
    milliseconds <= 1 ? 0 : Int((Mathematics.log(milliseconds) / step - 1e-9).rounded(.up))
  }

  /// The upper edge of a bucket, in milliseconds.
  package static func upperEdge(_ index: Int) -> Double { Mathematics.exp(Double(index) * step) }
}
