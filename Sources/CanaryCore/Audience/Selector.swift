/// A set of clients; matching any one of the listed items is enough.
package struct Selector: Hashable, Sendable, Codable {
  /// A header or cookie with a value that only the chosen clients know.
  package struct SecretMatch: Hashable, Sendable, Codable {
    package var name: String
    package var value: Secret

    package init(name: String, value: Secret) {
      self.name = name
      self.value = value
    }
  }

  /// A header that a trusted proxy sets, and the values that match.
  package struct Tag: Hashable, Sendable, Codable {
    package var name: String
    package var values: [String]

    package init(name: String, values: [String]) {
      self.name = name
      self.values = values
    }
  }

  package var headers: [SecretMatch] = []
  package var cookies: [SecretMatch] = []
  package var tags: [Tag] = []
  package var ranges: [AddressRange] = []

  package init() {}

  package var isEmpty: Bool {
    headers.isEmpty && cookies.isEmpty && tags.isEmpty && ranges.isEmpty
  }

  /// Adds all items of the other.
  package mutating func add(_ other: Selector) {
    headers += other.headers
    cookies += other.cookies
    tags += other.tags
    ranges += other.ranges
  }

  /// Whether every client of the other belongs here too, as far as the listed items show.
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
  /// A random cookie of canary's own, set on the first answer.
  case user
}

/// Copies of requests that go to the canary; no client sees the answers.
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

  /// Whether requests with a body are copied; Nginx then reads the whole body before it passes
  /// anything on.
  package var copiesBodies: Bool { !methods.allSatisfy(Self.usualMethods.contains) }

  package func copies(_ path: String) -> Bool { paths?.contains(path) ?? true }

  /// Whether the text can be the name of a method: 1 to 16 capitals.
  package static func isMethod(_ text: String) -> Bool {
    (1...16).contains(text.utf8.count) && text.utf8.allSatisfy { (65...90).contains($0) }
  }
}

/// The highest rate at which a pool is given requests, as `limit_req_zone` writes it.
package struct RequestRate: Hashable, Sendable, Codable, CustomStringConvertible {
  package let count: Int
  package let perMinute: Bool
  /// One more than the burst that the config names; 0: it names none.
  @Sparse private var ownBurst = 0

  /// Parses a rate like `100r/s` or `30r/m`; nil for any other text.
  package init?(_ text: String) {
    let parts = text.split(separator: "r/", omittingEmptySubsequences: false)
    guard parts.count == 2, ["s", "m"].contains(parts[1]), (1...7).contains(parts[0].utf8.count),
      parts[0].utf8.allSatisfy({ (48...57).contains($0) }), let count = Int(parts[0]), count > 0
    else { return nil }
    self.count = count
    perMinute = parts[1] == "m"
  }

  /// The same rate with a burst of one's own.
  package func with(burst: Int) -> RequestRate {
    var rate = self
    rate.ownBurst = burst + 1
    return rate
  }

  package var description: String { "\(count)r/\(perMinute ? "m" : "s")" }

  /// How many requests may come at once beyond the rate: all that its time allows, and never fewer
  /// than a page with its files takes.
  ///
  /// Nginx lets one through each `1/rate`, so that without it `100r/m` would refuse the second
  /// request within 0.6 s.
  package var burst: Int { ownBurst > 0 ? ownBurst - 1 : max(10, count) }
}

/// What a stage adds to its weight: the clients that meet the canary, copies, and a limit.
package struct Audience: Hashable, Sendable, Codable {
  /// Part of the key that clients are drawn by, so that each rollout draws other clients.
  package var salt: String
  /// Whether the clients of the service's `preview` reach the canary.
  package var preview: Bool
  /// The only clients that may be drawn; nil: all.
  package var only: Selector?
  package var shadow: Shadow?
  /// The highest rate of the canary in this stage; nil: that of its pool.
  package var limit: RequestRate?
  /// How long canary's own cookie must last.
  package var span: Span
  /// The seats of the rollout; empty in a state that 0.1.0 saved.
  @Sparse package var seating = Seating()

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
