package import CanaryCore

/// The locations of your own that include a generated file, and what they lose by it.
///
/// Nginx inherits lines such as `proxy_set_header` only into a location that has none of them; so
/// the first one that the generated file brings pushes out all that the location inherited.
package struct YourLocations: Sendable {
  /// By the block around them and by their name: a server may have ten thousand locations.
  private let said: [LocationAudit.Key: [NginxStatement]]
  /// The `include` lines by the file that they name.
  private let includes: [String: [NginxStatement]]

  package init(_ inventory: NginxInventory) {
    said = Dictionary(grouping: inventory.all) {
      LocationAudit.Key(block: $0.blocks.last?.number ?? 0, name: $0.name)
    }
    let folder = Files.folder(of: inventory.main)
    includes = Dictionary(
      grouping: inventory.all.filter { $0.words.count == 2 && $0.words[0] == "include" },
      by: { Files.absolute($0.words[1], in: folder) })
  }

  /// Whether a line of yours includes the generated file.
  package func hasInclude(of file: String) -> Bool { includes[file] != nil }

  /// What to change in Nginx's files for the service; empty when nothing.
  package func faults(of service: Service, _ config: Config) -> [String] {
    guard service.isInYourLocation, service.proxying.scheme != .tcp else { return [] }
    let suffix = service.routes.isEmpty ? "location" : "locations"
    let file = "\(config.nginx.include)/\(service.name).\(suffix)"
    return (includes[file] ?? []).flatMap { include in
      Self.brought(by: service).compactMap { lost($0, include, file, service) }
        + [withoutHost(include, file, service)].compactMap(\.self)
    }
  }

  /// The directives that the generated file brings because the config names them.
  private static func brought(by service: Service) -> [String] {
    let module = service.proxying.scheme.module
    let hides = service.preview.map { !$0.headers.isEmpty || !$0.cookies.isEmpty } ?? false
    let copies = service.plan.stages.contains { $0.shadow != nil }
    let limits =
      service.pools.contains { $0.limit != nil }
      || service.plan.stages.contains { $0.limit != nil }
    let proxyings = [service.proxying] + service.routes.map(\.proxying)
    let sets = hides || copies || proxyings.contains { !$0.headers.isEmpty }
    return (sets ? ["\(module)_set_header"] : [])
      + (service.expose || !service.answerHeaders.isEmpty ? ["add_header"] : [])
      + (limits ? ["limit_req"] : []) + (copies ? ["mirror"] : [])
  }

  /// Your lines of a directive that apply where the include stands, and whether the location has
  /// them itself.
  private func yours(
    _ directive: String, _ include: NginxStatement, _ file: String
  ) -> (lines: [NginxStatement], own: Bool) {
    let isLocation = include.blocks.last?.name == "location"
    for block in include.blocks.reversed() {
      let key = LocationAudit.Key(block: block.number, name: directive)
      let lines = (said[key] ?? []).filter { $0.file != file }
      if !lines.isEmpty { return (lines, isLocation && block == include.blocks.last) }
    }
    return ([], false)
  }

  private func lost(
    _ directive: String, _ include: NginxStatement, _ file: String, _ service: Service
  ) -> String? {
    let (lines, own) = yours(directive, include, file)
    if own { return nil }
    let named = Set(
      (directive == "add_header" ? service.answerHeaders : service.proxying.headers).keys.map {
        $0.lowercased()
      })
    let lost = lines.filter { $0.words.count < 2 || !named.contains($0.words[1].lowercased()) }
    guard let first = lost.first else { return nil }
    let key =
      switch directive {
      case "add_header": ", or name them in `answer_headers`"
      case "limit_req", "mirror": ""
      default: ", or name them in `headers`"
      }
    return
      "\(service.name): the config makes \(file) say \(directive), so Nginx no longer inherits yours of \(first.place). Write them below the include at \(include.place)\(key): \(lost.map { $0.text + ";" }.joined(separator: " "))"
  }

  /// Without a `Host`, Nginx sends the name of our group.
  private func withoutHost(
    _ include: NginxStatement, _ file: String, _ service: Service
  ) -> String? {
    let module = service.proxying.scheme.module
    let (lines, own) = yours("\(module)_set_header", include, file)
    let isHost = { (name: String) in name.lowercased() == "host" }
    let named =
      service.routes.isEmpty
      ? service.proxying.headers.keys.contains(where: isHost)
      : service.routes.allSatisfy { $0.proxying.headers.keys.contains(where: isHost) }
    let brings = Self.brought(by: service).contains("\(module)_set_header")
    let said = (own || !brings) && lines.contains { $0.words.count > 1 && isHost($0.words[1]) }
    if named || said { return nil }
    return
      "\(service.name): nothing says which Host the pools see, so they would see the name of canary's group. Below the include at \(include.place), "
      + "write: \(module)_set_header Host $host; (or name it in the config: headers: { Host: \"$host\" })"
  }
}
