package import CanaryCore
package import CanaryDriver

/// The audit of the locations of your tree, as its files are now.
package enum TreeAudit {
  /// What was found, for these services and the routings that they may come to; nil when the tree
  /// cannot be read here, such as a container's.
  package static func findings(
    _ config: Config, _ renderer: any Renderer, _ services: [NginxDryRun.Trial]
  ) -> [LocationAudit.Finding]? {
    let tree = NginxTree(main: config.nginx.config, include: config.nginx.include)
    guard let all = tree.statements() else { return nil }
    let routings = Dictionary(
      services.map { ($0.service, StageShapes.distinct([$0.resting] + $0.stages)) },
      uniquingKeysWith: { first, _ in first })
    let targets = routings.keys.flatMap { service in
      let isWhole = config.service(service)?.listen.isEmpty == false
      return (isWhole ? ["conf"] : ["location", "locations", "server"]).map { suffix in
        LocationAudit.Target(
          service: service, suffix: suffix, path: "\(config.nginx.include)/\(service).\(suffix)")
      }
    }
    let byName = Dictionary(
      targets.map { (Files.name(of: $0.path), $0) }, uniquingKeysWith: { first, _ in first })
    let audit = LocationAudit(
      all, ownLogs: Set(config.services.filter { !$0.accessLogs.isEmpty }.map(\.name)),
      targets: { pattern in
        tree.expand(pattern).flatMap { entry -> [LocationAudit.Target] in
          guard case .generated(let name) = entry else { return [] }
          if !NginxTree.isPattern(name) { return byName[name].map { [$0] } ?? [] }
          return targets.filter { NginxMainFile.fits(Files.name(of: $0.path), name) }
        }
      },
      generated: { statements(of: $0, routings[$0.service] ?? [], renderer) })
    return audit.found
  }

  /// Where failures of a service end that canary's log would not see; nil: nowhere, or the tree
  /// cannot be read here.
  package static func hiddenFailure(
    _ config: Config, _ renderer: any Renderer, _ service: NginxDryRun.Trial
  ) -> String? {
    findings(config, renderer, [service])?.first(where: \.hidesFailures)?.text
  }

  /// What a file would say in any of the routings; they follow one another.
  private static func statements(
    of target: LocationAudit.Target, _ routings: [Routing], _ renderer: any Renderer
  ) -> [NginxStatement] {
    var texts: [String] = []
    for routing in routings {
      guard let files = try? renderer.render(target.service, routing, Generation(0)),
        let text =
          switch target.suffix {
          case "conf": files.main
          case "location": files.location
          default: files.locations
          },
        !texts.contains(text)
      else { continue }
      texts.append(text)
    }
    var all: [NginxStatement] = []
    let whole = texts.joined(separator: "\n")
    NginxWalk(folder: "/", text: { _ in whole }, files: { _ in [] }).read(target.path) {
      all.append($0)
    }
    return all
  }
}
