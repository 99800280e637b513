internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// Records in the history which gates a change of the config has changed: who, when, which keys.
///
/// The values of the last time are kept beside the store. Running rollouts keep the plan that they
/// began with.
package enum GateChanges {
  /// Compares the gates of the config file with those of the last time, and keeps them; called by
  /// what reads a config to act on it.
  package static func note(_ world: World) async {
    let config = world.config
    guard world.history.exists, let text = Files.contents(config.file, limit: 8 << 20),
      let node = try? ConfigFile.parse(text, name: config.file)
    else { return }
    let path = "\(config.state)/gates.json"
    let now = Gates(node)
    let before = KeptValues.read(path)
    guard before != now.values else { return }
    for (service, lines) in now.changes(since: before ?? now.values) {
      let entry = Entry(
        rollout: nil, time: world.clock.now(), event: .configured, actor: world.actor,
        detail: Text.sanitized("\(config.file): " + lines.joined(separator: "; "), limit: 2000))
      guard
        (try? await world.history.append(entry, of: service, patience: .seconds(1))) != nil
      else { return }
    }
    KeptValues.write(now.values, to: path)
  }
}

/// Everything in a config that lets a rollout go on or keeps it back, by its path.
struct Gates {
  private(set) var values: [String: String] = [:]

  /// The keys of a service that gate.
  private static let keys: Set<String> = [
    "plan", "guards", "windows", "blackouts", "releases", "retain", "hooks",
  ]

  init(_ config: Node) {
    guard case .table(let top) = config else { return }
    for key in ["plans", "blackouts"] { add(key, top[key]) }
    guard case .table(let services)? = top["services"] else { return }
    for (name, service) in services {
      guard case .table(let table) = service else { continue }
      for key in Self.keys { add("services.\(name).\(key)", table[key]) }
    }
  }

  private mutating func add(_ path: String, _ node: Node?) {
    switch node {
    case nil: break
    case .table(let table): for (key, value) in table { add("\(path).\(key)", value) }
    case .list(let items):
      for (index, item) in items.enumerated() {
        // By its name, so that one more in front changes none of the others.
        var word = "\(index)"
        if case .table(let table) = item, case .text(let name)? = table["name"] { word = name }
        add("\(path).\(word)", item)
      }
    case .text(let text)?
    where !Self.readable.contains(path.split(separator: ".").last.map(String.init) ?? ""):
      // A header, a URL or a command may hold a secret: that it changed is told, not to what.
      values[path] = "(not shown, \(Digest.sha256(text).prefix(8)))"
    case .some(let value): values[path] = Text.sanitized(value.shown, limit: 120)
    }
  }

  /// Keys whose texts hold no secret, whatever they say.
  private static let readable: Set<String> = [
    "name", "metric", "versus", "soak", "max", "min", "worse_by", "alpha", "window", "every", "for",
    "warmup", "deadline", "on_deadline", "within", "then", "retain", "timeout", "plan", "zone",
  ]

  /// What differs, as lines by service; nil is the plans that services share.
  func changes(since before: [String: String]) -> [(ServiceName?, [String])] {
    var lines: [ServiceName?: [String]] = [:]
    for key in Set(values.keys).union(before.keys).sorted() where values[key] != before[key] {
      let words = key.split(separator: ".")
      let service = words[0] == "services" ? ServiceName(String(words[1])) : nil
      lines[service, default: []].append(
        "\(key): \(before[key] ?? "not set") → \(values[key] ?? "not set")")
    }
    return lines.map { ($0, $1) }.sorted { ($0.0?.text ?? "") < ($1.0?.text ?? "") }
  }
}
