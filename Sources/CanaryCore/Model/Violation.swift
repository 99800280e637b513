/// What is wrong with a value, as the rule it breaks: the end of the sentence "‹path› …".
package struct Violation: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String
  package init(_ text: String) { description = text }
}
