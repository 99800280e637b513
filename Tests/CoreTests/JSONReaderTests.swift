import CanaryCore
import TestSupport
import Testing

/// The one reader of JSON and JSON5: what it takes, what it refuses, and how much it bears.
@Suite(.busy) struct JSONReaderTests {
  private func strict(_ text: String) -> Node? { try? JSONReader.read(text).node }
  private func loose(_ text: String) -> Node? { try? JSONReader.read(text, .json5).node }

  @Test func `strict JSON is read as its standard says`() {
    for (text, node): (String, Node) in [
      ("null", .null), (" true ", .bool(true)), ("-0.5e+2", .number(-50)),
      ("1e999", .number(.infinity)),
      ("123456789012345678901", .number(1.2345678901234568e20)),
      ("\"a\\u00e9\\ud83d\\ude00\\n\\/\"", .text("aé😀\n/")), ("[]", .list([])), ("{}", .table([:])),
      (
        "{\"a\": [1, {\"b\": \"\"}]}", .table(["a": .list([.number(1), .table(["b": .text("")])])])
      ),
      ("{\"a\":1,\"a\":2}", .table(["a": .number(1)])),
    ] {
      #expect(strict(text) == node, "\(text)")
      #expect(loose(text) == node, "\(text)")
    }
    for text in [
      "", " ", "{", "[1", "[1,]", "{\"a\":1,}", "{a:1}", "'a'", "01", "1.", ".5", "+1", "- 1",
      "0x10",
      "NaN", "Infinity", "nul", "truey", "\"a", "\"\\x41\"", "\"\\ud800\"", "\"\\u12\"", "\"\n\"",
      "1 2",
      "// a\n1", "{\"a\" 1}", "{\"a\":}", "{,}", "[,]", "\"\u{1}\"", "1e", "--1", "{1:1}",
    ] {
      #expect(strict(text) == nil, "\(text)")
    }
  }

  @Test func `JSON5 is read as its standard says`() {
    for (text, node): (String, Node) in [
      ("// a\n/* b\n */ +.5", .number(0.5)), ("5.", .number(5)), ("0xfF", .number(255)),
      ("-Infinity", .number(-.infinity)), ("'it\\'s \"x\"'", .text("it's \"x\"")),
      ("\"a\\\nb\\x41\\v\"", .text("abA\u{B}")), ("[1, 2,]", .list([.number(1), .number(2)])),
      (
        "\u{FEFF}{a_1: 1, $b: 'x', \"c d\": null,}",
        .table(["a_1": .number(1), "$b": .text("x"), "c d": .null])
      ),
      ("{\u{A0}a\u{A0}: true}", .table(["a": .bool(true)])),
    ] {
      #expect(loose(text) == node, "\(text)")
    }
    for text in [
      "{a b: 1}", "[1 2]", "{a: 1,,}", "[,]", "{a}", "/* a", "'a", "01", "0x", "{-a: 1}",
    ] {
      #expect(loose(text) == nil, "\(text)")
    }
  }

  @Test func `a key that stands twice is told with both lines`() throws {
    let text = "{\n a: 1,\n b: { c: [ {\n d: 1,\n 'd': 2 } ] },\n a: 2,\n}"
    let read = try JSONReader.read(text, .json5)
    #expect(read.twice.map(\.path) == ["b.c[0].d", "a"])
    #expect(read.twice.map(\.first) == [4, 2] && read.twice.map(\.second) == [5, 6])
    #expect(
      read.node
        == .table([
          "a": .number(1), "b": .table(["c": .list([.table(["d": .number(1)])])]),
        ]))
  }

  @Test func `no text of a megabyte is read for long, however it is made`() {
    let size = 1 << 20
    let texts = [
      String(repeating: "[", count: size), String(repeating: "{\"a\":", count: size / 5),
      "[" + String(repeating: "0,", count: size / 2) + "0]",
      "[" + String(repeating: "{},", count: size / 3) + "0]",
      "\"" + String(repeating: "\\u0041", count: size / 6) + "\"",
      "\"" + String(repeating: "\\ud83d\\ude00", count: size / 12) + "\"",
      String(repeating: "9", count: size), "{" + String(repeating: " ", count: size),
      "{" + (0..<(size / 16)).map { "\"k\($0)\":1" }.joined(separator: ",") + "}",
      String(repeating: "[[[[", count: 8) + String(repeating: "]", count: 32),
      "{" + String(repeating: "\"a\":1,", count: size / 6) + "\"a\":1}",
    ]
    for text in texts {
      let clock = ContinuousClock()
      let took = clock.measure {
        _ = strict(text)
        _ = loose(text)
      }
      // On a busy machine: a reader that takes the square of the length would need minutes.
      #expect(took < .seconds(5), "\(text.prefix(40))")
    }
    #expect(strict(texts[0]) == nil && strict(texts[2]) == nil)
    #expect(strict(String(repeating: "[", count: 32) + String(repeating: "]", count: 32)) != nil)
  }

  @Test func `no text makes it stumble`() {
    var dice = Dice(seed: 5)
    let bytes = Array(
      "{a: [1, -2.5e3, 'x\\u0041\\n', null], \"b\": {/* c */ d: 0x1F, e: true,},}".utf8)
    for _ in 0..<5000 {
      var mutated = bytes
      for _ in 0...Int.random(in: 0...3, using: &dice) {
        let at = Int.random(in: 0..<mutated.count, using: &dice)
        switch Int.random(in: 0...2, using: &dice) {
        case 0: mutated[at] = UInt8.random(in: 0...255, using: &dice)
        case 1: mutated.remove(at: at)
        default: mutated.removeLast(min(mutated.count - 1, Int.random(in: 0...39, using: &dice)))
        }
      }
      let text = String(decoding: mutated, as: UTF8.self)
      #expect(strict(text) == strict(text) && loose(text) == loose(text))
    }
  }
}
