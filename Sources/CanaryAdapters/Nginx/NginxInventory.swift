/// What an Nginx configuration passes on, and to whom: read from `nginx -T` or from the files, never written.
package struct NginxInventory: Sendable {
  /// A named group of servers.
  package struct Upstream: Hashable, Sendable {
    package let name: String
    package var servers: [[String]] = []
    /// How it chooses a server, such as `ip_hash`; nil for round robin.
    package var method: String?
  }

  /// A place that passes requests on.
  package struct Proxy: Hashable, Sendable {
    package let statement: NginxStatement
    /// Directives of the same location, or of the `if` that it stands in.
    package var beside: [NginxStatement] = []
    /// The server's names, or what it listens on when it has none.
    package var server: String
    package var module: String { String(statement.words[0].dropLast(5)) }
    package var target: String { statement.words.count > 1 ? statement.words[1] : "" }
    /// The words of the location, as `/api/` or `~ ^/x`.
    package var location: [String] {
      statement.blocks.last { $0.name == "location" }.map { Array($0.words.dropFirst()) } ?? []
    }
  }

  package let main: String
  package private(set) var files: Set<String> = []
  package private(set) var upstreams: [Upstream] = []
  package private(set) var proxies: [Proxy] = []
  /// Where `http {` begins.
  package private(set) var http: NginxStatement?
  private var all: [NginxStatement] = []

  /// From the files themselves.
  package init(reading main: String) {
    self.init(
      main: main, folder: Files.folder(of: main), text: { try? Files.read($0) },
      files: NginxMainFile.files(matching:))
  }

  /// From what `nginx -T` printed: each file after a line `# configuration file PATH:`; nil when nothing of it is there.
  package init?(dump: String) {
    var texts: [String: String] = [:]
    var order: [String] = []
    let mark = "\n# configuration file "
    // Warnings of Nginx may stand before the first file.
    for part in "\n\(dump)".split(separator: mark, omittingEmptySubsequences: false).dropFirst() {
      guard let end = part.firstIndex(of: "\n"), part[..<end].hasSuffix(":") else { continue }
      let name = String(part[..<end].dropLast())
      if texts[name] == nil { order.append(name) }
      texts[name] = String(part[part.index(after: end)...])
    }
    guard let main = order.first else { return nil }
    self.init(
      main: main, folder: Files.folder(of: main), text: { texts[$0] },
      files: { pattern in order.filter { NginxMainFile.fits($0, pattern) } })
  }

  private init(
    main: String, folder: String, text: @escaping (String) -> String?,
    files: @escaping (String) -> [String]
  ) {
    self.main = main
    var found: [NginxStatement] = []
    NginxWalk(folder: folder, text: text, files: files).read(main) { found.append($0) }
    all = found
    var byBlock: [Int: [NginxStatement]] = [:]
    for statement in found {
      self.files.insert(statement.file)
      byBlock[statement.blocks.last?.number ?? 0, default: []].append(statement)
    }
    for statement in found where !statement.words.isEmpty { take(statement, byBlock) }
  }

  private mutating func take(_ statement: NginxStatement, _ byBlock: [Int: [NginxStatement]]) {
    let words = statement.words
    if words[0] == "http", statement.blocks.isEmpty { http = statement }
    if words[0] == "upstream", statement.opensBlock, words.count == 2 {
      upstreams.append(Upstream(name: words[1]))
    }
    let inside = statement.blocks.last
    if inside?.name == "upstream", !upstreams.isEmpty {
      let last = upstreams.count - 1
      switch words[0] {
      case "server": upstreams[last].servers.append(Array(words.dropFirst()))
      case "ip_hash", "least_conn", "hash", "random":
        upstreams[last].method = words.joined(separator: " ")
      default: break
      }
    }
    let modules = ["proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass"]
    guard modules.contains(words[0]), let inside else { return }
    let server = statement.blocks.last { $0.name == "server" }
    let own = byBlock[server?.number ?? 0] ?? []
    let named = own.first { $0.words.first == "server_name" }?.words.dropFirst() ?? []
    let heard = own.filter { $0.words.first == "listen" }.compactMap { $0.words.dropFirst().first }
    let names = named.filter { $0 != "_" && $0 != "" }
    proxies.append(
      Proxy(
        statement: statement,
        beside: (byBlock[inside.number] ?? []).filter { $0 != statement },
        server: names.isEmpty
          ? "port \(heard.isEmpty ? "80" : heard.joined(separator: ", "))"
          : names.joined(separator: " ")))
  }

  /// What the directive says for a place: its own blocks', or the nearest further out that says anything.
  package func inherited(_ directive: String, _ proxy: Proxy) -> [NginxStatement] {
    for block in proxy.statement.blocks.reversed() {
      let said = all.filter { $0.blocks.last == block && $0.words.first == directive }
      if !said.isEmpty { return said }
    }
    return []
  }
}
