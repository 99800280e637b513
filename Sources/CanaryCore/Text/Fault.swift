/// What went wrong, and apart from it what to do next, so that JSON, notices and reports can show the one and the other.
package struct Fault: Error, Hashable, Sendable, Codable, CustomStringConvertible {
  package var fact: String
  /// What to do, as a sentence or a command to type; nil where nothing can be done.
  package var hint: String?

  package init(_ fact: String, hint: String? = nil) {
    self.fact = fact
    self.hint = hint
  }

  /// Both in one text: the fact, a full stop, the hint; the hint on a line of its own below a fact of several lines.
  package var description: String {
    guard let hint else { return fact }
    return fact.contains("\n") ? "\(fact)\n\(hint)" : "\(fact). \(hint)"
  }
}
