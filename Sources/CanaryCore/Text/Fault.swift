/// What went wrong, and separately what to do next, so that JSON, notices and reports can show each
/// by itself.
package struct Fault: Error, Hashable, Sendable, Codable, CustomStringConvertible {
  package var fact: String
  /// What you can do, as a sentence or a command to type; nil: nothing.
  package var hint: String?

  package init(_ fact: String, hint: String? = nil) {
    self.fact = fact
    self.hint = hint
  }

  /// Fact and hint in one text; the hint gets a line of its own below a fact of several lines.
  package var description: String {
    guard let hint else { return fact }
    return fact.contains("\n") ? "\(fact)\n\(hint)" : "\(fact). \(hint)"
  }
}
