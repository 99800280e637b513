package import CanaryCore
internal import FoundationEssentials
internal import Glibc

/// What a revert needs of a config, put together from what is installed where the config itself
/// cannot be used.
///
/// A fault in the config must not keep anybody from stable: folders are read from a text that breaks
/// rules, or from what a running Nginx shows; pools and roles from the generated file or the store.
package enum InstalledConfig {
  /// A config with that one service as it was last installed; nil: there is no trace of it.
  ///
  /// It has no servers and no plan, and is good for nothing but a revert.
  package static func find(_ service: ServiceName, file: String) -> Config? {
    for var found in installations(file) {
      guard let known = self.service(service, found) else { continue }
      found.services = [known]
      return found
    }
    return nil
  }

  /// The services of which there is a generated file or a set of seats.
  package static func names(file: String) -> [ServiceName] {
    for found in installations(file) {
      let files = Files.names(in: found.nginx.include).compactMap { name in
        ["conf", "stream"].contains(name.split(separator: ".").last ?? "")
          ? Files.ownContents("\(found.nginx.include)/\(name)", isLinked: true)
            .flatMap(GeneratedHeader.init)?.service : nil
      }
      let sets = Files.names(in: "\(found.run.path)/seats").compactMap { ServiceName($0) }
      let all = Set(files + sets)
      if !all.isEmpty { return all.sorted() }
    }
    return []
  }

  /// Where there may be one, without its services: by the text first, then by what runs.
  private static func installations(_ file: String) -> [Config] {
    let folder = Files.folder(of: file)
    let text = isBelieved(file) ? Files.contents(file, limit: 8 << 20) : nil
    let paths = Paths(text ?? "", in: folder)
    var places = [paths.run, "/run/canary"].compactMap(\.self)
    if paths.run == nil {
      let seen = RunFolder.listening.filter(isBelieved)
      places = seen.filter { $0.hasPrefix("\(folder)/") } + places
      // With several hosts' worth of them on one, nobody can say which is meant.
      if seen.count == 1 { places += seen }
    }
    return places.map { place in
      let run = RunFolder(place)
      let folders = InstalledFolders.read(run)
      let named = [paths.config, folders?.config].compactMap(\.self).first(where: isBelieved)
      let config = named ?? "/etc/nginx/nginx.conf"
      return Config(
        file: file,
        nginx: NginxSettings(
          config: config, include: paths.include ?? folders?.include ?? "/etc/nginx/canary",
          test: ["nginx", "-t", "-c", config], reload: ["nginx", "-s", "reload", "-c", config],
          logs: "/var/log/nginx", verify: .seconds(5)),
        state: paths.state ?? folders?.state ?? "/var/lib/canary", run: run, templates: nil,
        services: [], plans: [:])
    }
  }

  /// Whether nobody else chooses what root reads there: Nginx's main file names modules, and they run
  /// with the rights of `nginx -t`.
  private static func isBelieved(_ path: String) -> Bool {
    !ThisProcess.isRoot || Trust.stranger(path) == nil
  }

  /// The service with the pools and roles that its generated file or its saved state names.
  private static func service(_ name: ServiceName, _ config: Config) -> Service? {
    let state = SQLiteStore.glance(at: name, in: config.state)
    for suffix in ["conf", "stream"] {
      let header = Files.ownContents("\(config.nginx.include)/\(name).\(suffix)", isLinked: true)
        .flatMap(GeneratedHeader.init)
      guard let header, header.service == name, let routing = header.routing else { continue }
      var found = make(
        name, stable: state?.stable ?? routing.stable,
        [routing.stable, routing.canary, routing.brake])
      found.weights = header.hasSeats ? .seats : .upstream
      if suffix == "stream" { found.proxying.scheme = .tcp }
      return found
    }
    guard let state, Files.isFolder(config.run.seats(name)) || state.running != nil else {
      return nil
    }
    return make(name, stable: state.stable, [state.rollout?.from, state.rollout?.to, state.other])
  }

  private static func make(_ name: ServiceName, stable: PoolName, _ others: [PoolName?])
    -> Service
  {
    var pools = [stable]
    for case let pool? in others where !pools.contains(pool) { pools.append(pool) }
    return Service(
      name: name, pools: pools.map { Pool(name: $0, servers: []) }, stable: stable,
      plan: Plan(name: "", stages: [], checks: []))
  }

  /// The folders that a text names, whatever else is wrong with it.
  private struct Paths {
    var run: String?
    var state: String?
    var config: String?
    var include: String?

    init(_ text: String, in folder: String) {
      let top: Node? = try? ConfigFile.parse(text, name: "")
      let path = { (keys: [String]) -> String? in
        let value = top.map { Self.value($0, keys) } ?? Self.scan(text, keys[keys.count - 1])
        guard let value, !value.isEmpty else { return nil }
        return ConfigReader.normal(value.hasPrefix("/") ? value : "\(folder)/\(value)")
      }
      run = path(["run"])
      state = path(["state"])
      config = path(["nginx", "config"])
      include = path(["nginx", "include"])
    }

    private static func value(_ node: Node, _ keys: [String]) -> String? {
      var node: Node? = node
      for key in keys {
        guard case .table(let table)? = node else { return nil }
        node = table[key]
      }
      guard case .text(let text)? = node else { return nil }
      return text
    }

    /// The first text after `key:`, in a text that is no JSON5.
    private static func scan(_ text: String, _ key: String) -> String? {
      guard
        let found = try? Regex("(?:^|[\\s{,\"'])\(key)[\"']?\\s*:\\s*[\"']([^\"'\\n]*)[\"']")
          .firstMatch(in: text), let value = found.output[1].substring
      else { return nil }
      return String(value)
    }
  }
}

extension RunFolder {
  /// The folders in which a running Nginx listens on a probe socket of ours.
  fileprivate static var listening: [String] {
    guard let table = Files.contents("/proc/net/unix", limit: 64 << 20) else { return [] }
    let folders = table.split(separator: "\n").compactMap { line -> String? in
      guard let path = line.split(separator: " ").last, path.hasSuffix("probe.sock"),
        path.hasPrefix("/")
      else { return nil }
      return Files.folder(of: String(path))
    }
    return Set(folders).sorted()
  }
}

/// Where the other folders of an installation are, noted in its `run` folder for the day on which
/// its config is gone.
package struct InstalledFolders: Hashable, Sendable, Codable {
  package var config: String
  package var include: String
  package var state: String

  static func read(_ run: RunFolder) -> InstalledFolders? {
    Files.ownContents(run.installed, limit: 64 << 10).flatMap {
      try? JSONDecoder().decode(InstalledFolders.self, from: Data($0.utf8))
    }
  }

  /// Notes the folders of the config, unless that is done.
  package static func note(_ config: Config) {
    let folders = InstalledFolders(
      config: config.nginx.config, include: config.nginx.include, state: config.state)
    guard folders != read(config.run), let bytes = try? JSONEncoder().encode(folders) else {
      return
    }
    try? Files.replace(
      config.run.installed, with: String(decoding: bytes, as: UTF8.self) + "\n", isSynced: false)
  }
}
