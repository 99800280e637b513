/// The generated files of a service.
package struct GeneratedFiles: Hashable, Sendable {
  /// For `http {}`: upstreams, log format, probe, and with `listen` the whole `server {}`.
  ///
  /// Of a TCP service, for `stream {}`.
  package var main: String
  /// The extension of the main file: `conf` or `stream`.
  package var mainSuffix: String
  /// For a location of your own; nil for a service with routes and for a TCP service.
  package var location: String?
  /// The locations of all routes, for a `server {}` of your own; nil without routes, and with
  /// `listen`.
  package var locations: String?

  /// What logs the ends of requests that leave those locations, for a `server {}` of your own; nil
  /// for a TCP service, and with `listen`.
  package var server: String?

  package static let suffixes = ["conf", "stream", "location", "locations", "server"]

  /// Every possible file by its extension; a nil text means that the file must not exist.
  package var all: [(suffix: String, text: String?)] {
    [
      ("conf", mainSuffix == "conf" ? main : nil), ("stream", mainSuffix == "stream" ? main : nil),
      ("location", location), ("locations", locations), ("server", server),
    ]
  }
}

/// The templates by file name; the config's `templates` folder may replace any of them.
package struct TemplateSet: Sendable {
  package static let names = [
    "http.conf", "upstream.conf", "audience.conf", "location.conf", "locations.conf", "server.conf",
    "elsewhere.conf", "bodies.conf", "shadow.conf", "stream.conf", "common.conf",
  ]
  private let templates: [String: Template]

  /// Parses the templates; throws all faults, and names each missing template.
  package init(_ texts: [String: String]) throws(Problems) {
    var faults = Problems()
    var templates: [String: Template] = [:]
    for name in Self.names {
      guard let text = texts[name] else {
        faults.add(Problem(name, "is missing among the templates"))
        continue
      }
      do throws(Problems) {
        templates[name] = try Template(text, name: name)
      } catch {
        for problem in error.list { faults.add(problem) }
      }
    }
    guard faults.isEmpty else { throw faults }
    self.templates = templates
  }

  private func fill(_ name: String, _ values: [String: Template.Value]) throws(Problems) -> String {
    guard let template = templates[name] else {
      throw Problems([Problem(name, "is missing among the templates")])
    }
    return try template.fill(values)
  }

  /// Renders the files of one generation; the same arguments give the same bytes.
  ///
  /// Throws `Problems` when the templates and the values do not fit each other.
  package func render(
    _ choice: RoutingRules, in config: Config, generation: Generation
  ) throws(Problems) -> GeneratedFiles {
    let service = choice.service
    let values = RenderValues(choice: choice, config: config, generation: generation)
    let suffix = config.mainSuffix(of: service.name)
    if service.proxying.scheme == .tcp {
      let text = try fill("stream.conf", values.stream)
      return GeneratedFiles(main: Seal.seal(text + values.resolved), mainSuffix: suffix)
    }
    var blocks: [String] = []
    for group in values.groups { blocks.append(try fill("upstream.conf", group)) }
    let audience = try fill("audience.conf", values.audience)
    // A text of one line is only the template's comment: the weight alone decides, so leave it out.
    if audience.split(separator: "\n").count > 1 { blocks.append(audience) }
    if values.isJudged {
      blocks.append(try fill("bodies.conf", ["variable": .text(values.variable)]))
    }
    if let shadow = values.shadow { blocks.append(try fill("shadow.conf", shadow)) }

    let locations = try locations(service, values)
    var server: [String] = []
    if !service.listen.isEmpty {
      server = [try fill("server.conf", values.server(lines: Self.body(locations)))]
    }
    let http = try fill("http.conf", values.http(blocks: blocks, server: server)) + values.resolved
    var files = GeneratedFiles(main: Seal.seal(http), mainSuffix: suffix)
    if service.routes.isEmpty {
      files.location = Seal.seal(
        try fill("location.conf", values.location(values.usualRoute, isLogged: true)))
    }
    guard service.listen.isEmpty else { return files }
    if !service.routes.isEmpty { files.locations = Seal.seal(locations) }
    files.server = Seal.seal(try fill("elsewhere.conf", values.ends))
    return files
  }

  /// Renders the file in which services at rest have what they share.
  package func common(_ answers: [RestingAnswer], in config: Config) throws(Problems) -> String {
    let lines = answers.map { "        \($0.line)" }.sorted().joined(separator: "\n")
    return Seal.seal(
      try fill(
        "common.conf", ["probe_socket": .text(config.run.probe), "answers": .text(lines)]))
  }

  /// Renders the locations of all routes, and the internal location that sends copies.
  private func locations(_ service: Service, _ values: RenderValues) throws(Problems) -> String {
    var routes: [(path: String, text: String)] = []
    for route in service.routes.isEmpty ? [values.usualRoute] : service.routes {
      let text = try fill(
        "location.conf", values.location(route, isLogged: service.listen.isEmpty))
      routes.append((route.path, text))
    }
    return try fill(
      "locations.conf", values.locations(routes.map { ($0.path, Self.body($0.text)) }))
  }

  /// The lines of a generated text, without its header lines and empty lines.
  private static func body(_ text: String) -> [String] {
    let lines = text.split(separator: "\n").map(String.init)
    return Array(lines.drop { $0.hasPrefix("# canary service=") || $0.hasPrefix("# Written by") })
  }
}
