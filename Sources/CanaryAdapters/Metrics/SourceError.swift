/// Why a source cannot be asked, in words without a secret.
package struct SourceError: Error, CustomStringConvertible {
  package let description: String
  init(description: String) { self.description = description }
}
