import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

@testable import CanaryCommands

/// What the docs say, done: each config read, each command line understood, the tutorial and the release script run.
@Suite(.blocking) struct DocsTests {
  private static let root = "\(#filePath)".replacing(
    "/Tests/CommandTests/DocsTests.swift", with: "")

  private static func pages() throws -> [(name: String, text: String)] {
    let docs = Files.names(in: "\(root)/docs").filter { $0.hasSuffix(".md") }.map { "docs/\($0)" }
    return try (["README.md", "README.zh-CN.md"] + docs.sorted()).map {
      ($0, try #require(try Files.read("\(root)/\($0)")))
    }
  }

  /// The blocks of a page in one language, in order, without the indentation of a list.
  private static func blocks(_ text: String, _ language: String) -> [String] {
    text.matches(of: /(?m)^( *)```([a-z0-9]*)\n((?:.*\n)*?) *```$/).filter {
      $0.output.2 == language
    }.map { match in
      match.output.3.split(separator: "\n", omittingEmptySubsequences: false).map {
        $0.hasPrefix(match.output.1) ? $0.dropFirst(match.output.1.count) : $0
      }.joined(separator: "\n")
    }
  }

  // MARK: what is made from the program

  @Test func `the reference is what the program says`() throws {
    for (page, what) in [("config", "config"), ("cli", "cli"), ("json", "json")] {
      let text = try #require(try Files.read("\(Self.root)/docs/\(page).md"))
      let made = try #require(Reference.text(what))
      #expect(text.contains(made), "docs/\(page).md is old: scripts/reference")
    }
    let schema = try Files.read("\(Self.root)/docs/canary.schema.json")
    #expect(schema == Reference.text("schema").map { "\($0)\n" }, "scripts/reference")
  }

  @Test func `the fields of the JSON are those of the reference`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      plan: """
        stages: [{ weight: 50, soak: "10m" }, { weight: 100, soak: "1s", approval: { by: ["user:nobody"] } }],
        checks: [{ name: "health", probe: "/health", every: "200ms" }]
        """)
    #expect(try sandbox.canary("freeze", "chat", "--reason", "test").code == 0)
    let frozen = try sandbox.canary("status", "chat", "--json").text
    #expect(try sandbox.canary("thaw", "chat").code == 0)
    #expect(
      try sandbox.canary("promote", "chat", "--at", "2099-01-01T00:00:00Z").text.contains(
        "scheduled"))
    let scheduled = try sandbox.canary("status", "chat", "--json").text
    let schedule = try sandbox.canary("schedule", "--json").text
    #expect(try sandbox.canary("cancel", "chat").code == 0)
    let promote = try sandbox.launch("promote", "chat", "--json")
    try sandbox.waitForStage(0)
    #expect(try sandbox.canary("advance", "chat").code == 0)
    try sandbox.wait("the approval") { try sandbox.field("phase") == "awaiting_approval" }
    let awaiting = try sandbox.canary("status", "chat", "--json").text
    let route = try sandbox.canary("route", "chat", "--json").text
    #expect(try sandbox.canary("revert", "chat").code == 0)
    #expect(promote.wait() == 4)
    let lines = promote.text.split(separator: "\n").filter { $0.hasPrefix("{") }
    let printed = [
      "canary status SERVICE --json": [frozen, scheduled, awaiting],
      "canary history SERVICE --json": [try sandbox.canary("history", "chat", "--json").text],
      "canary promote SERVICE --json": lines.map(String.init),
      "canary schedule --json": [schedule],
      "canary audit --json": [try sandbox.canary("audit", "--json").text],
      "canary route SERVICE --json": [route],
    ]
    for shape in JSONReference.shapes {
      let told = Set(shape.fields.map(\.path))
      var seen: Set<String> = []
      for text in try #require(printed[shape.command]) {
        let node = try ConfigFile.parse(text, name: "docs")
        Self.walk(node, "", told, &seen)
      }
      // Of a field that holds others, null or a list may be all that was seen.
      #expect(
        seen.subtracting(told).isEmpty, "\(shape.command): \(seen.subtracting(told).sorted())")
      #expect(
        told.subtracting(seen).isEmpty, "\(shape.command): \(told.subtracting(seen).sorted())")
    }
  }

  /// Notes every path of a value; a table whose keys are names is one that the reference has with a star.
  private static func walk(
    _ node: Node, _ path: String, _ told: Set<String>, _ seen: inout Set<String>
  ) {
    switch node {
    case .table(let table):
      if told.contains(path) { seen.insert(path) }
      for (key, value) in table {
        let isNamed = told.contains("\(path).*")
        let inner = isNamed ? "\(path).*" : path.isEmpty ? key : "\(path).\(key)"
        walk(value, inner, told, &seen)
      }
    case .list(let items):
      for item in items { walk(item, "\(path)[]", told, &seen) }
      if items.isEmpty { seen.formUnion(told.filter { $0 == "\(path)[]" }) }
    case .null, .bool, .number, .text:
      // Null stands for a table or a list as well.
      if node != .null || told.contains(path) { seen.insert(path) }
    }
  }

  // MARK: what people copy

  @Test func `every config of the docs is read`() throws {
    var count = 0
    var read: [Node] = []
    for page in try Self.pages() {
      for block in Self.blocks(page.text, "json5") {
        count += 1
        let faults = Self.contexts(block).map { text -> String? in
          do throws(Problems) {
            let node: Node
            do { node = try ConfigFile.parse(text, name: "docs") } catch { return "\(error)" }
            _ = try ConfigReader(file: "/x/c.json5", zones: { ZoneFiles.zone($0) }).read(node)
            read.append(node)
            return nil
          } catch {
            return error.list.map(\.description).joined(separator: "; ")
          }
        }
        let words = "\(page.name): \(block)\n\(faults.compactMap(\.self))"
        #expect(faults.contains(nil), "\(words)")
      }
    }
    #expect(count >= 12, "\(count)")
    for file in ["docs/examples/dify.json5", "scripts/parts/system/canary.json5"] {
      let text = try #require(try Files.read("\(Self.root)/\(file)"))
      read.append(try ConfigFile.parse(text, name: file))
    }
    try Self.validate(read, areRight: true)
    // What the program refuses for its keys, an editor underlines.
    let services: [(String, Node)] = [("services", .table([:]))]
    try Self.validate(
      [
        .table(["servces": .table([:])]), .table([:]),
        .table(Dictionary(services + [("nginx", .table(["inclde": .text("/x")]))]) { $1 }),
        .table(Dictionary(services + [("plans", .table(["a": .table([:])]))]) { $1 }),
      ], areRight: false)
  }

  /// Holds configs against the schema, by a library that editors go by as well.
  private static func validate(_ configs: [Node], areRight: Bool) throws {
    let folder = try Folder()
    let path = "\(folder.path)/configs.json"
    try Files.replace(path, with: "[\(configs.map(json).joined(separator: ","))]")
    let script = """
      import json, sys, jsonschema
      schema = json.load(open(sys.argv[1]))
      jsonschema.Draft202012Validator.check_schema(schema)
      validator = jsonschema.Draft202012Validator(schema)
      for config in json.load(open(sys.argv[2])):
          faults = [e.message for e in validator.iter_errors(config)]
          print("wrong" if faults else "right", faults[:3], json.dumps(config)[:200] if faults else "")
      """
    // Debian's own Python has Debian's packages.
    let ran = try Spawn.run(
      ["/usr/bin/python3", "-c", script, "\(root)/docs/canary.schema.json", path],
      limit: .minutes(1))
    let lines = ran.output.split(separator: "\n")
    #expect(ran.succeeded && lines.count == configs.count, "\(ran.output)")
    for line in lines { #expect(line.hasPrefix(areRight ? "right" : "wrong"), "\(line)") }
  }

  private static func json(_ node: Node) -> String {
    switch node {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .number(let value): "\(value)"
    case .text(let text): JSONText.quoted(text)
    case .list(let items): "[\(items.map(json).joined(separator: ","))]"
    case .table(let table):
      "{\(table.map { "\(JSONText.quoted($0.key)):\(json($0.value))" }.joined(separator: ","))}"
    }
  }

  /// A block is a whole config, or a part of one: of the top, of a service, of its plan, or some checks.
  private static func contexts(_ block: String) -> [String] {
    let pools =
      "pools: { blue: { servers: [\"127.0.0.1:1\"] }, green: { servers: [\"127.0.0.1:2\"] } }, stable: \"blue\","
    let stages = "stages: [{ weight: 5, soak: \"30m\" }, { weight: 100, soak: \"1m\" }],"
    let endpoints =
      "endpoints: { datadog: { url: \"http://h\" }, newrelic: { url: \"http://h\" }, graphite: { url: \"http://h\" }, influxdb: { url: \"http://h\" }, elastic: { url: \"http://h\" }, elasticsearch: { url: \"http://h\" } },"
    let service = { (inside: String) in
      "{ \(endpoints) services: { chat: { \(pools) \(inside) } } }"
    }
    return [
      block, "{ \(block) }", "{ services: { chat: { \(pools) } }, \(block) }", service(block),
      service("plan: { \(stages) \(block) }"), service("plan: { \(stages) checks: [\(block)] }"),
      service("plan: { \(stages) checks: [{ \(block) }] }"), service("guards: [\(block)]"),
      "{ services: { chat: { \(block) } } }", "{ services: { \(block) } }",
      // Endpoints and one check that asks them.
      "{ "
        + block.replacing(
          "check: {", with: "services: { chat: { \(pools) plan: { \(stages) checks: [{"
        ).replacing(/},\s*$/, with: "}] } } } }"),
    ]
  }

  @Test func `every command line of the docs is one`() throws {
    var count = 0
    for page in try Self.pages() {
      // The lists of commands are lists, not lines to type.
      let isList = page.name == "docs/cli.md"
      let code =
        ["bash", "yaml"].flatMap { Self.blocks(page.text, $0) }.joined(separator: "\n")
        .replacing("\\\n", with: " ")
      let inline = page.text.matches(of: /`(canary [^`\n]+)`/).map { String($0.output.1) }
      for line in code.split(separator: "\n").map(String.init) + (isList ? [] : inline) {
        for match in line.matches(of: /(?:^|[|;&(] *|- run: |- )canary ([a-z]+[^|;&>#\n]*)/) {
          let words = Self.words(String(match.output.1))
          guard let name = words.first, name != "__reference" else { continue }
          guard let command = Program.commands.first(where: { $0.spec.name == name }) else {
            Issue.record("\(page.name): \(line)")
            continue
          }
          // The mention of a command alone, or the way it is used, is no line to type either.
          if words.count == 1 || line.contains("[") || line.contains("…") { continue }
          count += 1
          #expect(throws: Never.self, "\(page.name): \(line)") {
            _ = try Arguments(Array(words.dropFirst()), for: command.spec)
          }
        }
      }
    }
    #expect(count >= 50, "\(count)")
  }

  /// The words of a line of a shell, with quotes taken off.
  private static func words(_ line: String) -> [String] {
    var words: [String] = []
    var quote: Character?
    var word = ""
    var isOpen = false
    for character in line {
      if let open = quote {
        if character == open { quote = nil } else { word.append(character) }
      } else if character == "\"" || character == "'" {
        quote = character
        isOpen = true
      } else if character == " " {
        if isOpen { words.append(word) }
        (word, isOpen) = ("", false)
      } else {
        word.append(character)
        isOpen = true
      }
    }
    return isOpen ? words + [word] : words
  }

  @Test func `the tutorial does what it says`() throws {
    let folder = try Folder()
    chmod(folder.path, 0o755)
    let text = try #require(try Files.read("\(Self.root)/docs/tutorial.md"))
    var script = Self.blocks(text, "bash").joined(separator: "\necho ==\n")
    #expect(script.contains("canary audit hello"))
    for port in ["8080", "9001", "9002"] {
      script = script.replacing(port, with: "\(Sockets.freePort())")
    }
    let program = "canary() { '\(Sandbox.program)' \"$@\"; }"
    try Files.replace("\(folder.path)/tutorial.sh", with: "set -eu\n\(program)\n\(script)\n")
    let ran = try Spawn.run(
      ["bash", "\(folder.path)/tutorial.sh"], limit: .minutes(5),
      environment: ["HOME": folder.path, "CANARY_CONFIG": ""])
    #expect(ran.succeeded, "\(ran.output)")
    for words in [
      "hello from v1", "promoted: green is stable", "hello from v2", "exit 3",
      "Reverted: green → blue (v3)", "reverted: all traffic is on green", "on second thoughts",
    ] {
      #expect(ran.output.contains(words), "\(words) in \(ran.output)")
    }
    #expect(!ran.output.contains("oops"))
    #expect(!Files.exists("\(folder.path)/canary-tutorial"))
  }

  @Test func `the release script tells a pipeline how it went`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start()
    let load = Load(port: sandbox.port, clients: 2, pause: .seconds(0.01))
    defer { _ = load.stop() }
    let text = try #require(try Files.read("\(Self.root)/docs/release-scripts.md"))
    let script = try #require(Self.blocks(text, "bash").first)
    let program = "canary() { '\(Sandbox.program)' \"$@\"; }"
    try Files.replace("\(sandbox.folder)/release.sh", with: "\(program)\n\(script)")
    let run = { () throws in
      try Spawn.run(
        ["bash", "\(sandbox.folder)/release.sh"], limit: .minutes(2),
        environment: [
          "CANARY_CONFIG": "\(sandbox.folder)/canary.json5", "SERVICE": "chat", "VERSION": "v9",
        ])
    }
    let good = try run()
    #expect(good.succeeded && good.output.contains("promoted: v9 is stable"), "\(good.output)")
    try sandbox.set("blue.dead")
    let bad = try run()
    #expect(bad.end == .exit(1) && bad.output.contains("a gate failed"), "\(bad.output)")
    #expect(bad.output.contains("# chat, rollout 2"), "\(bad.output)")
  }
}
