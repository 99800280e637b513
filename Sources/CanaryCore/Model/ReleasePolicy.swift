/// The rules for versions that `promote --release` accepts.
package struct ReleasePolicy: Hashable, Sendable {
  /// Patterns of which none may match; `*` matches any characters.
  package var deny: [String] = []
  /// Patterns of which one must match; empty: any version may.
  package var allow: [String] = []
  /// Whether the version must follow Semantic Versioning 2.0.0, with or without a leading `v`.
  package var semver = false
  /// What each `promote` must say.
  package var required: [Required] = []

  package init() {}

  /// Why the policy refuses this version; nil: it may be released.
  ///
  /// A policy with any rule refuses a missing version.
  package func refusal(_ release: String?) -> String? {
    if deny.isEmpty, allow.isEmpty, !semver { return nil }
    guard let release else { return "say what is released, with --release VERSION" }
    let shown = "'\(Text.sanitized(release, limit: 80))'"
    if let pattern = deny.first(where: { Self.fits(release, $0) }) {
      return "\(shown) may not be released: it fits '\(pattern)' of releases.deny"
    }
    if !allow.isEmpty, !allow.contains(where: { Self.fits(release, $0) }) {
      return
        "\(shown) may not be released: it fits none of releases.allow (\(allow.joined(separator: ", ")))"
    }
    if semver, !Self.isSemantic(release) {
      return
        "\(shown) may not be released: releases.semver asks for a version such as v1.11.2 or 2.0.0-rc.1"
    }
    return nil
  }

  /// Whether a whole text matches a pattern, in which `*` matches any characters.
  ///
  /// A star first matches nothing; on a mismatch only the last star is extended, so the time is at
  /// most the product of the lengths.
  static func fits(_ text: String, _ pattern: String) -> Bool {
    let (text, pattern) = (Array(text.utf8), Array(pattern.utf8))
    var (at, place) = (0, 0)
    var star: (place: Int, at: Int)?
    while at < text.count {
      if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
        star = (place, at)
        place += 1
      } else if place < pattern.count, pattern[place] == text[at] {
        at += 1
        place += 1
      } else if let last = star {
        star = (last.place, last.at + 1)
        at = last.at + 1
        place = last.place + 1
      } else {
        return false
      }
    }
    return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
  }

  /// Whether the text follows Semantic Versioning 2.0.0, by the regular expression of its FAQ; a
  /// leading `v` is allowed.
  static func isSemantic(_ release: String) -> Bool {
    let number = "(0|[1-9][0-9]*)"
    let word = "(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
    let build = "[0-9a-zA-Z-]+"
    let pattern =
      "v?\(number)\\.\(number)\\.\(number)(-\(word)(\\.\(word))*)?(\\+\(build)(\\.\(build))*)?"
    guard let version = try? Regex(pattern) else { return false }
    return release.wholeMatch(of: version) != nil
  }
}
