/// What the first try of a request got, beside a failure or none.
package struct Answer: Hashable, Sendable {
  package struct Signs: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// 4xx, or what gRPC says in its place.
    package static let rejected = Signs(rawValue: 1)
    /// 3xx, but not 304.
    package static let redirected = Signs(rawValue: 2)
    /// Less came than the answer promised.
    package static let cutOff = Signs(rawValue: 4)
    /// The client gave up before the first byte.
    package static let abandoned = Signs(rawValue: 8)
  }

  package var signs: Signs
  /// The bytes of its body; negative: it has none by its nature, or nothing tells.
  package var size: Int64

  package init(_ signs: Signs = [], size: Int64 = -1) {
    self.signs = signs
    self.size = size
  }
}
