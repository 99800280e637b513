/// Who resolves the names of servers while Nginx runs.
package enum Resolver: Hashable, Sendable {
  /// The `resolver` that your location has, or inherits.
  case yours
  /// The arguments of a `resolver` line of canary's.
  case named(String)

  package static let rule =
    "must be the arguments of `resolver`, such as \"127.0.0.11 valid=30s\", or true: the one of your location"

  package init?(_ text: String) {
    let fits = { (byte: UInt8) in Text.isAlphanumeric(byte) || "._-:[]=".utf8.contains(byte) }
    let words = text.split(separator: " ").map(String.init)
    guard !words.isEmpty, words.allSatisfy({ $0.utf8.allSatisfy(fits) }), text.utf8.count <= 300
    else { return nil }
    self = .named(words.joined(separator: " "))
  }
}
