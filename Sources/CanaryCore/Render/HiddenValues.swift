/// Takes the secrets of previews out of what a person is shown of Nginx's files.
package enum HiddenValues {
  /// What stands in the place of a secret.
  package static let mark = "(hidden)"

  /// What everybody may know that clients are compared with.
  private static let plain: Set<String> = ["never", "1:never"]

  /// The text without the values that clients are compared with, and without any of `secrets`.
  ///
  /// The former also hides what an older file holds, whose secret nobody knows any more.
  package static func hidden(_ text: String, _ secrets: [String] = []) -> String {
    var text = text
    for secret in secrets.sorted(by: { $0.utf8.count > $1.utf8.count }) where secret != "never" {
      for quote in ["\"", "'"] {
        text = text.replacing("\(quote)\(secret)\(quote)", with: "\(quote)\(mark)\(quote)")
      }
      // A short text may be a part of any word.
      if secret.utf8.count > 5 { text = text.replacing(secret, with: mark) }
    }
    var out = ""
    var rest = text[...]
    while let open = rest.firstRange(of: "($") {
      out += rest[..<open.upperBound]
      rest = rest[open.upperBound...]
      guard ["http_", "cookie_", "canary_try_"].contains(where: { rest.hasPrefix($0) }),
        let value = rest.firstRange(of: " = \""),
        rest[..<value.lowerBound].utf8.allSatisfy({ Text.isAlphanumeric($0) || $0 == 95 }),
        let end = rest[value.upperBound...].firstIndex(of: "\"")
      else { continue }
      let found = rest[value.upperBound..<end]
      out += rest[..<value.upperBound]
      out += plain.contains(String(found)) ? String(found) : mark
      rest = rest[end...]
    }
    return out + rest
  }
}

extension RoutingRules {
  /// The values that only those know whom a preview lets in.
  package var secrets: [String] {
    rules.compactMap { rule in
      switch rule.test {
      case .header(_, let value), .cookie(_, let value): value
      case .address, .tag: nil
      }
    }
  }
}
