/// Which clients are meant: any one of what is listed is enough.
package struct Selector: Hashable, Sendable, Codable {
  /// A header or cookie with a value that only those know who are meant.
  package struct Secretly: Hashable, Sendable, Codable {
    package var name: String
    package var value: Secret

    package init(name: String, value: Secret) {
      self.name = name
      self.value = value
    }
  }

  /// A header that a trusted proxy sets, and the values that are meant.
  package struct Tag: Hashable, Sendable, Codable {
    package var name: String
    package var values: [String]

    package init(name: String, values: [String]) {
      self.name = name
      self.values = values
    }
  }

  package var headers: [Secretly] = []
  package var cookies: [Secretly] = []
  package var tags: [Tag] = []
  package var ranges: [AddressRange] = []

  package init() {}

  package var isEmpty: Bool {
    headers.isEmpty && cookies.isEmpty && tags.isEmpty && ranges.isEmpty
  }

  /// The other's clients as well.
  package mutating func add(_ other: Selector) {
    headers += other.headers
    cookies += other.cookies
    tags += other.tags
    ranges += other.ranges
  }

  /// Whether everybody whom the other means is meant here too, as far as their words tell.
  package func covers(_ other: Selector) -> Bool {
    other.headers.allSatisfy(headers.contains) && other.cookies.allSatisfy(cookies.contains)
      && other.ranges.allSatisfy(ranges.contains)
      && other.tags.allSatisfy { theirs in
        theirs.values.allSatisfy { value in
          tags.contains {
            $0.name.lowercased() == theirs.name.lowercased() && $0.values.contains(value)
          }
        }
      }
  }
}

/// What keeps a client in one pool during a rollout.
package enum Sticky: Hashable, Sendable, Codable {
  case ip
  case cookie(String)
  case header(String)
  /// A random cookie of our own, set on the first answer.
  case user
}

/// Copies of requests that go to the canary, whose answers nobody sees.
package struct Shadow: Hashable, Sendable, Codable {
  package var share: Weight
  package var methods: [String]
  /// The routes whose requests are copied; nil: all of them.
  package var paths: [String]?

  package static let usualMethods = ["GET", "HEAD"]

  package init(share: Weight, methods: [String] = Self.usualMethods, paths: [String]? = nil) {
    self.share = share
    self.methods = methods
    self.paths = paths
  }

  /// Whether requests with a body are copied: then the whole body is read before anything is passed on.
  package var copiesBodies: Bool { !methods.allSatisfy(Self.usualMethods.contains) }

  package func copies(_ path: String) -> Bool { paths?.contains(path) ?? true }
}

/// The most requests that a pool is given in some time, in the words of `limit_req_zone`.
package struct RequestRate: Hashable, Sendable, Codable, CustomStringConvertible {
  package let count: Int
  package let perMinute: Bool

  /// Nil unless the text is like `100r/s` or `30r/m`.
  package init?(_ text: String) {
    let parts = text.split(separator: "r/", omittingEmptySubsequences: false)
    guard parts.count == 2, ["s", "m"].contains(parts[1]), (1...7).contains(parts[0].utf8.count),
      parts[0].utf8.allSatisfy({ (48...57).contains($0) }), let count = Int(parts[0]), count > 0
    else { return nil }
    self.count = count
    perMinute = parts[1] == "m"
  }

  package var description: String { "\(count)r/\(perMinute ? "m" : "s")" }

  /// How many may come at once: what a second brings.
  package var burst: Int { max(1, perMinute ? count / 60 : count) }
}

/// Who meets the canary in one stage, besides those whom its weight draws.
package struct Audience: Hashable, Sendable, Codable {
  /// Part of the key that clients are drawn by: each rollout deals a new hand.
  package var salt: String
  /// Whether those whom the service lets preview reach the canary.
  package var preview: Bool
  /// Nobody else is drawn.
  package var only: Selector?
  package var shadow: Shadow?
  /// The most that the canary is given in this stage.
  package var limit: RequestRate?
  /// How long a cookie of ours must last.
  package var span: Span

  package init(
    salt: String, preview: Bool = true, only: Selector? = nil, shadow: Shadow? = nil,
    limit: RequestRate? = nil, span: Span = .hours(24)
  ) {
    self.salt = salt
    self.preview = preview
    self.only = only
    self.shadow = shadow
    self.limit = limit
    self.span = span
  }
}
