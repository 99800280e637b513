/// The canary's share of new requests, in basis points from 0 to 10 000, because a plan may say
/// 0.25 %.
package struct Weight: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  package let basisPoints: Int

  package static let none = Weight(unchecked: 0)
  package static let all = Weight(unchecked: 10_000)

  /// Returns nil unless 0 ≤ percent ≤ 100 with at most two decimals.
  package init?(percent: Double) {
    let points = percent * 100
    guard percent >= 0, percent <= 100, abs(points - points.rounded()) < 1e-6 else { return nil }
    basisPoints = Int(points.rounded())
  }

  private init(unchecked points: Int) { basisPoints = points }

  package init(from decoder: any Decoder) throws {
    let points = try decoder.singleValueContainer().decode(Int.self)
    guard (0...10_000).contains(points) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "weight \(points) of 10000"))
    }
    basisPoints = points
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(basisPoints)
  }

  package var percent: Double { Double(basisPoints) / 100 }

  /// The percentage, written as short as possible: `5`, `12.5`, `0.25`.
  package var description: String {
    let whole = basisPoints / 100
    let rest = basisPoints % 100
    if rest == 0 { return "\(whole)" }
    return rest % 10 == 0 ? "\(whole).\(rest / 10)" : "\(whole).\(rest < 10 ? "0" : "")\(rest)"
  }

  package static func < (left: Self, right: Self) -> Bool { left.basisPoints < right.basisPoints }
}

/// The number of one configuration handed to Nginx; for a service it only rises.
package struct Generation: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  package let number: Int

  /// No service gets so far: one a millisecond for 30,000 years.
  private static let most = 1_000_000_000_000_000

  package init(_ number: Int) { self.number = number }
  package init(from decoder: any Decoder) throws {
    let number = try decoder.singleValueContainer().decode(Int.self)
    guard (0...Self.most).contains(number) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "generation \(number)"))
    }
    self.number = number
  }
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(number)
  }

  package var next: Generation { Generation(number.saturatingSum(1)) }
  package var description: String { "\(number)" }
  package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}
