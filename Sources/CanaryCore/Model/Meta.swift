/// What a person says of a release besides its version, such as `ticket=OPS-12`: kept and shown, and
/// never run.
package struct Meta: Hashable, Sendable, Codable, Emptiable {
  package private(set) var values: [String: String] = [:]

  package init() {}

  package static var empty: Meta { Meta() }

  /// The most keys of one rollout.
  static let most = 20

  /// Adds `KEY=VALUE`; throws where a history could not show it.
  package mutating func add(parsing text: String) throws(Violation) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else {
      throw Violation("must be KEY=VALUE (found '\(Text.sanitized(text, limit: 80))')")
    }
    try add(String(parts[0]), String(parts[1]))
  }

  private mutating func add(_ key: String, _ value: String) throws(Violation) {
    guard Self.isKey(key) else {
      throw Violation(
        "must have a key of 1 to 40 letters, digits and '_' that begins with a letter (found '\(Text.sanitized(key, limit: 60))')"
      )
    }
    guard !value.isEmpty, value.utf8.count <= 500,
      !value.unicodeScalars.contains(where: { $0.value < 32 })
    else { throw Violation("\(key) must be one line of 1 to 500 bytes") }
    // A hook's variables know capitals only.
    guard !values.keys.contains(where: { $0.uppercased() == key.uppercased() }) else {
      throw Violation("\(key) is given twice")
    }
    guard values.count < Self.most else { throw Violation("may be given \(Self.most) times") }
    values[key] = Text.visible(value)
  }

  /// Whether a hook could have it as a variable: `ticket` as `CANARY_META_TICKET`.
  package static func isKey(_ key: String) -> Bool {
    let first = key.utf8.first.map { Text.isAlphanumeric($0) && !(48...57).contains($0) }
    return first == true && key.utf8.count <= 40
      && key.utf8.allSatisfy { Text.isAlphanumeric($0) || $0 == UInt8(ascii: "_") }
  }

  /// `commit=4f1c2a0, ticket=OPS-12`; nil: nothing was said.
  package var words: String? {
    let words = sorted.map { "\($0.key)=\($0.value)" }.joined(separator: ", ")
    return words.isEmpty ? nil : words
  }

  package var json: JSON { .table(sorted.map { ($0.key, .text($0.value)) }) }

  private var sorted: [(key: String, value: String)] { values.sorted { $0.key < $1.key } }

  /// What somebody else wrote is held to the same rules.
  package init(from decoder: any Decoder) throws {
    for (key, value) in try [String: String](from: decoder).sorted(by: { $0.key < $1.key }) {
      try add(key, value)
    }
  }

  package func encode(to encoder: any Encoder) throws { try values.encode(to: encoder) }
}

extension ReleasePolicy {
  /// What a person must say with each rollout.
  package enum Required: Hashable, Sendable {
    case reason, release
    case meta(String)

    /// Parses `reason`, `release` or `meta.KEY`; nil for any other text.
    package init?(parsing text: String) {
      switch text {
      case "reason": self = .reason
      case "release": self = .release
      default:
        let key = String(text.dropFirst("meta.".count))
        guard text.hasPrefix("meta."), Meta.isKey(key) else { return nil }
        self = .meta(key)
      }
    }

    /// What is missing in the request; nil: it says this.
    fileprivate func missing(in request: PromoteRequest) -> String? {
      switch self {
      case .reason: request.reason.isBlank ? "--reason TEXT" : nil
      case .release: request.release.isBlank ? "--release VERSION" : nil
      case .meta(let key): request.meta.values[key] == nil ? "--meta \(key)=VALUE" : nil
      }
    }
  }

  /// Why the service's rules refuse this request; nil: it may begin.
  package func refusal(of request: PromoteRequest) -> String? {
    let missing = required.compactMap { $0.missing(in: request) }
    guard missing.isEmpty else {
      return "this service requires \(missing.joined(separator: " and "))"
    }
    return refusal(request.release)
  }
}

extension String? {
  fileprivate var isBlank: Bool { self?.allSatisfy(\.isWhitespace) ?? true }
}
