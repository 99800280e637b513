import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

@testable import CanaryCommands

/// The screen that an operator looks at, on a real terminal with a real rollout.
@Suite(.blocking) struct LiveViewTests {
  private static let plan = """
    stages: [{ weight: 20, soak: "10m" }, { weight: 100, soak: "10m" }],
    checks: [
      { name: "errors", metric: "error_rate", max: "5%", window: "5s", every: "200ms", min_requests: 5 },
      { name: "health", probe: "/health", every: "300ms" },
    ]
    """

  @Test func `promote shows one screen whose keys do what they say`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.plan)
    let load = Load(port: sandbox.port, clients: 2, pause: .seconds(0.01))
    defer { _ = load.stop() }
    let screen = try Screen(columns: 80, rows: 24, folder: sandbox.folder)
    defer { screen.close() }
    let config = "--config \(sandbox.folder)/canary.json5"
    try screen.type("\(Sandbox.program) promote chat --release v2 \(config); echo exit=$?")
    try screen.wait(
      for: "chat  blue → green (v2)", "SOAKING  stage 1 of 2 · 20% on green",
      "at the earliest",
      "canary 20% on green (v2) · stable 80% on blue", "driven by process", "✓ errors", "▁▁▁",
      "canary green", "p pause   a advance   x revert   q leave it running")
    // A passing check is quiet: yellow and red belong to trouble, and verdicts to the table.
    let raw = try screen.text(isRaw: true)
    #expect(raw.contains("\u{1B}[36m") && !raw.contains("[33m") && !raw.contains("[31m"), "\(raw)")
    #expect(!raw.contains("verdict"))

    try screen.press("p")
    try screen.wait(for: " PAUSED ")
    #expect(try sandbox.field("phase") == "paused")
    try screen.resize(columns: 200, rows: 50)
    try screen.press("r")
    try screen.wait(for: " SOAKING ", "0% ≤ 5% over")
    try screen.press("a")
    try screen.wait(for: "cut the soak of this stage short?")
    try screen.press("n")
    try screen.wait(for: "not advanced")
    try screen.press("a")
    try screen.press("y")
    try screen.wait(for: "✓ 20%")
    // Ctrl-C asks; another key goes on.
    try screen.press("C-c")
    try screen.wait(for: "Ctrl-C again or y: send all traffic back to blue · q: leave it running")
    try screen.press("n")
    try screen.wait(for: "not reverted")

    try screen.press("x")
    try screen.wait(for: "send all traffic back to blue now? y/n")
    try screen.press("n")
    try screen.wait(for: "not reverted")
    try sandbox.wait("the last stage") { try sandbox.field("weight") == "100" }
    try screen.press("x")
    try screen.press("y")
    // What is left on the terminal is what happened, line by line.
    let rest = try screen.wait(
      for: "exit=4", "stage 1/2   20 %", "STOPPED    x in the live view",
      "REVERTED  all traffic on blue")
    #expect(!rest.contains("q leave"))
  }

  @Test func `a rollout that is left goes on, and a watcher ends clean`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.plan)
    let screen = try Screen(
      columns: 80, rows: 24, folder: sandbox.folder, environment: ["NO_COLOR=1"])
    defer { screen.close() }
    let config = "--config \(sandbox.folder)/canary.json5"
    try screen.type("\(Sandbox.program) promote chat \(config); echo exit=$?")
    try screen.wait(for: "✓ health", "q leave it running")
    #expect(!(try screen.text(isRaw: true).contains("\u{1B}[3")), "a colour")
    try screen.press("q")
    try screen.wait(for: "exit=6")
    try screen.type("clear; \(Sandbox.program) status chat --watch \(config); echo exit=$?")
    try screen.wait(for: "stage 1 of 2", "q quit")
    #expect(try sandbox.field("phase") == "soaking")
    try screen.press("C-c")
    try screen.wait(for: "exit=0")
    try screen.type("clear; stty -a")
    try screen.wait(for: " icanon", " echo ")
    #expect(try sandbox.canary("revert", "chat").code == 0)
    try screen.type("clear; \(Sandbox.program) status --watch \(config); echo exit=$?")
    // With one service the list is that service.
    try screen.wait(for: "✗ 20%", "q quit")
    try screen.press("q")
    try screen.wait(for: "exit=0")
  }

  @Test func `text is cut and wrapped by the cells that it takes`() {
    #expect(TerminalText.count("回滚 ab") == 7)
    #expect(TerminalText.cut("回滚原因", to: 5) == "回滚…")
    #expect(TerminalText.cut("abc", to: 3) == "abc")
    #expect(TerminalText.column("回", 4) == "回  ")
    #expect(TerminalText.wrap("one two three", to: 7, most: 2) == ["one two", "three"])
    #expect(TerminalText.wrap("one two three four", to: 7, most: 2) == ["one two", "three …"])
    for width in [0, 1, 7, 30] {
      for line in TerminalText.wrap(
        "一個很長的句子 with words and averyveryverylongwordindeed", to: width, most: 3)
      {
        #expect(TerminalText.count(line) <= width)
      }
      var line = ScreenLine(width, hasColour: false)
      line.add("回滚回滚回滚回滚回滚回滚回滚回滚回滚", .bad)
      #expect(line.used <= width && TerminalText.count(line.text) == line.used)
    }
  }
}
