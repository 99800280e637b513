import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

@testable import CanaryCommands

/// What the docs say, done: each config read, each command line understood, the tutorial and the release script run.
@Suite(.blocking) struct DocsTests {
  @Test func `every config of the docs is read`() throws {
    var count = 0
    var read: [Node] = []
    for page in try Docs.pages() {
      for block in Docs.blocks(page.text, "json5") {
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
      let text = try #require(try Files.read("\(Docs.root)/\(file)"))
      read.append(try ConfigFile.parse(text, name: file))
    }
    try ReferenceDocsTests.validate(read, areRight: true)
    // What the program refuses for its keys, an editor underlines.
    let services: [(String, Node)] = [("services", .table([:]))]
    try ReferenceDocsTests.validate(
      [
        .table(["servces": .table([:])]), .table([:]),
        .table(Dictionary(services + [("nginx", .table(["inclde": .text("/x")]))]) { $1 }),
        .table(Dictionary(services + [("plans", .table(["a": .table([:])]))]) { $1 }),
      ], areRight: false)
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

  /// The lines of canary that a page has people type, as words; a list of commands has none.
  private static func commandLines(_ page: (name: String, text: String)) -> [[String]] {
    let code =
      ["bash", "yaml"].flatMap { Docs.blocks(page.text, $0) }.joined(separator: "\n")
      .replacing("\\\n", with: " ")
    let inline = page.text.matches(of: /`(canary [^`\n]+)`/).map { String($0.output.1) }
    let lines =
      code.split(separator: "\n").map(String.init) + (page.name == "docs/cli.md" ? [] : inline)
    return lines.flatMap { line in
      line.matches(of: /(?:^|[|;&(] *|- run: |- )canary ([a-z]+[^|;&>#\n]*)/).map {
        // The way a command is used is no line to type.
        line.contains("[") || line.contains("…")
          ? Array(words(String($0.output.1)).prefix(1)) : words(String($0.output.1))
      }
    }
  }

  @Test func `what a Chinese page tells to type is what the English one tells`() throws {
    for page in ["tutorial", "dify"] {
      let read = { (name: String) in
        Docs.blocks(try #require(try Files.read("\(Docs.root)/docs/\(name)")), "bash")
      }
      let (english, chinese) = (try read("\(page).md"), try read("\(page).zh-CN.md"))
      #expect(english == chinese && !english.isEmpty, "\(page)")
    }
  }

  @Test func `every command line of the docs does something`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      service:
        "windows: [{ days: \"tue,thu\", from: \"01:00\", to: \"03:00\" }], zone: \"Asia/Shanghai\",",
      top: "page: \"page\",")
    var ran: Set<[String]> = []
    for page in try Docs.pages() {
      for var words in Self.commandLines(page) {
        guard let name = words.first, name != "__reference" else { continue }
        guard let command = Program.commands.first(where: { $0.spec.name == name }) else {
          Issue.record("\(page.name): \(words)")
          continue
        }
        // The mention of a command alone is no line to type either.
        if words.count == 1 { continue }
        #expect(throws: Never.self, "\(page.name): \(words)") {
          _ = try Arguments(Array(words.dropFirst()), for: command.spec)
        }
        // What names a file, a variable or an Nginx of the reader cannot be run here.
        let foreign = ["init", "simulate", "windows", "controller"].contains(name)
        if foreign
          || words.contains(where: {
            ["--watch", "FILE", "ROLLOUT"].contains($0) || $0.contains("$")
          })
        {
          continue
        }
        if ["chat", "dify", "hello", "SERVICE"].contains(words[1]) { words[1] = "chat" }
        // A rollout is begun by the tutorial and the release script; here it is planned.
        if name == "promote" { words.append("--dry-run") }
        if let html = words.firstIndex(of: "--html") {
          words[html + 1] = "\(sandbox.folder)/r.html"
        }
        if let number = words.last.flatMap(Int.init), name == "report" || name == "history" {
          words[words.count - 1] = "\(min(number, 1))"
        }
        guard ran.insert(words).inserted else { continue }
        let result = try sandbox.canary(words)
        // Nothing to do is an answer; a line that is wrong is none. Without a rollout there is no report.
        let hasNothing = ["has no rollout", "is not running", "nothing waits"].contains {
          result.text.contains($0)
        }
        #expect(result.code != 2 || hasNothing, "\(page.name): \(words): \(result.text)")
      }
    }
    #expect(ran.count >= 25, "\(ran.count)")
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

  @Test(.hungry) func `the tutorial does what it says`() throws {
    let folder = try Folder()
    chmod(folder.path, 0o755)
    let text = try #require(try Files.read("\(Docs.root)/docs/tutorial.md"))
    var script = Docs.blocks(text, "bash").joined(separator: "\necho ==\n")
    #expect(script.contains("canary audit hello"))
    for port in ["8080", "9001", "9002"] {
      script = script.replacing(port, with: "\(Sockets.freePort())")
    }
    let program = "canary() { '\(Sandbox.program)' \"$@\"; }"
    // What it starts ends with the test, wherever it stops.
    let end = "trap 'kill $(cat ~/canary-tutorial/*.pid 2>/dev/null) 2>/dev/null || true' EXIT"
    try Files.replace(
      "\(folder.path)/tutorial.sh", with: "set -eu\n\(end)\n\(program)\n\(script)\n")
    let ran = try Spawn.run(
      ["bash", "\(folder.path)/tutorial.sh"], limit: .minutes(5),
      environment: ["HOME": folder.path, "CANARY_CONFIG": ""])
    #expect(ran.succeeded, "\(ran.output)")
    for words in [
      "hello from v1", "PROMOTED  all traffic on green (v2)", "hello from v2", "exit 3",
      "Reverted: green → blue (v3)", "REVERTED  all traffic on green (v2)", "on second thoughts",
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
    let text = try #require(try Files.read("\(Docs.root)/docs/release-scripts.md"))
    let script = try #require(Docs.blocks(text, "bash").first)
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
