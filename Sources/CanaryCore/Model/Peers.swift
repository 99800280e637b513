/// What the names of servers stand for, as Nginx finds them when it reads its configuration: each
/// address of a name is a server of its own for it, with the name's weight.
package struct Peers: Hashable, Sendable {
  /// The addresses, with their port, by the text of a server; a server that is missing is one peer.
  package var addresses: [String: [String]]

  package init(_ addresses: [String: [String]] = [:]) { self.addresses = addresses }

  package func count(_ address: String) -> Int { max(1, addresses[address]?.count ?? 1) }
  package func count(_ servers: [Server]) -> Int { servers.reduce(0) { $0 + count($1.address) } }

  // MARK: in a generated file

  private static let mark = "# canary resolved "

  /// The lines that say in a generated file what these servers stood for.
  ///
  /// So a file differs when Nginx must read it again, though only an address has changed.
  package func lines(for servers: [Server]) -> String {
    let names = Set(servers.map(\.address)).filter { addresses[$0] != nil }.sorted()
    return names.map { "\(Self.mark)\($0) \((addresses[$0] ?? []).joined(separator: " "))\n" }
      .joined()
  }

  /// What a generated file says that its servers stood for.
  package init(inFile text: String) {
    self.init()
    // By bytes: `status` of all services reads thousands of files, most of them without a name.
    let mark = Array(Self.mark.utf8)
    for line in text.utf8.split(separator: 10) where line.starts(with: mark) {
      let words = line.dropFirst(mark.count).split(separator: 32).map { String(Substring($0)) }
      if let name = words.first { addresses[name] = Array(words.dropFirst()) }
    }
  }
}
