internal import CanaryCore

/// The TCP sockets of this host on which somebody listens, as /proc shows them.
enum ListeningSockets {
  struct Holder: Hashable {
    let pid: Int32?
    let name: String
    var words: String {
      pid.map { "process \($0) (\(Text.sanitized(name, limit: 60)))" } ?? "another process"
    }
  }

  /// Who listens on an address as in `listen`; empty: nobody, or it is a socket of another kind.
  static func holders(of listen: String) -> [Holder] {
    guard !listen.hasPrefix("unix:") else { return [] }
    let parts = listen.split(separator: ":")
    guard let port = parts.last.flatMap({ Int($0) }) else { return [] }
    let host = listen.contains(":") ? String(listen.dropLast("\(port)".utf8.count + 1)) : "*"
    let found = Set(["tcp", "tcp6"].flatMap { inodes(in: $0, port: port, host: host) })
    return found.isEmpty ? [] : owners(found)
  }

  private static func inodes(in table: String, port: Int, host: String) -> [String] {
    let text = Files.contents("/proc/net/\(table)", limit: 16 << 20) ?? ""
    let isOpen = ["*", "0.0.0.0", "[::]"].contains(host)
    return text.split(separator: "\n").dropFirst().compactMap { line in
      let fields = line.split(separator: " ")
      guard fields.count > 9, fields[3] == "0A" else { return nil }
      let local = fields[1].split(separator: ":")
      guard local.count == 2, Int(local[1], radix: 16) == port else { return nil }
      let isAny = local[0].allSatisfy { $0 == "0" }
      // An address is taken by itself, and by all addresses of the host.
      guard isOpen || isAny || table == "tcp6" || local[0] == hex(host) else { return nil }
      return String(fields[9])
    }
  }

  /// An IPv4 address as /proc writes it, on a host whose lowest byte comes first.
  private static func hex(_ host: String) -> String {
    let bytes = host.split(separator: ".").compactMap { UInt8($0) }
    let digits = Array("0123456789ABCDEF")
    return String(bytes.reversed().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }

  private static func owners(_ inodes: Set<String>) -> [Holder] {
    var left = inodes
    var found: [Holder] = []
    for name in Files.names(in: "/proc") {
      guard let pid = Int32(name) else { continue }
      for file in Files.names(in: "/proc/\(pid)/fd") {
        guard let link = Files.link(at: "/proc/\(pid)/fd/\(file)"), link.hasPrefix("socket:["),
          inodes.contains(String(link.dropFirst(8).dropLast()))
        else { continue }
        left.remove(String(link.dropFirst(8).dropLast()))
        let said = Files.contents("/proc/\(pid)/comm", limit: 256)?.split(separator: "\n").first
        found.append(Holder(pid: pid, name: said.map(String.init) ?? "?"))
      }
    }
    return found + left.map { _ in Holder(pid: nil, name: "") }
  }
}
