import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// One service of a config, without the others.
@Suite struct ConfigExcerptTests {
  private static let text = """
    // services: { no }
    {
      state: "services: {", /* services: { "b": 1 } */
      plans: { services: { x: 1 } },
      "services": {
        a: { pools: "}", },  // a's own, with a comma
        'b': { text: 'it\\'s {', list: [1, { x: ["]"] }] },
        "c-d": { wrong

          {{
        } },
      },
      run: "r",
    }
    """

  @Test func `it keeps one service and every line`() throws {
    let text = Self.text.replacing("wrong\n\n      {{\n    }", with: "x: 1\n\n\n")
    for (name, others) in [("a", ["b", "c-d"]), ("b", ["a", "c-d"]), ("c-d", ["a", "b"])] {
      let kept = try #require(ConfigExcerpt.text(text, keeping: name))
      #expect(kept.utf8.count == text.utf8.count)
      #expect(kept.count { $0 == "\n" } == text.count { $0 == "\n" })
      guard case .table(let all) = try ConfigFile.parse(kept, name: "test"),
        case .table(let services)? = all["services"]
      else {
        Issue.record("no services: \(kept)")
        continue
      }
      #expect(Array(services.keys) == [name] && others.allSatisfy { services[$0] == nil })
      #expect(all["run"] == .text("r") && all["state"] == .text("services: {"))
    }
  }

  @Test func `what is not read for certain is left to the whole`() {
    #expect(ConfigExcerpt.text(Self.text, keeping: "z") == nil)
    for text in [
      "", "{", "[]", "{ services: 1 }", "{ services: { a: 1 }, services: { a: 2 } }",
      "{ services: { a 1 } }", "{ services: { \"a\\u0062\": 1, a: 2 } }", "{ services: { a: 'x } }",
      "{ services: { a: {} b: {} } }",
    ] {
      #expect(ConfigExcerpt.text(text, keeping: "a") == nil, "\(text)")
    }
  }

  @Test func `any text is taken without a crash`() {
    var dice = Dice(seed: 9)
    let good = Array(Self.text.utf8)
    for _ in 0..<20_000 {
      var bytes = good
      for _ in 0...dice.below(4) {
        let place = dice.below(bytes.count)
        bytes.replaceSubrange(
          place..<min(bytes.count, place + dice.below(6)),
          with: dice.chance(50) ? [] : [Array("{}[]:,'\"/*\\\n a".utf8)[dice.below(14)]])
        if bytes.isEmpty { break }
      }
      _ = ConfigExcerpt.text(String(decoding: bytes, as: UTF8.self), keeping: "b")
    }
  }
}
