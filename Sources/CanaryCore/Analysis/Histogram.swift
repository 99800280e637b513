/// Latencies in log-linear buckets: mergeable, with any quantile within 1 % of the exact one.
///
/// Each millisecond below 128 has a bucket of its own. Above, every doubling has 64 buckets, so
/// that a bucket's middle is at most 1/128 from any value in it (as in HdrHistogram, by Gil Tene).
/// Nginx writes whole milliseconds.
package struct Histogram: Hashable, Sendable, Codable {
  /// Counts by bucket, up to the largest bucket that was used.
  private var buckets: [UInt32] = []
  package private(set) var count = 0

  package init() {}

  /// The longest latency that is told apart, about 37 hours; a longer one counts as this.
  private static let longest: Int64 = 1 << 27

  package mutating func record(milliseconds: Int64) {
    let index = Self.index(max(0, min(milliseconds, Self.longest)))
    if index >= buckets.count {
      buckets.append(contentsOf: repeatElement(0, count: index + 1 - buckets.count))
    }
    buckets[index] &+= 1
    count &+= 1
  }

  package mutating func merge(_ other: Histogram) {
    if other.buckets.count > buckets.count {
      buckets.append(contentsOf: repeatElement(0, count: other.buckets.count - buckets.count))
    }
    for index in other.buckets.indices { buckets[index] &+= other.buckets[index] }
    count &+= other.count
  }

  /// The least latency, in seconds, that at least the share `q` of all do not exceed; nil if empty.
  package func quantile(_ q: Double) -> Double? {
    guard count > 0 else { return nil }
    let rank = max(1, Int((q * Double(count)).rounded(.up)))
    var seen = 0
    for (index, number) in buckets.enumerated() {
      seen += Int(number)
      if seen >= rank { return Self.middle(index) / 1000 }
    }
    return nil
  }

  /// How many latencies are longer, as `quantile` tells them apart.
  func count(above milliseconds: Int64) -> Int {
    var index = Self.index(max(0, min(milliseconds, Self.longest)))
    if Self.middle(index) <= Double(milliseconds) { index += 1 }
    guard index < buckets.count else { return 0 }
    return buckets[index...].reduce(0) { $0 + Int($1) }
  }

  /// The middle of each used bucket, in seconds, with its count; shortest first.
  package var values: [(seconds: Double, count: Int)] {
    buckets.enumerated().compactMap { index, number in
      number > 0 ? (Self.middle(index) / 1000, Int(number)) : nil
    }
  }

  private static func index(_ value: Int64) -> Int {
    if value < 128 { return Int(value) }
    let shift = 63 - value.leadingZeroBitCount - 6
    return shift * 64 + Int(value >> Int64(shift))
  }

  /// The middle of a bucket, in milliseconds.
  private static func middle(_ index: Int) -> Double {
    if index < 128 { return Double(index) }
    let shift = index / 64 - 1
    let low = Int64(index % 64 + 64) << Int64(shift)
    return Double(low) + Double((Int64(1) << Int64(shift)) - 1) / 2
  }

  // MARK: storage

  /// The used buckets as pairs of numbers in base 128: steps from the last used one, and the count.
  package var encoded: [UInt8] {
    var bytes: [UInt8] = []
    var last = 0
    for (index, number) in buckets.enumerated() where number > 0 {
      Self.put(UInt64(index - last), &bytes)
      Self.put(UInt64(number), &bytes)
      last = index
    }
    return bytes
  }

  /// Reads what `encoded` returned; nil for any other bytes.
  package init?(encoded bytes: [UInt8]) {
    var at = 0
    var index = 0
    while at < bytes.count {
      guard let step = Self.take(bytes, &at), let number = Self.take(bytes, &at), step < 4096,
        number > 0, number <= UInt64(UInt32.max), step > 0 || buckets.isEmpty
      else { return nil }
      index += Int(step)
      guard index <= Self.index(Self.longest) else { return nil }
      if index >= buckets.count {
        buckets.append(contentsOf: repeatElement(0, count: index + 1 - buckets.count))
      }
      buckets[index] = UInt32(number)
      count += Int(number)
    }
  }

  package init(from decoder: any Decoder) throws {
    let bytes = try decoder.singleValueContainer().decode([UInt8].self)
    guard let histogram = Histogram(encoded: bytes) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "no histogram"))
    }
    self = histogram
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(encoded)
  }

  private static func put(_ value: UInt64, _ bytes: inout [UInt8]) {
    var rest = value
    while rest >= 128 {
      bytes.append(UInt8(rest & 127) | 128)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private static func take(_ bytes: [UInt8], _ at: inout Int) -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while at < bytes.count, shift < 63 {
      let byte = bytes[at]
      at += 1
      value |= UInt64(byte & 127) << shift
      if byte < 128 { return value }
      shift += 7
    }
    return nil
  }
}
