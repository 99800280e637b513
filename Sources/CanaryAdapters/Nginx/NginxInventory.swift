/// What an Nginx configuration proxies, and where to; parsed from `nginx -T` or from the files,
/// which stay untouched.
package struct NginxInventory: Sendable {
  /// A named group of servers.
  package struct Upstream: Hashable, Sendable {
    /// The words of each `server` line: its address and parameters.
    package let name: String
    package var servers: [[String]] = []
    /// The balancing method, such as `ip_hash`; nil: round robin.
    package var method: String?
    /// The other directives, such as `keepalive 16`.
    package var others: [[String]] = []
  }

  /// A place that proxies requests, by `proxy_pass` or a sibling such as `grpc_pass`.
  package struct Proxy: Hashable, Sendable {
    package let statement: NginxStatement
    /// The other directives of the same location, or of the `if` around it.
    package var beside: [NginxStatement] = []
    /// The line that opens that location or `if`.
    package var opener: NginxStatement?
    /// The server's names; without any, the ports that it listens on.
    package var server: String
    /// The module's name: `proxy`, `grpc`, `fastcgi`, `uwsgi` or `scgi`.
    package var module: String { String(statement.words[0].dropLast(5)) }
    package var target: String { statement.words.count > 1 ? statement.words[1] : "" }
    /// The words of the location, such as `/api/` or `~ ^/x`; empty outside of one.
    package var location: [String] {
      statement.blocks.last { $0.name == "location" }.map { Array($0.words.dropFirst()) } ?? []
    }
  }

  package let main: String
  package private(set) var files: Set<String> = []
  package private(set) var upstreams: [Upstream] = []
  package private(set) var proxies: [Proxy] = []
  /// The line that opens `http {`.
  package private(set) var http: NginxStatement?
  package private(set) var all: [NginxStatement] = []
  /// The log that Nginx writes where no `access_log` is said; nil: not known.
  package var usualLog: String?

  /// Reads the main file and its includes from disk.
  package init(reading main: String) {
    self.init(
      main: main, folder: Files.folder(of: main), text: { try? Files.read($0) },
      files: NginxMainFile.files(matching:))
  }

  /// Parses the output of `nginx -T`; nil when it contains no file.
  ///
  /// Each file follows a line `# configuration file PATH:`.
  package init?(dump: String) {
    var texts: [String: String] = [:]
    var order: [String] = []
    let mark = "\n# configuration file "
    // Nginx's warnings may come before the first file.
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
    let openers = Dictionary(
      found.compactMap { statement in statement.opened.map { ($0, statement) } },
      uniquingKeysWith: { first, _ in first })
    for statement in found where !statement.words.isEmpty { take(statement, byBlock, openers) }
  }

  private mutating func take(
    _ statement: NginxStatement, _ byBlock: [Int: [NginxStatement]],
    _ openers: [Int: NginxStatement]
  ) {
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
      default: upstreams[last].others.append(words)
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
        opener: openers[inside.number],
        server: names.isEmpty
          ? "port \(heard.isEmpty ? "80" : heard.joined(separator: ", "))"
          : names.joined(separator: " ")))
  }

  /// The directive as it applies to a proxy: from the innermost block that has it; empty when none
  /// does.
  package func inherited(_ directive: String, _ proxy: Proxy) -> [NginxStatement] {
    for block in proxy.statement.blocks.reversed() {
      let said = all.filter { $0.blocks.last == block && $0.words.first == directive }
      if !said.isEmpty { return said }
    }
    return []
  }
}
