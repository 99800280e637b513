/// Why a source cannot be read; its text holds no secret.
package struct SourceError: Error, CustomStringConvertible {
  package let description: String
  init(description: String) { self.description = description }
}
