internal import CanaryAdapters
internal import CanaryCore

/// The parts of what a `proxy_pass` names.
struct Target {
  let scheme: String
  /// A host or upstream, without port.
  let host: String
  let address: String
  /// What stands between the scheme and the path.
  let name: String
  /// The path, from its first slash; nil when there is none.
  let path: String?

  init(_ text: String) {
    let parts = text.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
    scheme = parts.count == 2 ? String(parts[0]) : "http"
    let rest = String(parts.last ?? "")
    if rest.hasPrefix("unix:") {
      let ends = rest.dropFirst(5).split(
        separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      host = "unix:\(ends.first ?? "")"
      address = host
      name = host
      path = ends.count == 2 && !ends[1].isEmpty ? String(ends[1]) : nil
      return
    }
    name = String(rest.prefix { $0 != "/" })
    path = rest.contains("/") ? String(rest.dropFirst(name.utf8.count)) : nil
    address = Self.withPort(name, scheme)
    host = name == address ? String(name[..<(name.lastIndex(of: ":") ?? name.endIndex)]) : name
  }

  /// The address with a port; without one it is 80, and 443 for TLS, as in Nginx.
  static func withPort(_ address: String, _ scheme: String = "http") -> String {
    if address.hasPrefix("unix:") { return address }
    let tail = address.split(separator: "]", omittingEmptySubsequences: false).last ?? ""
    if tail.contains(":") { return address }
    return "\(address):\(["https", "grpcs"].contains(scheme) ? 443 : 80)"
  }

  /// What Nginx sends as `Host` where no line says another: `$proxy_host`.
  ///
  /// The port is left out where it is the usual one, and a socket is called localhost.
  var usualHost: String {
    if host.hasPrefix("unix:") { return "localhost" }
    return name.hasSuffix(["https", "grpcs"].contains(scheme) ? ":443" : ":80") ? host : name
  }

  /// The target of a `proxy_pass`, with each variable replaced that `set` gives one fixed value;
  /// nil when there is another variable.
  static func resolved(_ proxy: NginxInventory.Proxy, _ map: NginxInventory) -> Target? {
    var text = proxy.target
    guard text.contains("$") else { return Target(text) }
    // `set $api http://api:5000$request_uri` says no more than no path at all.
    var rounds = 0
    while let (range, name) = variable(in: text) {
      rounds += 1
      if name == "request_uri", range.upperBound == text.endIndex {
        text.removeSubrange(range)
        continue
      }
      guard rounds < 16, let value = fixedValue(name, proxy, map) else { return nil }
      text.replaceSubrange(range, with: value)
    }
    let target = Target(text)
    // With a variable, a path takes the place of the whole request, and of its arguments.
    return target.path == nil && !target.name.isEmpty ? target : nil
  }

  private static func variable(in text: String) -> (Range<String.Index>, String)? {
    guard let dollar = text.firstIndex(of: "$") else { return nil }
    let after = text.index(after: dollar)
    if text[after...].hasPrefix("{") {
      guard let end = text[after...].firstIndex(of: "}") else { return nil }
      return (dollar..<text.index(after: end), String(text[text.index(after: after)..<end]))
    }
    let name = text[after...].prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
    return (dollar..<name.endIndex, String(name))
  }

  /// The one value that `set` gives a variable in the blocks around the proxy and inside its
  /// location.
  private static func fixedValue(
    _ name: String, _ proxy: NginxInventory.Proxy, _ map: NginxInventory
  ) -> String? {
    let around = Set(proxy.statement.blocks)
    let values = map.all.filter { statement in
      guard statement.words.count == 3, statement.words[0] == "set",
        statement.words[1] == "$\(name)", let inside = statement.blocks.last
      else { return false }
      let isWithin = proxy.statement.blocks.last.map(statement.blocks.contains) ?? false
      return around.contains(inside) || isWithin
    }.map { $0.words[2] }
    return Set(values).count == 1 ? values.first : nil
  }
}
