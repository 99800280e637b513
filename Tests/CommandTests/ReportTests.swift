import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// What a rollout leaves behind for those who were not there.
@Suite(.blocking) struct ReportTests {
  private static let hostile = "<script>alert(1)</script> | [x](javascript:y) & \"q\" 'z'"

  @Test func `a revert tells what failed, when, and how many were hurt`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start()
    let none = try sandbox.canary("report", "chat")
    #expect(none.code == 2 && none.text.contains("chat has no rollout yet"), "\(none.text)")
    let load = Load(port: sandbox.port, clients: 4, pause: Span(milliseconds: 2))
    try sandbox.set("green.fail")
    let ran = try sandbox.canary(
      "promote", "chat", "--release", "v2", "--reason", Self.hostile)
    _ = load.stop()
    #expect(ran.code == 3, "\(ran.text)")

    let report = try sandbox.canary("report", "chat").text
    #expect(report.contains("Reverted: blue → green (v2) after "), "\(report)")
    // The harm to users and the failing check come first, and verdicts are folded.
    let lines = report.split(separator: "\n")
    #expect(lines[2].contains("requests hurt") && lines[3].contains("failed check"), "\(report)")
    #expect(report.contains(/and \d+ changes? of a verdict; all: canary history chat/), "\(report)")
    for words in [
      "errors", "canary green", "stable blue", "first failing second", "decided to go back",
      "last failing second",
      " on the canary failed; stable answered instead, and no user saw a failure",
      "reverting", "reverted",
    ] {
      #expect(report.contains(words), "\(words) in \(report)")
    }
    // The same numbers as the log has, counted by hand.
    let log = try #require(try Files.read("\(sandbox.folder)/logs/canary-chat.log"))
    let tries = log.split(separator: "\n").flatMap { line -> [Substring] in
      let fields = line.split(separator: "\t")
      let servers = fields[5].split(separator: ", "), codes = fields[6].split(separator: ", ")
      return zip(servers, codes).filter { $0.0.hasSuffix(":\(sandbox.greenPorts[0])") }.map(\.1)
    }
    let hurt = tries.count { $0.hasPrefix("5") }
    let told = try #require(report.firstMatch(of: /([0-9]+) tr(?:y|ies) on the canary failed/)).1
    #expect(Int(told) == hurt && hurt > 0, "\(told) of \(hurt)")

    let page = "\(sandbox.folder)/report.html"
    let written = try sandbox.canary("report", "chat", "1", "--html", page)
    #expect(written.code == 0, "\(written.text)")
    let html = try #require(try Files.read(page))
    #expect(!html.contains("<script") && !html.contains("http://") && !html.contains("https://"))
    #expect(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
    #expect(html.contains("default-src 'none'") && html.ranges(of: "<svg").count == 4)
    // Every element is closed where it was opened.
    let parsed = try Spawn.run(
      [
        "python3", "-c",
        """
        import sys, html.parser
        class P(html.parser.HTMLParser):
            open = []
            def handle_starttag(self, tag, attrs):
                if tag != "meta": self.open.append(tag)
            def handle_startendtag(self, tag, attrs): pass
            def handle_endtag(self, tag):
                assert self.open and self.open.pop() == tag, (tag, self.getpos())
        p = P(); p.feed(open(sys.argv[1]).read()); p.close(); assert not p.open, p.open
        """, page,
      ], limit: .seconds(20))
    #expect(parsed.succeeded, "\(parsed.output)")

    let markdown = try sandbox.canary("report", "chat", "--markdown").text
    #expect(
      markdown.contains("\\<script\\>alert(1)\\</script\\> \\| \\[x\\](javascript:y) \\&"),
      "\(markdown)")
    #expect(markdown.hasPrefix("# chat, rollout 1\n"))

    let gone = try sandbox.canary("report", "chat", "7")
    #expect(gone.code == 2 && gone.text.contains("no rollout 7; the newest is 1"), "\(gone.text)")
    #expect(try sandbox.canary("report", "chat", "x").code == 2)
    #expect(try sandbox.canary("report", "chat", "1", "2").code == 2)
  }

  @Test func `a promotion tells its stages and its checks`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start()
    let load = Load(port: sandbox.port, clients: 4, pause: Span(milliseconds: 2))
    let ran = try sandbox.canary("promote", "chat")
    _ = load.stop()
    #expect(ran.code == 0, "\(ran.text)")
    let report = try sandbox.canary("report", "chat").text
    #expect(report.contains("Promoted: blue → green in "), "\(report)")
    #expect(report.contains("over 3 stages."), "\(report)")
    #expect(report.contains("none: no try on the canary failed"), "\(report)")
    // A matrix of checks and stages.
    let heads = try #require(report.firstMatch(of: /1: 5% +2: 30% +3: 100%/))
    #expect(
      report[heads.range.upperBound...].contains(/errors +✓ pass +✓ pass +✓ pass/), "\(report)")
    let markdown = try sandbox.canary("report", "chat", "--markdown").text
    #expect(
      markdown.contains("| check | 1 (5%) | 2 (30%) | 3 (100%) |")
        && markdown.contains("| errors: error\\_rate over 10s ≤ 5% | pass | pass | pass |"),
      "\(markdown)")
  }
}
