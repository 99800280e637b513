import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// What `promote` prints where no person watches: few lines, each short, and what matters last.
@Suite(.blocking) struct PipelineTests {
  private func lines(_ text: String) -> [String] {
    text.split(separator: "\n").map(String.init).filter { !Self.isMark($0) }
  }

  private static func isMark(_ line: String) -> Bool {
    line.hasPrefix("::") || line.contains("section_")
  }

  private func expectShort(_ lines: [String], most: Int) {
    #expect(lines.count <= most, "\(lines.joined(separator: "\n"))")
    for line in lines { #expect(line.unicodeScalars.count <= 160, "\(line)") }
  }

  @Test func `a good rollout of three stages is told in nine lines or a few more`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start()
    let load = Load(port: sandbox.port, clients: 4, pause: Span(milliseconds: 4))
    let promoted = try sandbox.canary("promote", "chat", "--release", "v1.3.0")
    _ = load.stop()
    #expect(promoted.code == 0, "\(promoted.text)")
    let lines = lines(promoted.text)
    print(promoted.text)
    expectShort(lines, most: 15)
    #expect(lines[0].contains("chat v1.3.0: blue → green, plan "), "\(promoted.text)")
    #expect(lines[0].contains("(5 → 30 → 100 %), done "), "\(promoted.text)")
    #expect(lines.contains { $0.contains("  stage 1/3    5 %   soak 2 s   watch: canary") })
    #expect(lines.contains { $0.contains("    passed     stage 3/3 after 1") }, "\(promoted.text)")
    let last = lines.suffix(2)
    #expect(last.first?.contains("PROMOTED  all traffic on green (v1.3.0) after ") == true)
    #expect(last.first?.contains(" canary requests failed") == true, "\(promoted.text)")
    #expect(last.last?.contains("next: to go back until ") == true, "\(promoted.text)")
    #expect(last.last?.hasSuffix("report: canary report chat 1   (exit 0)") == true)
    #expect(!promoted.text.contains("verdict"), "\(promoted.text)")
  }

  @Test func `a bad rollout ends with its harm and the next step`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start()
    try sandbox.set("green.fail")
    let load = Load(port: sandbox.port, clients: 4, pause: Span(milliseconds: 4))
    let summary = "\(sandbox.folder)/summary.md"
    try Files.replace(summary, with: "")
    let child = try sandbox.launch(
      "promote", "chat", "--release", "v1.3.0",
      before: ["env", "GITHUB_ACTIONS=true", "GITHUB_STEP_SUMMARY=\(summary)"])
    #expect(child.wait() == 3, "\(child.text)")
    _ = load.stop()
    let text = child.text
    print(text)
    let lines = lines(text)
    expectShort(lines, most: 12)
    #expect(text.contains("    FAILED     errors: "), "\(text)")
    #expect(text.contains("REVERTED  all traffic on blue, "), "\(text)")
    #expect(text.contains("; no user saw a failure ("), "\(text)")
    #expect(lines.last?.contains("next: fix v1.3.0 on 127.0.0.1:") == true, "\(text)")
    #expect(lines.last?.hasSuffix("(exit 3)") == true, "\(text)")
    #expect(text.contains("::group::stage 1/3  5 %25\n"), "\(text)")
    #expect(text.contains("::endgroup::\n"), "\(text)")
    #expect(text.contains("::error title=canary promote chat::REVERTED  all traffic"), "\(text)")
    #expect(try Files.read(summary)?.contains("chat, rollout 1") == true)
  }

  @Test func `a hostile text is no command of a build server, and no line is long`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let text = String(repeating: "::set-output name=x::y ##[stop-commands]z %0A", count: 100)
    try Files.replace("\(sandbox.folder)/say", with: text + "\n::stop-commands::evil\n")
    let name = String(repeating: "c", count: 60)
    try sandbox.start(
      plan: """
        stages: [{ weight: 5, soak: "2s" }, { weight: 100, soak: "1s" }],
        checks: [{ name: "\(name)", command: ["sh", "-c", "cat \(sandbox.folder)/say; exit 1"], every: "300ms", failures: 2 }]
        """)
    for server in [[], ["GITHUB_ACTIONS=true"], ["GITLAB_CI=true"]] {
      let child = try sandbox.launch(
        "promote", "chat", "--release", "::error::\(String(repeating: "r", count: 400))",
        before: ["env"] + server)
      #expect(child.wait() == 3, "\(child.text)")
      expectShort(lines(child.text), most: 12)
      let commands = child.text.split(separator: "\n").filter { $0.hasPrefix("::") }
      for line in commands {
        let known = ["::group::", "::endgroup::", "::warning title=", "::error title="]
        #expect(known.contains { line.hasPrefix($0) }, "\(line)")
      }
      #expect(server.isEmpty || !child.text.contains("##[") || server == ["GITLAB_CI=true"])
      #expect(child.text.contains("FAILED     ccc"), "\(child.text)")
      if server == ["GITLAB_CI=true"] {
        #expect(child.text.contains("\u{1B}[0Ksection_start:"), "\(child.text)")
        #expect(child.text.contains("_1\r\u{1B}[0Kstage 1/2  5 %\n"), "\(child.text)")
        #expect(child.text.contains("section_end:"), "\(child.text)")
      }
    }
  }

  @Test func `what other tools call a command is answered with the command to type`() throws {
    let program = { (words: [String]) in
      let ran = try Spawn.run([Sandbox.program] + words, limit: .seconds(10))
      return ("\(ran.end)", ran.output)
    }
    for word in ["abort", "rollback", "undo", "stop", "halt"] {
      let (end, text) = try program([word, "chat"])
      #expect(end.contains("2") && text.contains("type: canary revert chat"), "\(text)")
    }
    for word in ["deploy", "start", "release", "switch"] {
      let (end, text) = try program([word])
      #expect(end.contains("2") && text.contains("type: canary promote SERVICE"), "\(text)")
    }
    let (_, asked) = try program(["help", "revert"])
    #expect(asked == (try program(["revert", "--help"]).1), "\(asked)")
    #expect(try program(["help", "nosuch"]).0.contains("2"))
  }
}
