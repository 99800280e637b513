/// How small a body is tiny, by what stable answers.
struct Bodies: Hashable, Sendable, Codable {
  private var learning = Histogram()
  /// A body of at most so many bytes is tiny: empty ones until stable's are known.
  private(set) var most: Int64 = 0

  /// How many bodies of stable tell how large they are.
  private static let needed = 200

  /// Learns from the body of an answer of stable, negative: it has none to tell.
  ///
  /// Tiny is a tenth of what 95 % of the bodies that are not empty exceed.
  @inline(__always)
  mutating func learn(_ size: Int64) {
    guard size > 0, learning.count < Self.needed else { return }
    learning.record(milliseconds: size)
    if learning.count == Self.needed, let small = learning.quantile(0.05) {
      most = Int64(small * 1000 / 10)
    }
  }
}
