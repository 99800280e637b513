/// Addresses, paths and header texts that cannot break out of their place in an Nginx file.
package enum Address {
  /// Accepts `host:port`, `1.2.3.4:port`, `[v6]:port` and `unix:/path`.
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

  /// Accepts what `listen` of Nginx takes: a port, an address with a port, or `unix:/path`.
  package static func checkListen(_ text: String) throws(Violation) {
    if port(text[...]) != nil { return }
    if text.hasPrefix("*:"), port(text.dropFirst(2)) != nil { return }
    try check(text)
  }

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

  /// An absolute path that means itself in an Nginx file: nothing to quote, nothing to expand, no step upwards.
  package static func isPlainPath(_ text: String) -> Bool {
    guard text.hasPrefix("/"), text.utf8.count <= 1024 else { return false }
    let plain = text.utf8.allSatisfy { Text.isAlphanumeric($0) || "._-/+@,=~:".utf8.contains($0) }
    return plain && !text.split(separator: "/").contains("..")
  }

  /// The path of an HTTP request: begins with `/`, visible ASCII without quotes, braces, `;`, `$`, `\` or `#`.
  package static func isRequestPath(_ text: String) -> Bool {
    guard text.hasPrefix("/"), text.utf8.count <= 2048 else { return false }
    return text.utf8.allSatisfy { (33...126).contains($0) && !"\"'{};$\\#<>^`|".utf8.contains($0) }
  }

  /// The value of a header that the generated file sets: visible ASCII and spaces, nothing that Nginx expands or ends at.
  package static func isHeaderValue(_ text: String) -> Bool {
    text.utf8.count <= 1024
      && text.utf8.allSatisfy { (32...126).contains($0) && !"\"'{};$\\".utf8.contains($0) }
  }

  /// Variables of Nginx that a header for the pools may hold: what the request was like, as Nginx sees it.
  package static let headerVariables = [
    "host", "http_host", "remote_addr", "request_id", "request_uri", "scheme", "server_port",
  ]

  /// The value of a header for the pools: as above, but for those variables.
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

  /// The name of a header: letters, digits and dashes.
  package static func isHeaderName(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { Text.isAlphanumeric($0) || $0 == 45 }
  }
}
