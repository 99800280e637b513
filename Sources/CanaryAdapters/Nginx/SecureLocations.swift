internal import CanaryCore
internal import Synchronization

/// Which services are reached over TLS alone, by the servers of your tree that include them.
///
/// Only what it is asked for makes it read the tree, and at most once in two seconds: `check` asks
/// for each of a thousand services.
final class SecureLocations: Sendable {
  private let tree: NginxTree
  private let known = Mutex<(at: Instant, secure: [String: Bool])?>(nil)

  init(_ config: Config) {
    tree = NginxTree(main: config.nginx.config, include: config.nginx.include)
  }

  /// Whether each `listen` of each server that includes the service's locations says `ssl`.
  ///
  /// False where the tree cannot be read here, such as a container's.
  func covers(_ service: Service) -> Bool {
    let suffix = service.routes.isEmpty ? "location" : "locations"
    let now = SystemClock.now
    return known.withLock { known in
      if known.map({ now - $0.at > .seconds(2) }) ?? true { known = (now, read()) }
      return known?.secure["\(service.name).\(suffix)"] ?? false
    }
  }

  private func read() -> [String: Bool] {
    guard let all = tree.statements() else { return [:] }
    var plain: Set<Int> = []
    var encrypted: Set<Int> = []
    for statement in all where statement.name == "listen" {
      guard let server = statement.blocks.last?.number else { continue }
      if statement.words.contains(where: { ["ssl", "quic"].contains($0) }) {
        encrypted.insert(server)
      } else {
        plain.insert(server)
      }
    }
    var secure: [String: Bool] = [:]
    for statement in all where statement.name == "include" && statement.words.count == 2 {
      guard let server = statement.blocks.last(where: { $0.name == "server" })?.number else {
        continue
      }
      let isSecure = encrypted.contains(server) && !plain.contains(server)
      for case .generated(let name) in tree.expand(statement.words[1]) {
        secure[name] = (secure[name] ?? true) && isSecure
      }
    }
    return secure
  }
}
