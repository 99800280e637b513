import CanaryCore
import TestSupport
import Testing

/// Where in the file a fault stands.
@Suite(.busy) struct PathLinesTests {
  private static let text = """
    // A comment, with { braces } and "quotes".
    {
      nginx: { config: "a{b", /* several
        lines */ logs: 'x\\'y' },
      "services": {
        chat: {
          pools: {
            blue: { servers: ["h:1", "h:2 weight=2",
              "h:3"] },
          },
          "odd name": +1.5e3, url: "http://x//y",
        },
      },
      plans: { p: { stages: [{ weight: 5, soak: "1m" },
        { weight: 100, soak: "1m" }], } },
    }
    """

  @Test func `each key and each item has its line`() {
    let lines = PathLines(Self.text)
    for (path, line) in [
      ("nginx", 3), ("nginx.config", 3), ("nginx.logs", 4), ("services", 5), ("services.chat", 6),
      ("services.chat.pools.blue.servers[1]", 8), ("services.chat.pools.blue.servers[2]", 9),
      ("services.chat.\"odd name\"", 11), ("services.chat.url", 11),
      ("plans.p.stages[1].weight", 15),
      // What is missing stands where it should be.
      ("services.chat.stable", 6), ("plans.p.stages[0].deadline", 14), ("plans.p: x.endpoint", 14),
    ] {
      #expect(lines[path] == line, "\(path)")
    }
    #expect(lines[""] == nil && lines["state"] == nil && lines.fault == nil)
  }

  @Test func `a text that is none is told where it stops`() {
    for (text, line) in [
      ("{\n  a: 1\n  b: 2\n}", 3), ("{ a: [1,\n 2 }", 2), ("{\n\n a 1 }", 3), ("{ a: \"x }\n", 2),
      ("{ a: 1 }\n}", 2), ("", 1), ("{ a: ,}", 1),
    ] {
      #expect(PathLines(text).fault == line, "\(text)")
    }
  }

  @Test func `no text makes it stumble`() {
    var dice = Dice(seed: 11)
    let bytes = Array(Self.text.utf8)
    for _ in 0..<3000 {
      var mutated = bytes
      for _ in 0...Int.random(in: 0...3, using: &dice) {
        let at = Int.random(in: 0..<mutated.count, using: &dice)
        switch Int.random(in: 0...2, using: &dice) {
        case 0: mutated[at] = UInt8.random(in: 0...255, using: &dice)
        case 1: mutated.remove(at: at)
        default: mutated.removeLast(min(mutated.count - 1, Int.random(in: 0...39, using: &dice)))
        }
      }
      let lines = PathLines(String(decoding: mutated, as: UTF8.self))
      let last = mutated.count { $0 == 10 } + 1
      #expect((1...last).contains(lines.fault ?? 1))
    }
    #expect(PathLines(String(repeating: "[", count: 100_000)).fault == 1)
  }
}
