/// A word between double braces in a question, for which a fact of the rollout stands.
package enum Placeholder: String, CaseIterable, Sendable {
  case service, pool, stable, servers, window, release
  /// The end and the start of the window, in seconds and in milliseconds since 1970.
  case now, from
  case nowMilliseconds = "now_ms"
  case fromMilliseconds = "from_ms"

  /// Names between braces that stand for nothing.
  package static func unknown(in text: String) -> [String] {
    parts(of: text).compactMap { part in
      guard case .name(let name) = part, Placeholder(rawValue: name) == nil else { return nil }
      return name
    }
  }

  private enum Part {
    case text(Substring)
    case name(String)
  }

  private static func parts(of text: String) -> [Part] {
    var parts: [Part] = []
    var rest = Substring(text)
    while let open = rest.firstRange(of: "{{"),
      let close = rest[open.upperBound...].firstRange(of: "}}")
    {
      parts.append(.text(rest[..<open.lowerBound]))
      let inner = rest[open.upperBound..<close.lowerBound]
      parts.append(.name(String(inner.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())))
      rest = rest[close.upperBound...]
    }
    parts.append(.text(rest))
    return parts
  }

  /// Where a fact is put, and so what must not break out of it.
  package enum Place: Sendable {
    /// Inside a string of PromQL; servers are the alternatives of a regular expression.
    case promQL
    /// Inside the quotes of a matcher.
    case matcher
    case url
    /// Inside a string of JSON.
    case json
  }

  /// The text with every placeholder filled in, escaped for where it stands.
  package static func fill(_ text: String, with facts: PlaceholderValues, in place: Place) -> String
  {
    parts(of: text).reduce(into: "") { filled, part in
      switch part {
      case .text(let text): filled += text
      case .name(let name):
        filled += Placeholder(rawValue: name).map { facts.text($0, place) } ?? ""
      }
    }
  }
}

/// What the placeholders of a question stand for.
package struct PlaceholderValues: Hashable, Sendable {
  package var service: ServiceName
  package var pool: PoolName
  package var stable: PoolName
  package var servers: [String]
  package var window: Span
  package var release: String?
  package var now: Instant

  package init(
    service: ServiceName, pool: PoolName, stable: PoolName, servers: [String], window: Span,
    release: String?,
    now: Instant
  ) {
    self.service = service
    self.pool = pool
    self.stable = stable
    self.servers = servers
    self.window = window
    self.release = release
    self.now = now
  }

  fileprivate func text(_ placeholder: Placeholder, _ place: Placeholder.Place) -> String {
    switch placeholder {
    case .service: escape(service.text, place)
    case .pool: escape(pool.text, place)
    case .stable: escape(stable.text, place)
    case .window: window.description
    case .release: escape(release ?? "", place)
    case .now: "\(now.second)"
    case .from: "\((now - window).second)"
    case .nowMilliseconds: "\(now.milliseconds)"
    case .fromMilliseconds: "\((now - window).milliseconds)"
    case .servers:
      switch place {
      case .promQL, .matcher: escape(servers.map(Self.literal).joined(separator: "|"), place)
      case .url, .json: escape(servers.joined(separator: ","), place)
      }
    }
  }

  /// A regular expression (RE2) for the text itself, without a backslash, which every quote takes another way.
  private static func literal(_ text: String) -> String {
    text.reduce(into: "") { $0 += ".[]+*?(){}|^$".contains($1) ? "[\($1)]" : "\($1)" }
  }

  private func escape(_ text: String, _ place: Placeholder.Place) -> String {
    switch place {
    case .promQL:
      // \x27 is understood inside both kinds of quotes; inside backticks it stays what it is, and ends nothing.
      return text.unicodeScalars.reduce(into: "") { out, scalar in
        switch scalar {
        case "\"": out += "\\x22"
        case "'": out += "\\x27"
        case "`": out += "\\x60"
        case "\\": out += "\\x5c"
        case _ where scalar.value < 32: out += " "
        default: out.unicodeScalars.append(scalar)
        }
      }
    case .matcher:
      return text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    case .url:
      return Self.percentEncoded(text)
    case .json:
      return String(JSONText.quoted(text).dropFirst().dropLast())
    }
  }

  /// All but the unreserved characters of RFC 3986 as `%XX`.
  package static func percentEncoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF")
    return text.utf8.reduce(into: "") { out, byte in
      if Text.isAlphanumeric(byte) || "-._~".utf8.contains(byte) {
        out.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        out += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
      }
    }
  }
}
