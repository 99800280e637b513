/// Validates addresses, paths and header texts, so that none can break out of its place in an Nginx
/// file.
package enum Address {
  /// Accepts `host:port`, `1.2.3.4:port`, `[v6]:port` and `unix:/path`; throws the rule that the
  /// text breaks.
  package static func check(_ text: String) throws(Violation) {
    if text.hasPrefix("unix:") {
      guard isPlainPath(String(text.dropFirst(5))) else {
        throw Violation("must be unix:/absolute/path of letters, digits and ._-/ only")
      }
      return
    }
    guard let colon = text.lastIndex(of: ":"), port(text[text.index(after: colon)...]) != nil else {
      throw Violation("must end in a port from 1 to 65535, as in 127.0.0.1:9001")
    }
    try checkHost(String(text[..<colon]))
  }

  /// Accepts what Nginx's `listen` takes: a port, `*:port`, an address with a port, or
  /// `unix:/path`.
  ///
  /// Throws the rule that the text breaks.
  package static func checkListen(_ text: String) throws(Violation) {
    if port(text[...]) != nil { return }
    if text.hasPrefix("*:"), port(text.dropFirst(2)) != nil { return }
    try check(text)
  }

  /// The same text for each way to say the same `listen`: `80`, `*:80` and `0.0.0.0:80`.
  static func canonicalListen(_ text: String) -> String {
    if let port = port(text[...]) { return "*:\(port)" }
    guard !text.hasPrefix("unix:"), let colon = text.lastIndex(of: ":"),
      let port = port(text[text.index(after: colon)...])
    else { return text }
    let host = text[..<colon].lowercased()
    if host == "*" || host == "0.0.0.0" { return "*:\(port)" }
    if host.hasPrefix("["), let address = IPAddress(String(host.dropFirst().dropLast())) {
      return "v6\(address.bytes):\(port)"
    }
    return "\(IPAddress(host).map { "\($0.bytes)" } ?? host):\(port)"
  }

  /// Reads a port from 1 to 65535; nil for anything else.
  static func port(_ text: Substring) -> Int? {
    guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }),
      let number = Int(text), (1...65_535).contains(number)
    else { return nil }
    return number
  }

  private static func checkHost(_ host: String) throws(Violation) {
    let bytes = Array(host.utf8)
    if host.hasPrefix("["), host.hasSuffix("]"), bytes.count > 3 {
      let inner = String(host.dropFirst().dropLast())
      guard inner.contains(":"), IPAddress(inner) != nil else {
        throw Violation("must be an IPv6 address inside the brackets")
      }
      return
    }
    let labels = host.split(separator: ".", omittingEmptySubsequences: false)
    let fits = labels.allSatisfy { label in
      (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
        && label.utf8.allSatisfy { Text.isAlphanumeric($0) || $0 == 45 || $0 == 95 }
    }
    guard bytes.count <= 253, fits else {
      throw Violation(
        "must be a host name or address of letters, digits, '.', '-' and '_' before the port")
    }
    let looksNumeric = labels.allSatisfy { $0.allSatisfy(\.isNumber) }
    if looksNumeric, IPAddress(host) == nil {
      throw Violation("must be four numbers from 0 to 255, as in 127.0.0.1:9001")
    }
  }

  /// Whether the text is an absolute path that an Nginx file can hold as it is.
  ///
  /// It needs no quotes, Nginx expands nothing in it, it has no `..` step, and it is at most 1024
  /// bytes long.
  package static func isPlainPath(_ text: String) -> Bool {
    guard text.hasPrefix("/"), text.utf8.count <= 1024 else { return false }
    let plain = text.utf8.allSatisfy { Text.isAlphanumeric($0) || "._-/+@,=~:".utf8.contains($0) }
    return plain && !text.split(separator: "/").contains("..")
  }

  /// Whether the text can be the path of an HTTP request in an Nginx file.
  ///
  /// It begins with `/`, is at most 2048 bytes long, and is visible ASCII without quotes, braces,
  /// `;`, `$`, `\`, `#`, `<`, `>`, `^`, `|` and backtick.
  package static func isRequestPath(_ text: String) -> Bool {
    guard text.hasPrefix("/"), text.utf8.count <= 2048 else { return false }
    return text.utf8.allSatisfy { (33...126).contains($0) && !"\"'{};$\\#<>^`|".utf8.contains($0) }
  }

  /// Whether the text can be the value of a header that a generated file sets.
  ///
  /// At most 1024 bytes of visible ASCII and spaces, without what Nginx expands or what would end
  /// the directive.
  package static func isHeaderValue(_ text: String) -> Bool {
    text.utf8.count <= 1024
      && text.utf8.allSatisfy { (32...126).contains($0) && !"\"'{};$\\".utf8.contains($0) }
  }

  /// The Nginx variables, without `$`, that a header for the pools may contain: they describe the
  /// request.
  package static let headerVariables = [
    "host", "http_host", "proxy_add_x_forwarded_for", "remote_addr", "remote_port", "request_id",
    "request_uri", "scheme", "server_name", "server_port",
  ]

  /// Whether the text is a header value (`isHeaderValue`) that may also contain `headerVariables`.
  package static func isHeaderTemplate(_ text: String) -> Bool {
    var rest = text[...]
    var plain = ""
    while let dollar = rest.firstIndex(of: "$") {
      plain += rest[..<dollar]
      rest = rest[rest.index(after: dollar)...]
      let name = rest.prefix { $0 == "_" || $0.isLowercase }
      guard headerVariables.contains(String(name)) else { return false }
      rest = rest[name.endIndex...]
    }
    return isHeaderValue(plain + rest)
  }

  /// Whether the text can be the name of a host: letters, digits, dashes and dots.
  package static func isHostName(_ text: String) -> Bool {
    (1...253).contains(text.utf8.count)
      && text.utf8.allSatisfy { Text.isAlphanumeric($0) || $0 == 45 || $0 == 46 }
  }

  /// Whether the text can name a header: 1 to 64 letters, digits and dashes.
  package static func isHeaderName(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { Text.isAlphanumeric($0) || $0 == 45 }
  }
}
