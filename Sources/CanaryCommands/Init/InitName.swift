internal import CanaryAdapters
internal import CanaryCore

/// What a service is called unless you say so: by the name of what it passes on to, otherwise by the
/// name and the path that its users see.
enum InitName {
  static func guess(_ adoption: Adoption) -> ServiceName? {
    let host = adoption.target.host
    // An address does not say what it serves; the server's first name does, with the path: `/api/`
    // of shop.example.com is not the shop.
    let isAddress =
      host.hasPrefix("unix:") || host.allSatisfy { $0.isNumber || ".[]:".contains($0) }
      || host == "localhost"
    guard isAddress else { return name([label(host)]) }
    let server = adoption.proxy.server.split(separator: " ").first.map(String.init) ?? ""
    let path = (adoption.proxy.location.last ?? "").split { !$0.isLetter && !$0.isNumber }
    let isPort = server.isEmpty || server == "_" || server.hasPrefix("port")
    return name([isPort ? "" : label(server)] + path.map(String.init))
  }

  /// The first part of a host's name that says something.
  private static func label(_ host: String) -> String {
    let parts = host.split(separator: ".").map(String.init)
    return parts.first { $0 != "www" && $0 != "*" } ?? ""
  }

  private static func name(_ parts: [String]) -> ServiceName? {
    let kept = parts.map { part in
      String(
        part.lowercased().filter {
          $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_")
        })
    }.filter { !$0.isEmpty }
    return ServiceName(String(kept.joined(separator: "-").prefix(40)))
  }
}
