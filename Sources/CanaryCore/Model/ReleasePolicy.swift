/// Which versions may be released.
package struct ReleasePolicy: Hashable, Sendable {
  /// None of these patterns may fit; `*` stands for any characters.
  package var deny: [String] = []
  /// One of these must fit; empty: any may.
  package var allow: [String] = []
  /// The version must be one of Semantic Versioning 2.0.0, with or without a `v` before it.
  package var semver = false

  package init() {}

  /// Why that version may not be released; nil when it may.
  package func refusal(_ release: String?) -> String? {
    if deny.isEmpty, allow.isEmpty, !semver { return nil }
    guard let release else { return "say what is released, with --release VERSION" }
    let shown = "'\(Text.shown(release, limit: 80))'"
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

  /// Whether a text fits a pattern; a star is tried at its shortest first, and only the last one is gone back to.
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

  /// Semantic Versioning 2.0.0, point 2, 9 and 10.
  static func isSemantic(_ release: String) -> Bool {
    let text = release.hasPrefix("v") ? release.dropFirst() : release[...]
    let build = text.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
    let parts = build[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    let numbers = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let isNumber = { (text: Substring) in
      !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) }
    }
    let isPlain = { (text: Substring) in isNumber(text) && (text == "0" || !text.hasPrefix("0")) }
    let words = { (text: Substring) in
      text.split(separator: ".", omittingEmptySubsequences: false)
    }
    let isWord = { (text: Substring) in
      !text.isEmpty && text.utf8.allSatisfy { Name.isAlphanumeric($0) || $0 == 45 }
    }
    return numbers.count == 3 && numbers.allSatisfy(isPlain)
      && (parts.count == 1
        || words(parts[1]).allSatisfy { isWord($0) && (!isNumber($0) || isPlain($0)) })
      && (build.count == 1 || words(build[1]).allSatisfy(isWord))
  }
}
