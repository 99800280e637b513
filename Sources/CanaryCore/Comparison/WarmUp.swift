/// The part of a stage that is not compared: caches fill, code is compiled, connections are made.
///
/// It is over once both have passed.
package struct WarmUp: Hashable, Sendable, Codable {
  package var span: Span
  /// How many requests of the canary.
  package var requests: Int

  package init(span: Span = .zero, requests: Int = 0) {
    self.span = span
    self.requests = requests
  }
}
