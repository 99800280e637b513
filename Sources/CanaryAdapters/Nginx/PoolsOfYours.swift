package import CanaryCore
internal import CanaryDriver

/// The upstream groups of your own that pools name, as Nginx's files say them now.
package enum PoolsOfYours {
  /// The service with the servers of those groups; blocks while the files are read.
  ///
  /// A pool stays as it is where the config names its servers, and where the files cannot be read
  /// here, such as a container's.
  package static func filled(_ service: Service, _ nginx: NginxSettings) -> Service {
    guard service.pools.contains(where: isOpen), let groups = groups(nginx) else { return service }
    var service = service
    service.pools = service.pools.map { pool in
      guard isOpen(pool), let name = pool.upstream, let lines = groups[name] else { return pool }
      return pool.with(lines.compactMap(server))
    }
    return service
  }

  /// What is wrong with the groups that a service's pools name, one sentence each.
  package static func faults(_ service: Service, _ nginx: NginxSettings) -> [String] {
    let named = service.pools.filter { $0.upstream != nil }
    guard !named.isEmpty, let groups = groups(nginx) else { return [] }
    var faults: [String] = []
    for pool in named {
      guard let name = pool.upstream, groups[name] == nil else { continue }
      faults.append(
        "\(service.name): pool \(pool.name) is `upstream \(name)`, which \(nginx.config) and its includes do not have in http {}: write that group there, or name the pool's `servers`"
      )
    }
    return faults + [shared(filled(service, nginx))].compactMap(\.self)
  }

  /// The sentence on a server that two pools have, by which no try could be told from the other
  /// pool's; nil: there is none.
  static func shared(_ service: Service) -> String? {
    var owners: [String: PoolName] = [:]
    for pool in service.pools {
      for server in pool.servers {
        if let other = owners.updateValue(pool.name, forKey: server.address), other != pool.name {
          return
            "\(service.name): \(server.address) is a server of both \(other) and \(pool.name), so their answers could not be told apart: give each pool servers of its own"
        }
      }
    }
    return nil
  }

  private static func isOpen(_ pool: Pool) -> Bool { pool.upstream != nil && pool.servers.isEmpty }

  /// The words of the servers of each group in `http {}`, by the group's name; nil: the files cannot
  /// be read here.
  private static func groups(_ nginx: NginxSettings) -> [String: [[String]]]? {
    let tree = NginxTree(main: nginx.config, include: nginx.include)
    guard let all = tree.statements() else { return nil }
    var groups: [String: [[String]]] = [:]
    for statement in all where statement.blocks.first?.name == "http" {
      if statement.name == "upstream", statement.opensBlock, statement.words.count == 2 {
        groups[statement.words[1]] = groups[statement.words[1]] ?? []
      }
      guard statement.name == "server", let group = statement.blocks.last,
        group.name == "upstream", group.words.count == 2
      else { continue }
      groups[group.words[1], default: []].append(Array(statement.words.dropFirst()))
    }
    return groups
  }

  /// A server as its line says; nil: what it names is no address.
  private static func server(_ words: [String]) -> Server? {
    guard let first = words.first else { return nil }
    let tail = first.split(separator: "]", omittingEmptySubsequences: false).last ?? ""
    let address = first.hasPrefix("unix:") || tail.contains(":") ? first : "\(first):80"
    guard (try? Address.check(address)) != nil else { return nil }
    var server = Server(address: address)
    server.isBackup = words.contains("backup")
    server.isDown = words.contains("down")
    return server
  }
}
