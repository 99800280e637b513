import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

@testable import CanaryCommands

/// The pages of this project.
enum Docs {
  static let root = "\(#filePath)".replacing(
    "/Tests/CommandTests/ReferenceDocsTests.swift", with: "")

  static func pages() throws -> [(name: String, text: String)] {
    let docs = Files.names(in: "\(root)/docs").filter { $0.hasSuffix(".md") }.map { "docs/\($0)" }
    return try (["README.md", "README.zh-CN.md"] + docs.sorted()).map {
      ($0, try #require(try Files.read("\(root)/\($0)")))
    }
  }

  /// The blocks of a page in one language, in order, without the indentation of a list.
  static func blocks(_ text: String, _ language: String) -> [String] {
    text.matches(of: /(?m)^( *)```([a-z0-9]*)\n((?:.*\n)*?) *```$/).filter {
      $0.output.2 == language
    }.map { match in
      match.output.3.split(separator: "\n", omittingEmptySubsequences: false).map {
        $0.hasPrefix(match.output.1) ? $0.dropFirst(match.output.1.count) : $0
      }.joined(separator: "\n")
    }
  }
}

/// What is made from the program says what the program does.
@Suite(.blocking) struct ReferenceDocsTests {
  @Test func `the reference is what the program says`() throws {
    for (page, what) in [("config", "config"), ("cli", "cli"), ("json", "json")] {
      let text = try #require(try Files.read("\(Docs.root)/docs/\(page).md"))
      let made = try #require(Reference.text(what))
      #expect(text.contains(made), "docs/\(page).md is old: scripts/reference")
    }
    let schema = try Files.read("\(Docs.root)/docs/canary.schema.json")
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

  /// Holds configs against the schema, by a library that editors go by as well.
  static func validate(_ configs: [Node], areRight: Bool) throws {
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
      ["/usr/bin/python3", "-c", script, "\(Docs.root)/docs/canary.schema.json", path],
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
}
