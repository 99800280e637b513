internal import CanaryAdapters
internal import CanaryCore
internal import StatusPage

/// What canary says in English, in Chinese: by the sentences that the page has.
enum Chinese {
  /// One kind of sentence: how it looks, and what is said instead.
  private struct Kind: @unchecked Sendable {
    // A Regex is a value that matching does not change, but is not marked as one.
    let pattern: Regex<AnyRegexOutput>
    let words: String
  }

  private static let kinds: [Kind] = {
    let text = String(decoding: StatusPage.files["sentences.js"] ?? [], as: UTF8.self)
    guard let first = text.firstIndex(of: "["), let last = text.lastIndex(of: "]"),
      case .list(let rows)? = JSONAnswer.parse(String(text[first...last]))
    else { return [] }
    return rows.compactMap { row in
      guard case .list(let pair) = row, case .text(let pattern)? = pair.first,
        case .text(let words)? = pair.last, let regex = try? Regex(pattern)
      else { return nil }
      return Kind(pattern: regex, words: words)
    }
  }()

  /// The longest text that is looked at: patterns try many ways to read one.
  private static let longest = 600
  /// How many sentences may stand within each other.
  private static let deepest = 12

  /// The text in Chinese; what no sentence fits stays as it is, so that no fact is lost.
  static func of(_ text: String, depth: Int = 0) -> String {
    guard depth < deepest, text.count <= longest else { return text }
    for kind in kinds {
      guard let match = try? kind.pattern.wholeMatch(in: text) else { continue }
      return filled(kind.words, match.output.map { $0.substring.map(String.init) ?? "" }, depth)
    }
    return text
  }

  /// The words with `$1` replaced by the first part of the sentence, and `{1}` by that in Chinese.
  private static func filled(_ words: String, _ parts: [String], _ depth: Int) -> String {
    var out = ""
    var rest = words[...]
    while let mark = rest.first {
      rest = rest.dropFirst()
      guard mark == "$" || mark == "{", let digit = rest.first?.wholeNumberValue,
        parts.indices.contains(digit)
      else {
        out.append(mark)
        continue
      }
      out += mark == "$" ? parts[digit] : of(parts[digit], depth: depth + 1)
      rest = rest.dropFirst(mark == "$" ? 1 : 2)
    }
    return out
  }
}
