/// A word between double braces in a query, URL or matcher, such as `{{pool}}`, that is replaced
/// when it is sent.
package enum Placeholder: String, CaseIterable, Sendable {
  case service, pool, stable, servers, window, release
  /// The end and the start of the window, in seconds since 1970 (with `_ms`: in milliseconds).
  case now, from
  case nowMilliseconds = "now_ms"
  case fromMilliseconds = "from_ms"

  /// The words between double braces in the text that are not placeholders.
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

  /// Where the value of a placeholder is inserted, and so how it has to be escaped.
  package enum Place: Sendable {
    /// Inside a PromQL string; `{{servers}}` becomes a regular expression with one alternative for
    /// each server.
    case promQL
    /// Inside the quotes of an Alertmanager matcher; `{{servers}}` as in `promQL`.
    case matcher
    case url
    /// Inside a JSON string.
    case json
  }

  /// Returns the text with every placeholder replaced by its value, escaped for `place`.
  ///
  /// An unknown word between double braces is removed; the config reader refuses those
  /// (`unknown(in:)`).
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

/// The values of all placeholders for one measurement.
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

  /// A regular expression (RE2) that matches exactly the text.
  ///
  /// It escapes with brackets, `[.]`, and not with a backslash, which each kind of quotes
  /// interprets differently.
  private static func literal(_ text: String) -> String {
    text.reduce(into: "") { $0 += ".[]+*?(){}|^$".contains($1) ? "[\($1)]" : "\($1)" }
  }

  private func escape(_ text: String, _ place: Placeholder.Place) -> String {
    switch place {
    case .promQL:
      // PromQL reads \x27 as a character inside '…' and "…"; inside backticks it is literal, and
      // cannot end the string.
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

  /// Encodes all bytes but the unreserved characters of RFC 3986 as `%XX`.
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
