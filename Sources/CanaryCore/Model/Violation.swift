/// The rule that a value breaks, worded to follow the value's path: "‹path› must be …".
package struct Violation: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String
  package init(_ text: String) { description = text }
}
