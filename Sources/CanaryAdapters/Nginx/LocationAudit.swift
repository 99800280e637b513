package import CanaryCore

/// Looks at each location of your own that includes one of canary's files, for what would keep
/// requests from their pool, or their failures from canary's log.
///
/// Pure: it reads the statements of your tree and what canary's files would say, and no file.
package struct LocationAudit {
  package struct Finding: Hashable, Sendable {
    package let service: ServiceName
    /// Whether requests would go wrong; otherwise only something is worth knowing.
    package let isFault: Bool
    /// Whether failures that users see would be missing from the log that checks read.
    package let hidesFailures: Bool
    /// The place, the fact, and the line to add or move.
    package let text: String
    /// What would let canary's log see those requests; nil: nothing that can be added.
    package var missing: Missing?
  }

  /// Lines for a `server {}`, by which canary's log sees what ends in other locations.
  package struct Missing: Hashable, Sendable {
    /// The line that opens the server.
    package let server: NginxStatement
    /// The include, and the logs that the server would no longer inherit.
    package let lines: [String]
  }

  /// The file of canary's that an include names.
  struct Target: Hashable {
    let service: ServiceName
    /// `location`, `locations` or `server`; `conf` of a service whose whole server canary writes.
    let suffix: String
    let path: String
  }

  /// A location that canary's directives stand in.
  struct Site {
    let target: Target
    let include: NginxStatement
    /// Where the include stands among all statements.
    let index: Int
    /// What canary's file says directly in the location.
    let said: [NginxStatement]
    /// Whether only an `if` of canary's leads to the canary, and no variable says it once more.
    var isStatic = false
    /// The path of a location that canary itself writes; nil for one of your own.
    let route: String?
    /// The directives beside the include, as indices of all statements.
    var beside: [Int] = []
  }

  let all: [NginxStatement]
  /// The other log files of each service, by its config.
  let ownLogs: Set<ServiceName>
  /// Canary's files that an include of this pattern reads.
  private let targets: (String) -> [Target]
  let generated: (Target) -> [NginxStatement]
  private let children: [Int: [Int]]
  private let named: [Key: [Int]]
  /// The place that opened each block.
  private let openings: [Int: NginxStatement]
  private(set) var found: [Finding] = []
  // What is asked again for each of a thousand locations of one server.
  var evidenceLines: [Int: [ServiceName: Int]] = [:]
  var ends: [Key: NginxStatement?] = [:]
  var internals: [Int: [NginxStatement]] = [:]

  /// A block and a name in it.
  struct Key: Hashable {
    let block: Int
    let name: String
  }

  /// `targets` finds canary's files by the pattern of an include, and `generated` has the statements
  /// of one of them.
  init(
    _ all: [NginxStatement], ownLogs: Set<ServiceName> = [],
    targets: @escaping (String) -> [Target], generated: @escaping (Target) -> [NginxStatement]
  ) {
    self.all = all
    self.targets = targets
    self.ownLogs = ownLogs
    self.generated = generated
    var children: [Int: [Int]] = [:]
    var openings: [Int: NginxStatement] = [:]
    var named: [Key: [Int]] = [:]
    for (index, statement) in all.enumerated() {
      let block = statement.blocks.last?.number ?? 0
      children[block, default: []].append(index)
      named[Key(block: block, name: statement.name), default: []].append(index)
      if let opened = statement.opened { openings[opened] = statement }
    }
    self.children = children
    self.named = named
    self.openings = openings
    for (index, statement) in all.enumerated() where statement.name == "include" {
      for target in self.targets(of: statement) { look(target, statement, index) }
    }
    var seen: Set<Finding> = []
    found = found.filter { seen.insert($0).inserted }
  }

  func targets(of include: NginxStatement) -> [Target] {
    guard include.words.count == 2, !include.opensBlock else { return [] }
    return targets(include.words[1])
  }

  private mutating func look(_ target: Target, _ include: NginxStatement, _ index: Int) {
    let inside = include.blocks.last?.name
    if target.suffix == "conf" {
      if inside == "http" { lookAtServers(target, include, index) }
      return
    }
    let texts = target.suffix == "server" ? [] : generated(target)
    switch target.suffix {
    case "location" where inside == "location":
      let said = texts.filter(\.blocks.isEmpty)
      var site = Site(target: target, include: include, index: index, said: said, route: nil)
      site.beside = children[include.blocks.last?.number ?? 0] ?? []
      let passed = texts.filter { Self.passes.contains($0.name) }
      site.isStatic =
        passed.contains { $0.blocks.last?.name == "if" }
        && !passed.contains { $0.words.last?.contains("$") ?? false }
      look(site)
    case "locations" where inside == "server":
      for route in texts where route.name == "location" && route.blocks.isEmpty {
        let said = texts.filter { $0.blocks.count == 1 && $0.blocks[0].number == route.opened }
        guard said.contains(where: { Self.passes.contains($0.name) }) else { continue }
        look(
          Site(
            target: target, include: include, index: index, said: said,
            route: route.words.dropFirst().joined(separator: " ")))
      }
    case "server" where inside == "server":
      let first = include.blocks.last.flatMap { evidence(in: $0.number)[target.service] }
      if let first, first != index {
        add(
          target.service, include,
          "comes on top of \(all[first].place), so what ends elsewhere would be logged twice",
          "take one of the two out", isFault: true)
      }
    default: break
    }
  }

  private mutating func look(_ site: Site) {
    lookAtRewrites(site)
    lookAtHandlers(site)
    lookAtDuplicates(site)
    lookAtLogs(site)
    lookAtInherited(site)
    lookAtEvidence(site)
  }

  // MARK: what the rules share

  static let passes: Set<String> = [
    "proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass",
  ]

  func inside(_ block: NginxStatement) -> [NginxStatement] {
    guard let number = block.opened, number > 0 else { return [] }
    return (children[number] ?? []).map { all[$0] }
  }

  /// The directives of one name inside a block.
  func inside(_ block: Int, _ name: String) -> [NginxStatement] {
    indices(block, name).map { all[$0] }
  }

  func indices(_ block: Int, _ name: String) -> [Int] {
    named[Key(block: block, name: name)] ?? []
  }

  /// The line that opened a block.
  func opening(_ block: NginxBlock) -> NginxStatement? { openings[block.number] }

  /// The `server` around a site.
  func server(_ site: Site) -> NginxStatement? {
    site.include.blocks.last { $0.name == "server" }.flatMap(opening)
  }

  /// A directive as the location has it without canary: from the innermost block that has it.
  func effective(_ directive: String, _ site: Site) -> [NginxStatement] {
    for block in site.include.blocks.reversed() {
      let here = inside(block.number, directive)
      if !here.isEmpty { return here }
    }
    return []
  }

  /// The directive's lines beside the include; none in a location that canary writes.
  func own(_ directive: String, _ site: Site) -> [NginxStatement] {
    site.beside.isEmpty
      ? [] : inside(site.include.blocks.last?.number ?? 0, directive)
  }

  /// A directive in one line, as it may be shown.
  static func line(_ statement: NginxStatement) -> String {
    let text = statement.words.map(quoted).joined(separator: " ")
    return Text.sanitized(text + (statement.opensBlock ? " { … }" : ";"), limit: 200)
  }

  private static func quoted(_ word: String) -> String {
    let isPlain = !word.isEmpty && !word.contains { " \t\n\r;{}\"'".contains($0) }
    if isPlain || word.contains("${") && !word.contains(" ") { return word }
    return "\"" + word.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
  }

  mutating func add(
    _ service: ServiceName, _ statement: NginxStatement, _ fact: String, _ action: String,
    isFault: Bool, hidesFailures: Bool = false, missing: Missing? = nil
  ) {
    let place = Text.sanitized(statement.place, limit: 400)
    found.append(
      Finding(
        service: service, isFault: isFault, hidesFailures: hidesFailures,
        text: "\(service): \(place): `\(Self.line(statement))` \(fact): \(action)",
        missing: missing))
  }
}
