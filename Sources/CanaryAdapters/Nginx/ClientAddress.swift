package import CanaryCore

/// How a client on this host reaches a place in Nginx, to be shown in a command that you type.
package struct ClientAddress: Hashable, Sendable {
  /// Scheme, host, port and path.
  package let url: String
  /// The name that the server answers to; nil: any.
  package let host: String?

  /// The words of a `curl` that sends one request and prints nothing.
  package var curl: String {
    let tls = url.hasPrefix("https:") ? " -k" : ""
    let name = host.map { " -H 'Host: \($0)'" } ?? ""
    return "curl -so /dev/null\(tls)\(name) \(url)"
  }

  /// The address of a `server {}` by its `listen` lines and names; nil where no address of them can
  /// be shown, such as a socket.
  init?(listen: [[String]], names: [String], path: String) {
    let lines = listen.isEmpty ? [["80"]] : listen
    let plain = lines.first { !$0.contains("ssl") && !($0.first ?? "").hasPrefix("unix:") }
    guard let line = plain ?? lines.first(where: { !($0.first ?? "").hasPrefix("unix:") }),
      let address = line.first
    else { return nil }
    let isTLS = line.contains("ssl")
    let (host, port) = Self.parts(of: address)
    let isUsual = port == (isTLS ? "443" : "80")
    url = "\(isTLS ? "https" : "http")://\(host)\(isUsual ? "" : ":\(port)")\(path)"
    let name = names.first { Address.isPlainPath("/\($0)") && !$0.contains("*") && $0 != "_" }
    self.host = name == host || name == "localhost" ? nil : name
  }

  /// The host and the port of a `listen`; an address that means all of the host's is this host.
  private static func parts(of listen: String) -> (String, String) {
    if listen.utf8.allSatisfy({ (48...57).contains($0) }) { return ("127.0.0.1", listen) }
    guard let colon = listen.lastIndex(of: ":"), !listen.hasSuffix("]") else {
      return (listen, "80")
    }
    let host = String(listen[..<colon])
    let isAny = ["*", "0.0.0.0", "[::]"].contains(host)
    return (isAny ? "127.0.0.1" : host, String(listen[listen.index(after: colon)...]))
  }

  /// Where clients reach the service; nil where that cannot be found out here.
  ///
  /// Reads Nginx's files for a service whose requests are proxied in a location of your own.
  package static func of(_ service: Service, _ config: Config) -> ClientAddress? {
    guard service.proxying.scheme != .tcp else { return nil }
    if !service.isInYourLocation {
      let path = service.routes.first?.path ?? "/"
      return ClientAddress(
        listen: service.listen.map { [$0] }, names: service.serverNames,
        path: path.hasPrefix("/") ? path : "/")
    }
    let main = config.nginx.config
    guard Files.isReadable(main) else { return nil }
    let map = NginxInventory(reading: main)
    let suffix = service.routes.isEmpty ? "location" : "locations"
    let file = "\(config.nginx.include)/\(service.name).\(suffix)"
    let include = map.all.first {
      $0.words.count == 2 && $0.words[0] == "include"
        && Files.absolute($0.words[1], in: Files.folder(of: main)) == file
    }
    return include.flatMap { of($0, map) }
  }

  /// Where clients reach the location around a statement.
  package static func of(_ statement: NginxStatement, _ map: NginxInventory) -> ClientAddress? {
    guard let server = statement.blocks.last(where: { $0.name == "server" }) else { return nil }
    let own = map.all.filter { $0.blocks.last == server }
    let words = statement.blocks.last { $0.name == "location" }?.words.dropFirst() ?? []
    let isPrefix = words.count == 1 || ["=", "^~"].contains(words.first ?? "")
    let path = isPrefix ? words.last ?? "/" : "/"
    return ClientAddress(
      listen: own.filter { $0.name == "listen" }.map { Array($0.words.dropFirst()) },
      names: own.filter { $0.name == "server_name" }.flatMap { Array($0.words.dropFirst()) },
      path: path.hasPrefix("/") && Address.isPlainPath(path) ? path : "/")
  }
}
