internal import CanaryCore
internal import CanaryDriver
internal import Glibc

/// A scratch folder with generated files and a configuration around them: a copy of your tree, or
/// where that cannot be, one of canary's own.
struct DryRunScene {
  /// What tests it.
  let command: [String]
  /// Why it is not a copy of your tree; nil when it is.
  let apart: String?
  private let config: Config
  private let scratch: Config
  private let renderer: any Renderer
  private let folder: String
  private let services: [ServiceName]
  private let tree: ScratchTree?
  private let include: String
  /// What no include of your tree reads, each in a server that is made for it.
  private var unread: [String: String] = [:]

  /// Sorts last among the files of an include, because it uses what the others define.
  private static let rest = "~canary-check"

  init(
    _ config: Config, _ renderer: any Renderer, _ folder: String, _ services: [ServiceName]
  ) throws {
    self.config = config
    self.folder = folder
    self.services = services
    var copy = try ScratchTree(
      NginxTree(main: config.nginx.config, include: config.nginx.include), into: folder)
    if copy == nil {
      apart = "\(config.nginx.config) cannot be read here"
    } else if let missing = Set(services.map(config.mainSuffix(of:))).sorted().first(where: {
      copy?.reads("\(Self.rest).\($0)") != true
    }) {
      apart = "\(config.nginx.config) does not include \(config.nginx.include)/*.\(missing)"
      copy = nil
    } else {
      apart = nil
    }
    tree = copy
    include = "\(folder)/include"
    let main = copy?.main ?? "\(folder)/nginx.main"
    command = Self.command(config.nginx.test, main: main)
    for name in ["include", "logs", "run"] { try Files.makeFolder("\(folder)/\(name)") }
    scratch = Self.scratch(config, folder, copy)
    self.renderer = renderer.with(scratch)
    if tree != nil { try linkOthers() }
  }

  /// What Nginx says of the scene, with the places of the original.
  func original(_ text: String) -> String {
    (tree?.original(text) ?? text).replacing(include, with: config.nginx.include)
      .replacing("\(folder)/logs", with: config.nginx.logs)
      .replacing("\(folder)/run", with: config.run.path)
  }

  /// Puts the files of services in place of those that are there for them.
  ///
  /// What stands in for a service is the same under another name, on a socket of its own.
  mutating func write(
    _ routings: [(ServiceName, Routing)], standIns: [(ServiceName, Routing)] = []
  ) throws {
    var config = scratch
    var all = routings
    var taken = Set(config.services.map { $0.name.variable.lowercased() })
    for (name, routing) in standIns {
      guard let service = scratch.service(name) else { continue }
      let other = standIn(for: service, taken)
      taken.insert(other.name.variable.lowercased())
      config.services.append(other)
      all.append((other.name, routing))
    }
    let renderer = standIns.isEmpty ? self.renderer : self.renderer.with(config)
    let ours = Set(services)
    var answers = CommonFile(self.renderer, in: self.config.nginx.include).answers.values.filter {
      !ours.contains($0.service)
    }
    for (name, routing) in all {
      let files = try renderer.render(name, routing, Generation(0))
      if let answer = RestingAnswer(main: files.main, of: name) { answers.append(answer) }
      for (suffix, text) in files.all {
        let path = "\(include)/\(name).\(suffix)"
        guard let text else {
          try Files.remove(path)
          continue
        }
        let isRead = suffix == files.mainSuffix || tree?.reads("\(name).\(suffix)") == true
        let isEmpty = text.split(separator: "\n").allSatisfy { $0.hasPrefix("#") }
        if !isRead, isEmpty { continue }
        try Files.replace(path, with: text, isSynced: false)
        if isRead { continue }
        unread[path] = suffix == "location" ? "location / { include \(path); }" : "include \(path);"
      }
    }
    try Files.replace(
      "\(include)/\(CommonFile.name)", with: try renderer.common(answers), isSynced: false)
    let servers = unread.sorted { $0.key < $1.key }.enumerated().map { index, one in
      "server { listen unix:\(folder)/run/check.sock; server_name s\(index); \(one.value) }\n"
    }
    if tree == nil {
      try writeMain(
        servers.joined(), hasStream: all.contains { config.mainSuffix(of: $0.0) == "stream" })
    } else {
      let path = "\(include)/\(Self.rest).conf"
      try Files.replace(path, with: servers.joined(), isSynced: false)
    }
  }

  private func writeMain(_ locations: String, hasStream: Bool) throws(FileError) {
    let modules = NginxMainFile(config.nginx.config, generated: config.nginx.include)?.modules ?? []
    let loads = modules.map { "load_module \($0);\n" }.joined()
    let stream = hasStream ? "stream { include \(include)/*.stream; }" : ""
    try Files.replace(
      "\(folder)/nginx.main",
      with: """
        \(loads)pid \(folder)/nginx.pid;
        error_log stderr;
        events {}
        http {
        include \(include)/*.conf;
        \(locations)}
        \(stream)

        """)
  }

  /// Files of services that are not tried now count as they are.
  private func linkOthers() throws(FileError) {
    let ours = Set(services.flatMap { name in GeneratedFiles.suffixes.map { "\(name).\($0)" } })
    for name in Files.names(in: config.nginx.include)
    where !ours.contains(name) && name != CommonFile.name {
      guard !name.hasPrefix("."),
        symlink("\(config.nginx.include)/\(name)", "\(include)/\(name)") != 0
      else { continue }
      throw FileError("cannot link", "\(include)/\(name)")
    }
  }

  /// The service under a name of the same length where there is one, since Nginx bounds lengths.
  private func standIn(for service: Service, _ taken: Set<String>) -> Service {
    var service = service
    let text = service.name.text
    for number in 0..<36 * 36 * 36 {
      let end = String(number, radix: 36)
      let name = ServiceName(text.dropLast(min(end.count, text.count - 1)) + end)
      guard let name, !taken.contains(name.variable.lowercased()) else { continue }
      service.name = name
      break
    }
    if service.listen.isEmpty { service.accessLogs = [] }
    service.listen = service.listen.map { listen in
      let words = listen.split(separator: " ").dropFirst()
      return (["unix:\(folder)/run/\(service.name).sock"] + words).joined(separator: " ")
    }
    return service
  }

  /// Your own command, with another main file.
  private static func command(_ words: [String], main: String) -> [String] {
    var words = words
    if let index = words.firstIndex(of: "-c"), index + 1 < words.count {
      words[index + 1] = main
    } else {
      words += ["-c", main]
    }
    return words
  }

  /// The config with all paths that Nginx writes to moved into the scratch folder.
  private static func scratch(_ config: Config, _ folder: String, _ tree: ScratchTree?) -> Config {
    var config = config
    config.nginx.include = "\(folder)/include"
    config.nginx.logs = "\(folder)/logs"
    config.run = RunFolder("\(folder)/run")
    config.services = config.services.map { service in
      var service = service
      // A format of yours is known where your own files include the location, and not before.
      let isRead = ["location", "locations"].contains {
        tree?.reads("\(service.name).\($0)") == true
      }
      let keepsFormats = isRead || tree != nil && !service.listen.isEmpty
      service.accessLogs = service.accessLogs.compactMap { log in
        let words = log.split(separator: " ").dropFirst()
        return keepsFormats ? (["/dev/null"] + words).joined(separator: " ") : nil
      }
      return service
    }
    return config
  }
}
