import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// Readers of what others write, given inputs that nobody thought of.
///
/// A longer search: CANARY_TORTURE_SEED=7 CANARY_TORTURE_MINUTES=10 swift test --filter FuzzTests
@Suite(.busy, .serialized) struct FuzzTests {
  @Test func `any log line is counted whole or not at all`() throws {
    let target = LogLineTarget()
    try Fuzz("log-line").run(5000) { target.fault($0) }
  }

  @Test func `any config is read and contained, or refused with its faults`() throws {
    let target = ConfigTarget(templates: try TemplateFiles.load(folder: nil))
    try Fuzz("config", also: ["docs/examples/*.json5"], longest: 8 << 10).run(700) {
      target.fault($0)
    }
  }

  @Test func `any answer is JSON or not, twice the same`() throws {
    let target = JSONTarget()
    try Fuzz("json-answer", also: ["Tests/AdapterTests/answers/*.json"], longest: 1 << 10).run(1000)
    {
      target.fault($0)
    }
  }

  @Test func `any template is filled or refused with its faults`() throws {
    let target = try TemplateTarget()
    try Fuzz("template", also: ["nginx-templates/*.conf"]).run(300) { target.fault($0) }
  }

  @Test func `any dump of nginx -T is read within its lines`() throws {
    let target = DumpTarget()
    try Fuzz("nginx-dump").run(500) { target.fault($0) }
  }
}

/// Each line has its own faults: the input is read as a whole file is.
private struct LogLineTarget {
  private static let entries: [(String, PoolName)] = [
    ("127.0.0.1:9001", "blue"), ("127.0.0.1:9003", "blue"), ("127.0.0.1:9002", "green"),
    ("unix:/run/app.sock", "green"), ("[2001:db8::1]:80", "green"),
  ]
  private let table = PoolTable(entries, copies: true)
  private let occasion = StageContext(
    rollout: 1, stage: 0,
    plan: Plan(
      name: "p",
      stages: [Weight(percent: 50)].compactMap { $0.map { Stage(weight: $0, soak: .minutes(1)) } },
      checks: [
        Check(name: "errors", source: .metric(.errorRate), condition: Condition(versus: Versus()))
      ]),
    stable: "blue", canary: "green", generation: Generation(42),
    started: Instant(milliseconds: 1_795_000_000_000),
    since: Instant(milliseconds: 1_795_000_000_000))

  func fault(_ bytes: [UInt8]) -> String? {
    var whole = tally()
    // Stages told by time: the same counts, and whatever is compared is of one of them.
    var timed = tally()
    let times = SwitchTimes([
      StageSwitch(asked: 1_795_000_000_000, seen: 1_795_000_000_020, generation: 42),
      StageSwitch(asked: 1_795_000_010_000, seen: 1_795_000_010_020, generation: 43),
    ])
    var sum = [0, 0, 0]
    let fault: String? = bytes.withUnsafeBufferPointer { buffer in
      for line in buffer.split(separator: 10) {
        LogParser(table, .response).parse(line, into: &whole)
        LogParser(table, .response, times).parse(line, into: &timed)
        var alone = tally()
        LogParser(table, .firstByte).parse(line, into: &alone)
        let counts = Self.counts(&alone)
        if let fault = Self.fault(alone, counts, Array(line)) { return fault }
        sum = [sum[0] + counts.tries, sum[1] + alone.unattributed, sum[2] + alone.unreadable]
      }
      return nil
    }
    if let fault { return fault }
    timed.close()
    whole.close()
    let drawn = { (tally: LogTally) in
      (tally.census ?? [:]).values.reduce(tally.betweenStages) { $0 + $1.pools.reduce(0, +) }
    }
    guard timed.slices == whole.slices, timed.unreadable == whole.unreadable,
      drawn(timed) == drawn(whole),
      (timed.census ?? [:]).keys.allSatisfy({ (41...43).contains($0) })
    else { return "told by time: \(timed.census ?? [:]), else: \(whole.census ?? [:])" }
    let found = [Self.counts(&whole).tries, whole.unattributed, whole.unreadable]
    return found == sum ? nil : "one by one \(sum), all at once \(found)"
  }

  private func tally() -> LogTally {
    var tally = LogTally(pools: table.pools)
    tally.census = [:]
    tally.comparison = LogReading.judge(occasion, baseline: PoolCounts()).flatMap {
      TallyComparison($0, pools: table.pools, canary: "green", stable: "blue")
    }
    return tally
  }

  private static func counts(_ tally: inout LogTally) -> (tries: Int, isSound: Bool) {
    var tries = 0
    var isSound = true
    for pool in tally.pools {
      let counts = tally.total(pool: pool, from: .min / 2, through: .max / 2)
      tries += counts.requests + counts.aborted
      isSound =
        isSound && counts.failures <= counts.requests && counts.latency.count <= counts.requests
        && counts.hurt ?? 0 <= counts.requests + counts.aborted
        && counts.latency.quantile(0.99) ?? 0 >= 0
    }
    return (tries, isSound)
  }

  /// What does not fit the line's own list of addresses.
  private static func fault(
    _ tally: LogTally, _ counts: (tries: Int, isSound: Bool), _ line: [UInt8]
  ) -> String? {
    guard tally.lines == 1, counts.isSound, (0...1).contains(tally.unreadable) else {
      return "\(tally.lines) lines, \(tally.unreadable) unreadable, sound: \(counts.isSound)"
    }
    let counted = counts.tries + tally.unattributed
    if tally.unreadable == 1 { return counted == 0 ? nil : "unreadable, but counted" }
    let addresses = line.split(separator: 9, omittingEmptySubsequences: false)[5]
    if addresses == [UInt8(ascii: "-")] { return counted == 0 ? nil : "counted without a try" }
    let pairs = zip(addresses, addresses.dropFirst())
    let tries = 1 + pairs.count { $1 == 32 && ($0 == 44 || $0 == 58) }
    return counted == tries ? nil : "\(tries) tries, \(counted) counted"
  }
}

private struct ConfigTarget {
  let templates: TemplateSet

  func fault(_ bytes: [UInt8]) -> String? {
    let text = String(decoding: bytes, as: UTF8.self)
    let lines = bytes.count { $0 == 10 } + 1
    do throws(Problems) {
      let node = try ConfigFile.parse(text, name: "fuzz")
      let config: Config
      do throws(Problems) {
        config = try ConfigReader(file: "/etc/canary/canary.json5", zones: ZoneFiles.zone).read(
          node)
      } catch {
        throw error.placed(PathLines(text))
      }
      return Containment.faults(config, templates).first
    } catch {
      if error.isEmpty { return "refused without a fault" }
      for problem in error.list {
        if problem.rule.isEmpty || problem.description.utf8.count > 4000 {
          return "tells badly: \(problem.description.prefix(400))"
        }
        if let line = problem.line, !(1...lines).contains(line) {
          return "line \(line) of \(lines): \(problem.description.prefix(400))"
        }
      }
      return nil
    }
  }
}

private struct JSONTarget {
  func fault(_ bytes: [UInt8]) -> String? {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let root = JSONAnswer.parse(text) else {
      return JSONAnswer.parse(text) == nil ? nil : "no JSON the first time, but the second"
    }
    if JSONAnswer.parse(text) != root { return "two parses differ" }
    return fault(root, root, "", 0)
  }

  /// What a pointer to a node does not find, or a number that is none.
  private func fault(_ node: Node, _ root: Node, _ pointer: String, _ depth: Int) -> String? {
    guard depth < 8 else { return nil }
    if JSONAnswer.at(pointer, in: root) != node { return "nothing at \(pointer.prefix(200))" }
    _ = (JSONAnswer.number(node), JSONAnswer.time(node), node.shown)
    switch node {
    case .table(let table):
      for (key, inner) in table.prefix(4) {
        let step = key.replacing("~", with: "~0").replacing("/", with: "~1")
        if let fault = fault(inner, root, "\(pointer)/\(step)", depth + 1) { return fault }
      }
    case .list(let items):
      for (index, inner) in items.prefix(4).enumerated() {
        if let fault = fault(inner, root, "\(pointer)/\(index)", depth + 1) { return fault }
      }
    case .null, .bool, .number, .text: break
    }
    return nil
  }
}

/// The template that the input began as is replaced by it, or each of them in turn.
private struct TemplateTarget {
  private let texts: [String: String]
  private let config: Config

  init() throws {
    let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }
    var texts: [String: String] = [:]
    for name in TemplateSet.names {
      texts[name] = try Files.read("\(root)/nginx-templates/\(name)")
    }
    self.texts = texts
    let path = "\(root)/Tests/Fuzz/corpus/config/every-key.json5"
    let text = try #require(try Files.read(path))
    config = try ConfigReader(file: path, zones: ZoneFiles.zone).read(
      ConfigFile.parse(text, name: path))
  }

  func fault(_ bytes: [UInt8]) -> String? {
    let text = String(decoding: bytes, as: UTF8.self)
    let start = text.prefix(20)
    let origins = TemplateSet.names.filter { texts[$0]?.hasPrefix(start) == true }
    for name in origins.isEmpty ? TemplateSet.names : origins {
      var texts = texts
      texts[name] = text
      do throws(Problems) {
        let templates = try TemplateSet(texts)
        for service in config.services {
          let rules = Containment.rules(config, service, .all)
          _ = try templates.render(rules, in: config, generation: Generation(1))
        }
      } catch {
        let isTold = error.list.allSatisfy { !$0.path.isEmpty && !$0.rule.isEmpty }
        if error.isEmpty || !isTold { return "\(name) is refused without a fault" }
      }
    }
    return nil
  }
}

private struct DumpTarget {
  func fault(_ bytes: [UInt8]) -> String? {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let inventory = NginxInventory(dump: text) else {
      return text.hasPrefix("# configuration file /etc/nginx/nginx.conf:\n")
        ? "a dump is taken for none" : nil
    }
    var lines: [String: Int] = [:]
    let mark = "\n# configuration file "
    for part in "\n\(text)".split(separator: mark, omittingEmptySubsequences: false).dropFirst() {
      let name = part.prefix { $0 != ":" && $0 != "\n" }
      lines[String(name), default: 0] = max(lines[String(name)] ?? 0, part.utf8.count { $0 == 10 })
    }
    for statement in inventory.all {
      if let most = lines[statement.file], !(1...max(1, most)).contains(statement.line) {
        return "\(statement.place) of \(most) lines"
      }
      if !inventory.files.contains(statement.file) { return "\(statement.place) is of no file" }
    }
    for proxy in inventory.proxies.prefix(8) {
      _ = (proxy.module, proxy.target, proxy.location)
      for said in inventory.inherited("proxy_read_timeout", proxy) {
        if !inventory.all.contains(said) { return "\(said.place) was never said" }
      }
    }
    return nil
  }
}
